# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options of a vLLM server, and the flags of `vllm serve` (0.32) that they become."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from ..schema.base import AlsoSpelled, Strict, Words
from .environment import texts

Count = Annotated[int, Field(ge=1)]
# A name out of a list that vLLM keeps: its own parser refuses another one before the switch.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]

_LISTENS = "it listens on a socket; the edge publishes it"
_NODES = "an instance runs on one host; several hosts each get their own with `hosts:`"
_RUNS_CODE = "it would run code that no lock names"
# Flags that the role sets, or that no managed server may have.
_NOT_THE_USERS = {
    **dict.fromkeys(("host", "port", "uds", "grpc", "grpc-port", "root-path"), _LISTENS),
    **dict.fromkeys(("ssl-keyfile", "ssl-certfile", "ssl-ca-certs", "ssl-cert-reqs", "ssl-ciphers"), _LISTENS),
    **dict.fromkeys(
        ("allowed-origins", "allowed-methods", "allowed-headers", "allow-credentials"),
        "web pages reach the gateway: write ai_backend_gateway.cors_origins",
    ),
    **dict.fromkeys(("headless", "nnodes", "node-rank", "master-addr", "master-port", "ray"), _NODES),
    **dict.fromkeys(("data-parallel-address", "data-parallel-rpc-port", "data-parallel-start-rank"), _NODES),
    **dict.fromkeys(("kv-transfer-config", "ec-transfer-config", "kv-events-config"), _NODES),
    **dict.fromkeys(("middleware", "tool-parser-plugin", "reasoning-parser-plugin", "io-processor-plugin"), _RUNS_CODE),
    **dict.fromkeys(("worker-cls", "worker-extension-cls", "scheduler-cls", "logits-processors"), _RUNS_CODE),
    **dict.fromkeys(("hf-token", "download-dir"), "models are fetched before the server starts: write `hf_repo`"),
    **dict.fromkeys(("revision", "code-revision", "tokenizer-revision"), "write `hf_repo` and `revision` of the model"),
    **dict.fromkeys(("model", "model-tag"), "write `path`, or `hf_repo` and `revision`, of the model"),
    **dict.fromkeys(("enable-lora", "lora-modules"), "write an entry of `models:` with `base:` for each adapter"),
    "allowed-local-media-path": "requests could read files of the host with it",
    "allowed-media-domains": "write options.media_domains",
    "api-key": "the deployment generates the engine's key",
    "api-server-count": "one server answers for an instance",
    "config": "it is what `options` and `extra` become",
    "device-ids": "write options.devices",
    "enable-prompt-embeds": "requests could make the server read any object with it",
    "enable-sleep-mode": "write `wake: on_request` at the provider: the server stops, and its memory is free",
    "max-model-len": "write `context_length` of the model",
    "pooler-config": "write options.pooling",
    "served-model-name": "the model's `name` is its name",
    "tool-server": "it runs code that models write",
}
# Words that people look for among the options, and what to write.
_LOOKED_FOR = {
    **{flag.replace("-", "_"): why for flag, why in _NOT_THE_USERS.items()},
    **dict.fromkeys(("context_length", "max_model_length", "max_seq_len"), "write `context_length` of the model"),
    **dict.fromkeys(("device", "gpu", "gpus"), "write `devices: [0]`, the numbers of the cards"),
    **dict.fromkeys(("args", "arguments", "extra_args", "flags"), "write `extra: {flag: value}` next to `options:`"),
    "disable_log_requests": "vLLM has no such option any more; it logs no requests",
    "environment": "write it at the provider, next to `options:`",
    "extra": "write it at the provider, next to `options:`",
    "lora": "write an entry of `models:` with `base:` for each adapter",
    "swap_space": "vLLM has no such option any more",
    "task": "write `runner: pooling` for embeddings and rankings",
    "temperature": "write it in `options` of the model",
}


