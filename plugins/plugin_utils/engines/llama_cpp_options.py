# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options of llama-server, and their environment variables.

Nearly every flag of llama-server has a LLAMA_ARG_* variable (`llama-server --help` lists it with the flag), so the
argument list of a unit never changes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from ..schema.base import AlsoSpelled, Context, Strict
from ..schema.durations import Duration
from .environment import text_of, texts
from .request_options import OpenAiRequestOptions

Count = Annotated[int, Field(ge=1)]
CacheType = Literal["f32", "f16", "bf16", "q8_0", "q4_0", "q4_1", "iq4_nl", "q5_0", "q5_1"]

# Other words for the same option, from other front ends and older documents.
SYNONYMS = {
    "ctx_size": "context_length",
    "n_ctx": "context_length",
    "n_gpu_layers": "gpu_layers",
    "n_threads": "threads",
    "n_batch": "batch_size",
    "flash_attn": "flash_attention",
    "type_k": "cache_type_k",
    "type_v": "cache_type_v",
    "n_parallel": "parallel",
    "sleep_idle_seconds": "sleep_after",
}
# Threads of an engine without a GPU, without another value in `threads`. With a thread on every core, it shares the
# cores with other processes, and each of its steps waits for the thread that lost its core. With a 135M model on two
# cores: 33-43 tokens/s next to one busy process, and 93 with one thread less (94 without that process).
CPU_THREADS = "cores - 1"
_VARIABLES = {
    "context_length": "LLAMA_ARG_CTX_SIZE",
    "gpu_layers": "LLAMA_ARG_N_GPU_LAYERS",
    "parallel": "LLAMA_ARG_N_PARALLEL",
    "threads": "LLAMA_ARG_THREADS",
    "batch_size": "LLAMA_ARG_BATCH",
    "ubatch_size": "LLAMA_ARG_UBATCH",
    "flash_attention": "LLAMA_ARG_FLASH_ATTN",
    "cache_type_k": "LLAMA_ARG_CACHE_TYPE_K",
    "cache_type_v": "LLAMA_ARG_CACHE_TYPE_V",
    "main_gpu": "LLAMA_ARG_MAIN_GPU",
    "split_mode": "LLAMA_ARG_SPLIT_MODE",
    "tensor_split": "LLAMA_ARG_TENSOR_SPLIT",
    "embeddings": "LLAMA_ARG_EMBEDDINGS",
    "pooling": "LLAMA_ARG_POOLING",
    "reranking": "LLAMA_ARG_RERANKING",
    "load_mode": "LLAMA_ARG_LOAD_MODE",
}
# Options that have none: they are words of the command line (llama_cpp_model.py), or of llama-cpp-python's server.
WITHOUT_VARIABLE = {"chat_format", "sleep_after"}
# The role sets these from the plan; which of two values is used would be accidental.
_SET_BY_THE_ROLE = {
    "LLAMA_ARG_HOST": "it listens on a socket; the edge publishes it",
    "LLAMA_ARG_PORT": "ports are in ai_backend_ports (or in base_url)",
    "LLAMA_ARG_MODEL": "write `path`, `url` + `sha256`, `wheel` + `sha256` or `source` of the model",
    "LLAMA_ARG_MODEL_URL": "write `url` + `sha256` of the model",
    "LLAMA_ARG_HF_REPO": "write `url` + `sha256` of the model",
    "LLAMA_ARG_HF_FILE": "write `url` + `sha256` of the model",
    "LLAMA_ARG_ALIAS": "the model's `name` is its alias",
    "LLAMA_ARG_API_KEY": "the deployment generates the engine's key",
    "LLAMA_ARG_API_KEY_FILE": "the deployment generates the engine's key",
    "LLAMA_ARG_API_PREFIX": "the gateway uses /v1",
    "LLAMA_ARG_DOCKER_REPO": "write `url` + `sha256` of the model",
    "LLAMA_ARG_ENDPOINT_METRICS": "it is always on",
    "LLAMA_ARG_SSL_CERT_FILE": "it listens on a socket; the edge publishes it",
    "LLAMA_ARG_SSL_KEY_FILE": "it listens on a socket; the edge publishes it",
    "LLAMA_ARG_MODELS_DIR": "one provider runs one model; add a provider for the other one",
    "LLAMA_ARG_MODELS_PRESET": "one provider runs one model; add a provider for the other one",
}
# With these, a request could run commands on the host, or reach other hosts through it.
_COMMANDS = {
    f"LLAMA_ARG_{word}"
    for word in ("AGENT", "MCP_SERVERS_CONFIG", "MCP_SERVERS_JSON", "TOOLS", "TOOLS_RUNTIME", "UI_MCP_PROXY")
}
# Values of a variable that turn an option off.
NO = ("false", "0", "off", "")
# Words for a command line, which a user cannot set.
ARGUMENTS = dict.fromkeys(
    ("args", "arguments", "command", "extra_args", "flags", "llama_args", "server_args"),
    "write `environment: {LLAMA_ARG_…: value}`; `llama-server --help` names the variable of each option",
)
_HUB = "write `url: https://huggingface.co/REPOSITORY/resolve/main/FILE` and its `sha256`"
# Words that people look for, at a model or among its options.
LOOKED_FOR = {
    "chat_template": "write `environment: {LLAMA_ARG_CHAT_TEMPLATE: NAME}`, or its _FILE form with a path",
    "device": "write `environment: {LLAMA_ARG_DEVICE: CUDA0}`; `llama-server --list-devices` lists the names",
    "hf_file": _HUB,
    "hf_repo": _HUB,
    "reasoning": "write `environment: {LLAMA_ARG_REASONING: off}`",
    "system_prompt": "llama-server has none; clients send it as the first message",
    "think": "write `environment: {LLAMA_ARG_REASONING: off}`",
}
# Keys of a model that name another file, and the variable of each.
FILES = {"draft_model": "LLAMA_ARG_SPEC_DRAFT_MODEL", "mmproj": "LLAMA_ARG_MMPROJ"}
_VARIABLE = re.compile(r"LLAMA_ARG_[A-Z0-9_]+")


