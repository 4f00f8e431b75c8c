# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Path of an artifact on a host: its name and the hash of everything that decides its content."""

from __future__ import annotations

import hashlib
import json

ARTIFACTS = "/opt/ai-backend/artifacts"


def artifact_path(name: str, *inputs: object) -> str:
    """`/opt/ai-backend/artifacts/<name>-<12 hex digits>`; a pure function of name and inputs.

    Equal inputs share one artifact; another version, lock, architecture or Python gives another path.
    """
    text = json.dumps(inputs, sort_keys=True, separators=(",", ":"))
    return f"{ARTIFACTS}/{name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
