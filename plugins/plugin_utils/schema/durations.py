# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Durations: 90s, 15m, 2h, or a number of seconds."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, Field

from .base import AlsoSpelled

_SECONDS = {"s": 1, "m": 60, "h": 3600}
_FORM = re.compile(r"(\d{1,7})\s?([smh]?)")


def _read(value: object) -> object:
    found = (
        _FORM.fullmatch(str(value).strip()) if isinstance(value, int | str) and not isinstance(value, bool) else None
    )
    if found is None:
        raise ValueError("is not a duration → write one such as 90s, 15m or 2h")
    return int(found[1]) * _SECONDS[found[2] or "s"]


# In seconds.
Duration = Annotated[int, BeforeValidator(_read), Field(ge=1), AlsoSpelled({"type": "string"})]
