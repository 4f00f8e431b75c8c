# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Imported settings of any shape, without their literal secrets."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..findings.paths import join
from ..schema.secrets import looks_like_secret, references
from .result import Imported, Raw

_SECRET_KEY = re.compile(r"(?i)(?:^|_)(?:key|key_id|token|secret|password|passwd|license)s?$")


def without_secrets(made: Imported, value: object, path: str, names: Sequence[str] = ()) -> object:
    """The same without literal values that are secrets, by their look or by the name of their key."""
    if isinstance(value, list):
        kept = [without_secrets(made, item, join(path, index), names) for index, item in enumerate(value)]
        return [item for item, given in zip(kept, value, strict=True) if item is not None or given is None]
    if not isinstance(value, dict):
        return None if isinstance(value, str) and _refused(made, "", value, path, names) else value
    result: Raw = {}
    for key, item in value.items():
        where = join(path, str(key)) if not looks_like_secret(str(key)) else path
        if not (isinstance(item, str) and _refused(made, str(key), item, where, names)):
            result[str(key)] = without_secrets(made, item, where, names)
    return result


def _refused(made: Imported, key: str, value: str, path: str, names: Sequence[str]) -> bool:
    if references(value) or not value or not (looks_like_secret(value) or _SECRET_KEY.search(key)):
        return False
    remedy = "refer to it by name: `os.environ/SOME_NAME`, and set SOME_NAME in ai_backend_secrets"
    made.note("refused", path, "a literal secret is not imported", remedy, names)
    return True
