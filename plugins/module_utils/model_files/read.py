# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The facts of whatever is at a path: a GGUF file, a folder of safetensors, or a manifest that names such files."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable

from .facts import Facts, UnreadableError, unreadable
from .gguf_layers import gguf_facts
from .manifest import is_manifest, manifest_facts
from .safetensors import safetensors_facts


def facts_at(paths: Iterable[str]) -> dict[str, Facts]:
    """{path: its facts} of those that are there; one that can't be read has a problem."""
    return {path: _facts(path) for path in sorted(set(paths)) if os.path.exists(path)}


def _facts(path: str) -> Facts:
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            return safetensors_facts(path)
        if not stat.S_ISREG(mode):
            return unreadable("is neither a file nor a folder")
        return manifest_facts(path) if is_manifest(path) else gguf_facts(path)
    except UnreadableError as error:
        return unreadable(str(error))
    except OSError as error:
        return unreadable(f"can't be read: {error.strerror}")
