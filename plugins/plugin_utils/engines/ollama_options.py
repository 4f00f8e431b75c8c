# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options of an Ollama server, and their environment variables (envconfig/config.go of Ollama, 2026-08)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from ..schema.base import AlsoSpelled, Context, Strict
from .environment import text_of, texts

Count = Annotated[int, Field(ge=1)]
# Ollama has no variable for threads. Its llama-server has one, and gets Ollama's environment.
_VARIABLES = {
    "keep_alive": "OLLAMA_KEEP_ALIVE",
    "load_timeout": "OLLAMA_LOAD_TIMEOUT",
    "num_parallel": "OLLAMA_NUM_PARALLEL",
    "max_loaded_models": "OLLAMA_MAX_LOADED_MODELS",
    "max_queue": "OLLAMA_MAX_QUEUE",
    "context_length": "OLLAMA_CONTEXT_LENGTH",
    "flash_attention": "OLLAMA_FLASH_ATTENTION",
    "kv_cache_type": "OLLAMA_KV_CACHE_TYPE",
    "gpu_overhead": "OLLAMA_GPU_OVERHEAD",
    "sched_spread": "OLLAMA_SCHED_SPREAD",
    "threads": "LLAMA_ARG_THREADS",
}
# The role sets these from the plan.
_SET_BY_THE_ROLE = {
    "OLLAMA_HOST": "engines listen on loopback; the edge publishes them",
    "OLLAMA_MODELS": "models are below /var/lib/ai-backend/models; list them in `models:`",
    "OLLAMA_NOPRUNE": "a rollback needs the models of older releases; `prune: true` removes them by name",
    "OLLAMA_NO_CLOUD": "a cloud is a provider of its own: `type: ollama_cloud`",
    "OLLAMA_REMOTES": "a cloud is a provider of its own: `type: ollama_cloud`",
}
_NAME = re.compile(r"OLLAMA_[A-Z0-9_]+")
# Seconds, or what Go reads as a duration.
_DURATION = re.compile(r"-?(\d+|(\d+(\.\d+)?(ns|us|ms|s|m|h))+)")
# Those without its prefix that it reads or hands on: which cards it may use, and how much of them stays free.
_ALSO_READ = {
    "CUDA_VISIBLE_DEVICES",
    "GGML_VK_VISIBLE_DEVICES",
    "GPU_DEVICE_ORDINAL",
    "HIP_VISIBLE_DEVICES",
    "HSA_OVERRIDE_GFX_VERSION",
    "LLAMA_ARG_FIT",
    "LLAMA_ARG_FIT_TARGET",
    "ROCR_VISIBLE_DEVICES",
}


class OllamaServerOptions(Strict):
    """Options of one Ollama server; without a value, Ollama's default is used."""

    REFUSED: ClassVar[Mapping[str, str]] = {
        "host": "engines listen on loopback; the edge publishes them",
        "port": "ports are in ai_backend_ports (or in base_url)",
        "api_key": "Ollama has no key; clients use the gateway's",
        "temperature": "write it in `options` or `parameters` of a model",
    }
    ALSO: ClassVar[Mapping[str, str]] = {
        "parallel": "num_parallel",
        "num_ctx": "context_length",
        "ctx_size": "context_length",
        "flash_attn": "flash_attention",
        "num_thread": "threads",
    }
    keep_alive: str | int | None = None
    """How long a model stays loaded after its last request (`5m`, -1 for ever)."""
    load_timeout: str | int | None = None
    """How long the load of a model may stall (`5m`, 0 for ever)."""
    num_parallel: Count | None = None
    """Requests to one model at the same time (also `parallel`)."""
    max_loaded_models: Count | None = None
    """Models in memory at the same time, for each GPU."""
    max_queue: Count | None = None
    """Waiting requests; above that Ollama answers 503."""
    context_length: Context | None = None
    """Tokens of context of a model without its own (also `num_ctx`)."""
    flash_attention: bool | None = None
    """Flash attention (also `flash_attn`)."""
    kv_cache_type: Literal["f16", "q8_0", "q4_0"] | None = None
    """Type of the KV cache; another one than f16 needs flash attention."""
    gpu_overhead: Annotated[int, Field(ge=0)] | None = None
    """Memory of each GPU that stays free, in bytes."""
    sched_spread: bool | None = None
    """Always use all GPUs for a model."""
    threads: Count | None = None
    """Threads; without a GPU the default is one less than the host's cores (also `num_thread`)."""

    @field_validator("keep_alive", "load_timeout", mode="before")
    @classmethod
    def _duration(cls, value: object) -> object:
        return duration(value)


def duration(value: object) -> object:
    """One message for each wrong form of a duration: Ollama uses its default for one that it cannot read."""
    if value is not None and (isinstance(value, bool) or not _DURATION.fullmatch(str(value))):
        raise ValueError("is not a duration → write one such as 5m, or -1 for ever")
    return value


def _check_environment(environment: dict[str, str]) -> dict[str, str]:
    """Only variables that Ollama reads, that a user may set, and that have no option of their own."""
    options = {variable: option for option, variable in _VARIABLES.items()}
    for name in sorted(environment):
        if name in _SET_BY_THE_ROLE:
            raise ValueError(f"{name} is set by the deployment → {_SET_BY_THE_ROLE[name]}")
        if name in options:
            raise ValueError(f"{name} has an option of its own → write options.{options[name]}")
        if not _NAME.fullmatch(name) and name not in _ALSO_READ:
            others = ", ".join(sorted(_ALSO_READ))
            raise ValueError(f"{name} is not a variable of Ollama → write OLLAMA_…, or one of {others}")
    return environment


OllamaEnvironment = Annotated[
    dict[str, str], BeforeValidator(texts), AfterValidator(_check_environment), AlsoSpelled({"type": "object"})
]


def environment_of(options: OllamaServerOptions, environment: Mapping[str, str]) -> dict[str, str]:
    """Variables of the server, sorted by name."""
    given = options.model_dump(exclude_none=True)
    return dict(sorted({**environment, **{_VARIABLES[name]: text_of(value) for name, value in given.items()}}.items()))
