# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""vLLM."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import model_validator

from ....module_utils.host.layout import Layout
from ...data.plain import Plain
from ...data.row import Row
from ...findings.findings import Finding, suggest, warning
from ...findings.paths import Place, join
from ...schema.secrets import ENGINE_KEY
from ..abilities import PROOFS, Ability, proof_of
from ..clients import VLLM
from ..load import Engine, Load
from ..model import ModelEntry
from ..provider import Provider
from ..site import Site
from ..vllm_model import OneVllm, VllmModel
from ..vllm_options import Extra, VllmEnvironment, VllmOptions
from ..vllm_share import Use, derived, given_on
from ..waking import WakingProvider

SERVICE = "vllm"
# Of a server for text; whether it reads pictures or sound depends on the model.
_TEXT: frozenset[Ability] = frozenset({"audio", "chat", "completion", "vision"})
# Seconds until a server with a small model answers, and bytes of weights that a slow disk gives in a second.
_START_SECONDS, _BYTES_A_SECOND = 300, 200_000_000
# Below /v1/ it asks for a key. Its other paths ask for none: one answers like a chat, some change what the server does.
_PATHS = ("/health", "/metrics", "/v1/")
# No request makes the server load something from elsewhere, unless the registry names where from.
_NOWHERE = "none.invalid"