# What llama-cpp-python's server registers (llama_cpp/llama_chat_format.py), without those that need a projector.
ChatFormat = Literal[
    "alpaca",
    "baichuan",
    "baichuan-2",
    "chatglm3",
    "chatml",
    "chatml-function-calling",
    "functionary",
    "functionary-v1",
    "functionary-v2",
    "gemma",
    "intel",
    "llama-2",
    "llama-3",
    "mistral-instruct",
    "mistrallite",
    "oasst_llama",
    "open-orca",
    "openbuddy",
    "openchat",
    "phind",
    "pygmalion",
    "qwen",
    "redpajama-incite",
    "saiga",
    "snoozy",
    "vicuna",
    "zephyr",
]


class LlamaCppOptions(Strict):
    """Options of one llama.cpp process. Lengths are in tokens; without a value, the server's default is used."""

    REFUSED: ClassVar[Mapping[str, str]] = {
        **ARGUMENTS,
        **LOOKED_FOR,
        **dict.fromkeys(OpenAiRequestOptions.model_fields, "write it in `defaults` of the model, next to `options:`"),
        **dict.fromkeys((*FILES, "lora"), "write it at the model, next to `options:`"),
        "grammar": "llama-server has no variable for it; send `grammar` with the request",
        "port": "ports are in ai_backend_ports (or in base_url)",
        "host": "it listens on a socket; the edge publishes it",
        "api_key": "the deployment generates the engine's key",
        "mlock": "write `load_mode: mlock`",
        "mmap": "write `load_mode: mmap`",
    }
    context_length: Context | None = None
    """Tokens of context (also `ctx_size`, `n_ctx`)."""
    gpu_layers: Annotated[int, Field(ge=-1)] | Literal["auto", "all"] | None = None
    """Layers on the GPU: a number, `auto` or `all` (also `n_gpu_layers`)."""
    parallel: Count | None = None
    """Requests at the same time (also `n_parallel`)."""
    threads: Count | None = None
    """Threads; without a GPU the default is one less than the host's cores (also `n_threads`)."""
    batch_size: Count | None = None
    """Logical batch, in tokens (also `n_batch`)."""
    ubatch_size: Count | None = None
    """Physical batch, in tokens."""
    flash_attention: Annotated[Literal["on", "off", "auto"] | None, AlsoSpelled({"type": "boolean"})] = None
    """true, false or `auto` (also `flash_attn`)."""
    cache_type_k: CacheType | None = None
    """Type of the K cache (also `type_k`)."""
    cache_type_v: CacheType | None = None
    """Type of the V cache (also `type_v`)."""
    main_gpu: Annotated[int, Field(ge=0)] | None = None
    """GPU for the parts that are not split."""
    split_mode: Literal["none", "layer", "row", "tensor"] | None = None
    """How the model is split over GPUs."""
    tensor_split: Annotated[str, Field(pattern=r"^[0-9.]+(,[0-9.]+)*$")] | None = None
    """Shares of the GPUs, such as 3,1."""
    embeddings: bool | None = None
    """Serve embeddings only."""
    pooling: Literal["none", "mean", "cls", "last", "rank"] | None = None
    """How the vectors of a text become one; a model for embeddings has its own, another one needs `mean`."""
    reranking: bool | None = None
    """Serve rankings only."""
    load_mode: Literal["auto", "none", "mmap", "mlock", "mmap+mlock", "dio"] | None = None
    """How the model file is read."""
    sleep_after: Duration | None = None
    """Time without a request, such as 15m, after which the model leaves the memory; the next request loads it."""
    chat_format: ChatFormat | None = None
    """`server: python`: the form of a chat instead of that of the model's file."""

    @field_validator("gpu_layers", mode="before")
    @classmethod
    def _layers(cls, value: Any) -> Any:
        """One message instead of one for each form."""
        number = isinstance(value, int | str) and not isinstance(value, bool) and re.fullmatch(r"-1|\d+", str(value))
        if value is not None and not number and value not in ("auto", "all"):
            raise ValueError("is not a number of layers → write one such as 99, or `auto` or `all`")
        return value

    @model_validator(mode="before")
    @classmethod
    def _one_form(cls, data: Any) -> Any:
        return one_form(data)


