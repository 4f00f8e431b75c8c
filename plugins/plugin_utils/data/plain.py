# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Convert what Ansible hands to a filter to plain Python data.

ansible-core 2.19 and newer hand lazy, tagged containers to a filter. pydantic-core reads their C storage and
sees internal objects instead of values, so nothing may be validated before it went through `to_plain`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

Plain: TypeAlias = "dict[str, Plain] | list[Plain] | str | int | float | bool | None"


def to_plain(value: object) -> Plain:
    """Return `value` as plain dict/list/str/int/float/bool/None.

    Mappings are read key by key and sequences by index, because only the item access of the lazy containers
    renders templates and vault values; iteration over their storage does not.

    Keys become strings (YAML reads `8080:` as an int key). Tuples and sets become lists. Anything else that is
    not a scalar (for example a date) becomes its string form.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        # str() of a tagged or vaulted string is its plain (decrypted) text.
        return str(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, Mapping):
        return {str(key): to_plain(value[key]) for key in list(value)}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [to_plain(value[index]) for index in range(len(value))]
    if isinstance(value, set | frozenset):
        return [to_plain(item) for item in sorted(value, key=str)]
    return str(value)
