# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Questions to the gateway, as probes of its release (module_utils/probes/checks.py)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..engines.abilities import PROOFS
from ..schema.secrets import MASTER_KEY


def probe_of(proof: str, models: Sequence[str], kind: str = "") -> dict[str, Any]:
    """One that asks each model for a proof, a key of PROOFS, with the gateway's own key; `kind` is the proof itself."""
    key = {"file": "litellm.env", "name": MASTER_KEY}
    return {"kind": kind or proof, "path": PROOFS[proof], "models": list(models), "key": key}
