# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Artifacts on a host: their paths, and which of them a fetch still has to get."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

ARTIFACTS = "/opt/ai-backend/artifacts"
MARKER = "/.complete"


def artifact_path(name: str, *inputs: object) -> str:
    """`/opt/ai-backend/artifacts/<name>-<12 hex digits>`; a pure function of name and inputs.

    Equal inputs share one artifact; another version, lock, architecture or Python gives another path.
    """
    text = json.dumps(inputs, sort_keys=True, separators=(",", ":"))
    return f"{ARTIFACTS}/{name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def still_missing(begun: Sequence[str], now: Sequence[str]) -> list[str]:
    """Of the paths that were missing when a fetch began, those that it still has to see to, in their order.

    An artifact is there once it has its marker, whichever service completed it. A model that was begun early may be
    there as well, but only its own fetch compares it with its digest, and lists it.
    """
    return [path for path in begun if path in now or not path.endswith(MARKER)]