class VllmOptions(Strict):
    """Options of one vLLM server; without a value, vLLM's default is used."""

    REFUSED: ClassVar[Mapping[str, str]] = _LOOKED_FOR
    ALSO: ClassVar[Mapping[str, str]] = {
        "gpu_memory_fraction": "gpu_memory_utilization",
        "n_threads": "threads",
        "parallel": "max_num_seqs",
        "max_queue": "max_num_queued_reqs",
    }
    tensor_parallel_size: Count | None = None
    """Cards that share each layer of the model."""
    pipeline_parallel_size: Count | None = None
    """Groups of cards, each with a part of the layers."""
    devices: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)] | None = None
    """Numbers of the cards that it may use. Default: the first ones."""
    gpu_memory_utilization: Annotated[float, Field(gt=0, le=1)] | None = None
    """Share of the memory of its cards (also `gpu_memory_fraction`). Default: derived, see docs/vllm.md."""
    kv_cache_memory_bytes: Count | None = None
    """Size of the KV cache in bytes, in place of a share of the memory."""
    kv_cache_dtype: Name | None = None
    """Type of the KV cache, such as fp8."""
    cpu_offload_gb: Annotated[float, Field(ge=0)] | None = None
    """Weights of each card that stay in the host's memory, in GiB."""
    dtype: Literal["auto", "half", "float16", "bfloat16", "float", "float32"] | None = None
    """Type of the weights and of what is computed."""
    quantization: Name | None = None
    """Quantize the weights while they are loaded, such as fp8. Files in AWQ, GPTQ or FP8 are recognized without it."""
    max_num_seqs: Count | None = None
    """Requests that are answered at the same time (also `parallel`)."""
    max_num_batched_tokens: Count | None = None
    """Tokens of one step."""
    max_num_queued_reqs: Count | None = None
    """Waiting requests; above that vLLM answers 503 (also `max_queue`)."""
    enable_prefix_caching: bool | None = None
    """Keep the KV cache of the beginnings of prompts."""
    enforce_eager: bool | None = None
    """Compile nothing. Without a card the default is true: to compile needs a compiler on the host."""
    runner: Literal["generate", "pooling"] | None = None
    """`pooling` for embeddings and rankings. Default: by `abilities` of the model, else what the model is made for."""
    convert: Literal["none", "embed", "classify"] | None = None
    """What `pooling` makes of a model for text."""
    pooling: Literal["cls", "last", "mean"] | None = None
    """How the vectors of a text become one. Default: that of the model."""
    tool_call_parser: Name | None = None
    """How calls of tools are read from the model's text, such as hermes; with it clients may send tools."""
    enable_auto_tool_choice: bool | None = None
    """Whether the model itself may choose to call a tool. Default: true with `tool_call_parser`."""
    reasoning_parser: Name | None = None
    """How the model's thoughts are separated from its answer, such as qwen3."""
    chat_template: Annotated[str, Field(pattern=r"^/[^\s]*$")] | None = None
    """A file on the host with another template than the model's own."""
    max_lora_rank: Literal[1, 8, 16, 32, 64, 128, 256, 320, 512] | None = None
    """Largest rank of the adapters."""
    max_loras: Count | None = None
    """Adapters in one step. Default: all of them."""
    media_domains: Words = ()
    """Hosts from which pictures and sound of a request may be loaded. Default: none, a request contains them."""
    seed: Annotated[int, Field(ge=0)] | None = None
    """Seed of the sampling."""
    threads: Count | None = None
    """Threads without a card; the default is one less than the host's cores (also `n_threads`)."""
    shutdown_timeout: Annotated[int, Field(ge=0, le=3600)] = 30
    """Seconds that open answers may take when the server stops."""
    trust_remote_code: bool = False
    """Run the code that comes with the model's files. Only if you have read it."""

    @field_validator("media_domains")
    @classmethod
    def _hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for host in value:
            if not re.fullmatch(r"[A-Za-z0-9.-]+", host):
                raise ValueError("is not a list of hosts → write names such as images.example.org")
        return value

    @model_validator(mode="after")
    def _agree(self) -> VllmOptions:
        if self.enable_auto_tool_choice and self.tool_call_parser is None:
            raise ValueError("enable_auto_tool_choice needs a parser → write tool_call_parser, such as hermes")
        if self.kv_cache_memory_bytes is not None and self.gpu_memory_utilization is not None:
            raise ValueError("kv_cache_memory_bytes and gpu_memory_utilization exclude each other → keep one")
        if self.devices is not None and len(set(self.devices)) != len(self.devices):
            raise ValueError("devices has a card twice → write each number once")
        if self.devices is not None and len(self.devices) < self.cards:
            asked = "tensor_parallel_size x pipeline_parallel_size"
            raise ValueError(f"devices has {len(self.devices)} cards, {asked} is {self.cards} → write {self.cards}")
        generates = [word for word in ("convert", "pooling") if getattr(self, word) not in (None, "none")]
        if self.runner == "generate" and generates:
            raise ValueError(f"{' and '.join(generates)} need `runner: pooling` → write it, or remove them")
        if self.pools and (self.tool_call_parser or self.reasoning_parser):
            raise ValueError("a server for embeddings or rankings answers no chat → remove the parsers")
        return self

    @property
    def cards(self) -> int:
        """How many cards it needs."""
        return (self.tensor_parallel_size or 1) * (self.pipeline_parallel_size or 1)

    @property
    def pools(self) -> bool:
        """Whether it was asked for vectors or rankings instead of text."""
        return self.runner == "pooling" or self.convert in ("embed", "classify") or self.pooling is not None

    @property
    def flags(self) -> dict[str, Any]:
        """{flag of `vllm serve`: value} of what is given."""
        given = {name: getattr(self, name) for name in _FLAGS if getattr(self, name) is not None}
        flags = {name.replace("_", "-"): value for name, value in given.items()}
        if self.tool_call_parser is not None and self.enable_auto_tool_choice is None:
            flags["enable-auto-tool-choice"] = True
        if self.pools:
            flags["runner"] = "pooling"
        if self.pooling is not None:
            flags["pooler-config"] = {"pooling_type": self.pooling.upper()}
        if self.trust_remote_code:
            flags["trust-remote-code"] = True
        return flags


