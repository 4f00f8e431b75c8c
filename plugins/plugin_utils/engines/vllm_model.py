# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A model of a vLLM server, or a LoRA adapter for it: a folder on the host, and where it comes from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from ...module_utils.host.layout import ARTIFACT_MARKER, Layout
from ..schema.base import AlsoSpelled, ModelName, SecretName
from .model import ModelEntry, OpenAiModel, by_name
from .request_options import OpenAiRequestOptions
from .vllm_options import AT_THE_PROVIDER

_FILES = "vLLM serves folders with config.json and safetensors: write `path`, or `hf_repo` and `revision`"
_COMMIT = re.compile(r"[0-9a-f]{40}")


def _commit(value: str) -> str:
    if not _COMMIT.fullmatch(value):
        remedy = "write the 40 digits of one, which the repository's page shows under 'Files and versions', 'History'"
        raise ValueError(f"is not a commit, and what is behind another name changes → {remedy}")
    return value


def place_of(name: str) -> str:
    """Where the folder of a model is that nobody gave a place."""
    own = re.sub(r"[^A-Za-z0-9._-]", "-", name).lstrip(".-")
    return f"{Layout().models}/{own}"


class VllmRequestOptions(OpenAiRequestOptions):
    """Defaults that the gateway adds to a request that does not set them."""

    REFUSED: ClassVar[Mapping[str, str]] = {
        **OpenAiRequestOptions.REFUSED,
        **{word: why for word, why in AT_THE_PROVIDER.items() if word not in OpenAiRequestOptions.model_fields},
    }


class VllmModel(OpenAiModel):
    """A model of a vLLM server, or an adapter for it.

    A managed vLLM serves one model, in a folder: `path` (already on the host), or `hf_repo` and `revision` (downloaded
    and checked). Without either, the folder is expected in the models directory under its name. Entries with `base`
    are LoRA adapters of that model.
    """

    REFUSED: ClassVar[Mapping[str, str]] = {
        **ModelEntry.REFUSED,
        **{word: why for word, why in AT_THE_PROVIDER.items() if word not in ("quantization",)},
        **dict.fromkeys(("file", "gguf", "sha256", "source", "url", "wheel"), _FILES),
        "lora": "write an entry of its own for each adapter: `{name: …, base: NAME OF THE MODEL, path: …}`",
        "max_model_len": "write `context_length`",
        "served_model_name": "`name` is its name",
        "token": "write `hf_token: NAME`, and NAME in ai_backend_secrets",
    }

    options: VllmRequestOptions = VllmRequestOptions()
    """Defaults for requests that do not set them."""
    path: Annotated[str, Field(pattern=r"^/[^\s%\"'\\$]*$")] | None = None
    """A folder that is already on the host."""
    hf_repo: Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.-]*/[\w.-]+$")] | None = None
    """A repository of Hugging Face's hub, such as Qwen/Qwen2.5-7B-Instruct-AWQ."""
    revision: Annotated[str, AfterValidator(_commit)] | None = None
    """The commit of `hf_repo`."""
    hf_token: SecretName | None = None
    """Name of the secret with which the hub gives `hf_repo`, if it asks for one."""
    base: ModelName | None = None
    """The model that this adapter is for."""

    @model_validator(mode="after")
    def _one_origin(self) -> VllmModel:
        if self.path is not None and self.hf_repo is not None:
            raise ValueError("has path and hf_repo → keep one of them")
        if (self.hf_repo is None) != (self.revision is None):
            raise ValueError("hf_repo and revision go together → write both")
        if self.hf_token is not None and self.hf_repo is None:
            raise ValueError("has hf_token without hf_repo → remove it")
        if self.path is not None and ".." in self.path.split("/"):
            raise ValueError("path has '..' → write the folder itself")
        if self.path is not None and self.path.endswith((".gguf", ".safetensors", ".bin")):
            raise ValueError(f"path is a file → {_FILES}")
        if self.base == self.name:
            raise ValueError("base is the entry itself → write the name of the model that it adapts")
        return self

    @property
    def folder(self) -> dict[str, Any]:
        """{name, path, needs, source}: where it is on the host, a path that exists then, and where it comes from."""
        if self.hf_repo is None:
            path = (self.path or place_of(self.name)).rstrip("/")
            needs = f"{path}/{'config.json' if self.base is None else 'adapter_config.json'}"
            return {"name": self.name, "path": path, "needs": needs, "source": {"kind": "path"}}
        path = f"{Layout().hub}/{self.hf_repo.replace('/', '--')}/{self.revision}"
        source = {"kind": "hub", "repo": self.hf_repo, "revision": self.revision, "token": self.hf_token or ""}
        return {"name": self.name, "path": path, "needs": f"{path}/{ARTIFACT_MARKER}", "source": source}


OneVllm = Annotated[VllmModel, BeforeValidator(by_name), AlsoSpelled({"type": "string"})]