class Vllm(WakingProvider):
    """A vLLM server. It serves the model that it was started with, and adapters of it."""

    MANY_MODELS: ClassVar[bool] = False
    LOCAL: ClassVar[bool] = True
    CLIENT: ClassVar[str] = VLLM
    HEALTH: ClassVar[str] = "/health"
    OWNER: ClassVar[str] = "vllm"
    REMEDY: ClassVar[str] = "start it with that model"
    ROLE_VARIABLES: ClassVar[Mapping[str, Plain]] = {"vllm_backend": "cuda", "vllm_lock": ""}
    MEANT: ClassVar[Mapping[str, Mapping[str, str]]] = {
        "vllm_backend": {
            **dict.fromkeys(("gpu", "nvidia"), "cuda"),
            **dict.fromkeys(("amd", "hip"), "rocm"),
            "none": "cpu",
        }
    }
    type: Literal["vllm"]
    """The kind of provider."""
    models: tuple[OneVllm, ...] = ()
    """Models, each a name or a mapping; a managed one has exactly one, and adapters of it."""
    options: VllmOptions = VllmOptions()
    """Options of a managed server."""
    extra: Extra = {}
    """Further flags of `vllm serve`, without their dashes. vLLM's own parser checks them on the host."""
    environment: VllmEnvironment = {}
    """Further VLLM_*, NCCL_*, TORCH_* and CUDA_* variables of a managed server."""

    @model_validator(mode="after")
    def _check_models(self) -> Vllm:
        if not self.is_managed or not self.active:
            return self
        served = [entry.name for entry in self.models if entry.base is None]
        if len(served) != 1:
            remedy = "a managed vLLM serves one: write `base:` for adapters of it, and add a provider for each other"
            raise ValueError(f"models has {len(served)} entries without `base` → {remedy}")
        for entry in self.adapters:
            if entry.base != served[0]:
                remedy = suggest(entry.base or "", served)
                raise ValueError(f"'{entry.name}' has the base '{entry.base}', which is not its model → {remedy}")
            if entry.context_length is not None:
                raise ValueError(f"'{entry.name}' has the context of its model → remove its context_length")
        words = [word for word in ("max_loras", "max_lora_rank") if getattr(self.options, word) is not None]
        if words and not self.adapters:
            raise ValueError(f"options has {' and '.join(words)}, but no model has `base` → remove them, or add one")
        self._check_kind()
        return self

    def _check_kind(self) -> None:
        """The model's abilities and the options must mean the same kind of server."""
        given = set(self.served.abilities or ())
        vectors = {"embedding", "rerank"}
        if given & vectors and given - vectors:
            raise ValueError(f"'{self.served.name}' can't answer with text and with vectors → keep one kind")
        if given & vectors and (self.options.runner == "generate" or self.options.tool_call_parser):
            raise ValueError("abilities asks for vectors, options for text → change one of them")
        if given and self.options.pools and not given & vectors:
            raise ValueError("abilities asks for text, options for vectors → change one of them")

    @model_validator(mode="after")
    def _the_model_is_the_default(self) -> Vllm:
        """An adapter is asked for by its name; any other name means the model."""
        if not self.is_managed or not self.active or not self.adapters or self.default_model is not None:
            return self
        return self.model_copy(update={"default_model": self.served.name})

    @property
    def served(self) -> VllmModel:
        """The model of a managed one."""
        return next(entry for entry in self.models if entry.base is None)

    @property
    def adapters(self) -> list[VllmModel]:
        """Its adapters."""
        return [entry for entry in self.models if entry.base is not None]

    @property
    def installable(self) -> bool:
        """Whether this version can install it on a host."""
        return True

    def service(self, site: Site) -> Row:
        """The row of a vLLM server on a host."""
        instance = self.instance(site.provider)
        kind = proof_of([self.abilities(self.served)])
        share = 0.0 if self.options.kv_cache_memory_bytes else derived(_uses(site.engines)).get(site.provider, 0.0)
        row: Row = {
            "service": SERVICE,
            "instance": instance,
            "provider": site.provider,
            "role": "lab.ai_backend.vllm",
            "stage": "backend",
            "ports": {instance: site.port},
            "sockets": {instance: Layout().socket(instance)},
            "slots": [],
            "secrets": {f"{SERVICE}.env": {"VLLM_API_KEY": ENGINE_KEY}},
            "publish": None if site.publish is None else {**site.publish, "paths": list(_PATHS)},
            "config": {
                "models": sorted(entry.name for entry in self.models),
                "folders": [entry.folder for entry in (self.served, *self.adapters)],
                "files": [self.options.chat_template] if self.options.chat_template else [],
                "flags": self._flags(Layout().socket(instance)),
                "share": share,
                "threads": str(self.options.threads or "cores - 1"),
                "devices": ",".join(map(str, self.options.devices or ())),
                "environment": dict(sorted(self.environment.items())),
                "start_seconds": self._start_seconds(),
                "stop_seconds": self.options.shutdown_timeout,
                "proof": {"kind": kind, "path": PROOFS.get(kind, "")},
                "shared": site.shared,
                "pauses": list(site.pauses),
            },
        }
        return self.with_wake(row, site)

    def _flags(self, socket: str) -> dict[str, Any]:
        """{flag: value} of its configuration, sorted, without what depends on the host."""
        served = self.served
        flags: dict[str, Any] = {
            "uds": socket,
            "model": served.folder["path"],
            "served-model-name": [served.name],
            "disable-uvicorn-access-log": True,
            "allowed-media-domains": list(self.options.media_domains) or [_NOWHERE],
            **self.options.flags,
            **self.extra,
        }
        if served.context_length is not None:
            flags["max-model-len"] = served.context_length
        if {"embedding", "rerank"} & set(served.abilities or ()):
            flags["runner"] = "pooling"
        if self.adapters:
            flags["enable-lora"] = True
            flags["lora-modules"] = [f"{entry.name}={entry.folder['path']}" for entry in self.adapters]
            flags["max-loras"] = self.options.max_loras or len(self.adapters)
            if self.options.max_lora_rank is not None:
                flags["max-lora-rank"] = self.options.max_lora_rank
        return dict(sorted(flags.items()))

    def _start_seconds(self) -> int:
        """How long it may take until it answers."""
        weights = self.served.need.weights if self.served.need is not None else 0
        return _START_SECONDS + weights // _BYTES_A_SECOND

    def abilities(self, entry: ModelEntry | None) -> Sequence[Ability] | None:
        """What its models can do: of a managed one the options tell, of another one only the registry."""
        if entry is None or entry.abilities is not None or not self.is_managed or not self.active:
            return super().abilities(entry)
        if self.served.abilities is not None:
            return sorted(set(self.served.abilities))
        if self.options.pools:
            return ["rerank"] if self.options.convert == "classify" else ["embedding"]
        return sorted(_TEXT | ({"tools"} if self.options.tool_call_parser else set()))

    def in_memory(self, name: str) -> Engine:
        """What one with this name has in memory: its model, and a cache for one request of the longest kind."""
        own = super().in_memory(name)
        if not self.is_managed or not self.active:
            return own
        options, index = self.options, self.models.index(self.served)
        load: Load = {**own["models"][index], "file": self.served.folder["path"]}
        if (options.kv_cache_dtype or "").startswith("fp8"):
            load["cache_bits"] = [8.0, 8.0]
        card = (options.devices or (0,))[0] if options.cards == 1 else -1
        return {**own, "card": card, "spills": bool(options.cpu_offload_gb), "models": [load]}

    @property
    def secret_names(self) -> Sequence[str]:
        """Names of the secrets that it needs besides its key."""
        tokens = {entry.hf_token for entry in self.models if entry.hf_token is not None}
        return [*super().secret_names, *sorted(tokens if self.is_managed else ())]

    @property
    def files(self) -> Mapping[str, Mapping[str, Any]]:
        """{path on the host: source} of the folders that a managed one needs."""
        return {entry.folder["path"]: entry.folder["source"] for entry in self.models}

    @property
    def opened(self) -> Mapping[Place, str]:
        """{place in the registry below the provider: path on the host} of what its unit must open."""
        found: dict[Place, str] = {("models", index, "path"): one.path or "" for index, one in enumerate(self.models)}
        return {**found, ("options", "chat_template"): self.options.chat_template or ""}

    def for_managed_only(self, entry: ModelEntry) -> Sequence[str]:
        """Keys of a model that are given, but used only if this collection runs the engine."""
        words = [word for word in ("base", "hf_repo", "hf_token", "path", "revision") if getattr(entry, word)]
        own = {"options": self.options != VllmOptions(), "extra": self.extra, "environment": self.environment}
        first = entry is self.models[0]
        return words + [f"{word} of the provider" for word, given in own.items() if given and first]

    @classmethod
    def check_host(cls, host: str, values: Mapping[str, Plain], services: Collection[str]) -> Iterator[Finding]:
        """A warning if vLLM could not be installed; a host that already has it does not need this."""
        if str(values.get("vllm_backend", "")) == "rocm" and not values.get("vllm_lock"):
            problem = f"is empty, and the collection has no lock for ROCm, which host '{host}' asks for"
            remedy = "write the path of your own hash lock, such as `pip-compile --generate-hashes` writes"
            yield warning("vllm_lock", problem, remedy, "references")

    @classmethod
    def check_together(cls, host: str, engines: Mapping[str, Provider]) -> Iterator[Finding]:
        """Findings about shares of a card that do not fit together."""
        uses = _uses(engines)
        for card, shares in sorted(given_on(uses).items()):
            total = sum(shares.values())
            if total > 1 + 1e-9 and len(shares) > 1:
                parts = " + ".join(f"'{name}' {share:g}" for name, share in shares.items())
                problem = f"the shares of card {card} on host '{host}' are more than all of it: {parts} = {total:g}"
                first, *_others = shares
                path = join("ai_backend_providers", first, "options", "gpu_memory_utilization")
                yield Finding(path, problem, "write smaller ones, or leave them out: they are derived then")
                return
        for name, share in sorted(derived(uses).items()):
            if share <= 0:
                problem = f"no memory of its card is left on host '{host}': others have all of it"
                remedy = "write smaller gpu_memory_utilization for them, or other `devices`"
                yield Finding(join("ai_backend_providers", name, "options"), problem, remedy)


def _uses(engines: Mapping[str, Provider]) -> dict[str, Use]:
    """Server -> what it uses. One with `kv_cache_memory_bytes` takes no share, but others must leave it a part."""
    found: dict[str, Use] = {}
    for name, engine in engines.items():
        if isinstance(engine, Vllm):
            options, need = engine.options, engine.served.need
            cards = options.devices or tuple(range(options.cards))
            found[name] = Use(
                cards[: options.cards],
                options.gpu_memory_utilization,
                need.total if need else 0,
                engine.exclusive_group or "",
            )
    return found