# Options that are flags with the same name.
_FLAGS = (
    *("tensor_parallel_size", "pipeline_parallel_size", "gpu_memory_utilization", "kv_cache_memory_bytes"),
    *("kv_cache_dtype", "cpu_offload_gb", "dtype", "quantization", "max_num_seqs", "max_num_batched_tokens"),
    *("max_num_queued_reqs", "enable_prefix_caching", "enforce_eager", "runner", "convert", "tool_call_parser"),
    *("enable_auto_tool_choice", "reasoning_parser", "chat_template", "seed", "shutdown_timeout"),
)
# At a model itself, the word for an option.
AT_THE_PROVIDER = dict.fromkeys(sorted(VllmOptions.model_fields), "write it in `options` of the provider")


def _flag(word: object) -> str:
    return str(word).lower().lstrip("-").replace("_", "-")


def _flags(value: object) -> object:
    """Flags as `vllm serve --help` writes them, without their dashes: `Max_Num_Seqs` is `max-num-seqs`."""
    return {_flag(word): given for word, given in value.items()} if isinstance(value, dict) else value


def _check_extra(extra: dict[str, Any]) -> dict[str, Any]:
    for flag, value in sorted(extra.items()):
        name = flag.partition(".")[0].removeprefix("no-")
        if name in _NOT_THE_USERS:
            raise ValueError(f"{flag} is not for users → {_NOT_THE_USERS[name]}")
        if name.startswith(("ssl-", "data-parallel-multi", "dp-supervisor")):
            raise ValueError(f"{flag} is not for users → {_LISTENS}")
        if name.replace("-", "_") in VllmOptions.model_fields:
            raise ValueError(f"{flag} has an option of its own → write options.{name.replace('-', '_')}")
        if not re.fullmatch(r"[a-z0-9-]+(\.[A-Za-z0-9_.+-]+)?", flag):
            raise ValueError("has a name that is no flag → `vllm serve --help=all` lists them")
        if value is None:
            raise ValueError(f"{flag} has no value → write true for a flag without one")
    return extra


Extra = Annotated[dict[str, Any], BeforeValidator(_flags), AfterValidator(_check_extra)]

_VARIABLE = re.compile(r"(VLLM|NCCL|PYTORCH|TORCH|TRITON|CUDA|HIP|ROCR|HSA|FLASHINFER)_[A-Z0-9_]+")
_OPENS = "requests could change the server with it"
_REFUSED_VARIABLES = {
    **dict.fromkeys(("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"), "write options.devices"),
    **dict.fromkeys(("VLLM_SERVER_DEV_MODE", "VLLM_ALLOW_RUNTIME_LORA_UPDATING"), _OPENS),
    **dict.fromkeys(("VLLM_ALLOW_INSECURE_SERIALIZATION", "VLLM_LORA_RESOLVER_CACHE_DIR"), _OPENS),
    **dict.fromkeys(("VLLM_LORA_RESOLVER_HF_REPO_LIST", "VLLM_TORCH_PROFILER_DIR"), _OPENS),
    **dict.fromkeys(("VLLM_CACHE_ROOT", "VLLM_CONFIG_ROOT", "VLLM_RPC_BASE_PATH"), "the role names its folders"),
    **dict.fromkeys(("VLLM_HOST_IP", "VLLM_PORT", "VLLM_DP_MASTER_IP", "VLLM_DP_MASTER_PORT"), _NODES),
    "VLLM_API_KEY": "the deployment generates the engine's key",
    "VLLM_CPU_KVCACHE_SPACE": "write options.kv_cache_memory_bytes",
    "VLLM_CPU_OMP_THREADS_BIND": "write options.threads",
    "VLLM_NO_USAGE_STATS": "nothing is sent to the publisher",
    "VLLM_PLUGINS": _RUNS_CODE,
    "VLLM_USE_MODELSCOPE": "models are fetched before the server starts: write `hf_repo`",
}


def _check_environment(environment: dict[str, str]) -> dict[str, str]:
    for name in sorted(environment):
        if name in _REFUSED_VARIABLES:
            raise ValueError(f"{name} is set by the deployment → {_REFUSED_VARIABLES[name]}")
        if not _VARIABLE.fullmatch(name):
            raise ValueError(f"{name} is not a variable of vLLM → write VLLM_…, NCCL_…, TORCH_… or CUDA_…")
    return environment


VllmEnvironment = Annotated[
    dict[str, str], BeforeValidator(texts), AfterValidator(_check_environment), AlsoSpelled({"type": "object"})
]