# At a model itself, the word for an option.
OPTIONS = dict.fromkeys(
    sorted({*LlamaCppOptions.model_fields, *SYNONYMS} - {"context_length"}), "write it below `options:`"
)


def one_form(data: Any) -> Any:
    """Read the other words for an option; two words for one option must have the same value."""
    if not isinstance(data, dict):
        return data
    result: dict[str, Any] = {}
    for word, given in data.items():
        name = str(SYNONYMS.get(word, word))
        value = ("on" if given else "off") if name == "flash_attention" and isinstance(given, bool) else given
        if name in result and result[name] != value:
            raise ValueError(f"{word} and {name} have different values → keep {name}")
        result[name] = value
    return result


def _check_environment(environment: dict[str, str]) -> dict[str, str]:
    """Only LLAMA_ARG_* variables that a user may set, and that have no option of their own."""
    options = {variable: option for option, variable in _VARIABLES.items()}
    for name in sorted(environment):
        if name in _SET_BY_THE_ROLE:
            raise ValueError(f"{name} is set by the deployment → {_SET_BY_THE_ROLE[name]}")
        if name in _COMMANDS:
            raise ValueError(f"{name} would let requests run commands on the host → remove it")
        if not _VARIABLE.fullmatch(name):
            raise ValueError("has a name that is not LLAMA_ARG_… → `llama-server --help` lists the names")
        if name in options:
            raise ValueError(f"{name} has an option of its own → write options.{options[name]}")
    return environment


Environment = Annotated[
    dict[str, str], BeforeValidator(texts), AfterValidator(_check_environment), AlsoSpelled({"type": "object"})
]


def environment_of(
    options: LlamaCppOptions, environment: Mapping[str, str], context_length: int | None
) -> dict[str, str]:
    """LLAMA_ARG_* variables, sorted by name. `context_length` is the model's own word for the same option."""
    values = options.model_dump(exclude_none=True, exclude=WITHOUT_VARIABLE)
    if context_length is not None:
        values.setdefault("context_length", context_length)
    result = dict(environment)
    for name, value in values.items():
        result[_VARIABLES[name]] = text_of(value)
    return dict(sorted(result.items()))
