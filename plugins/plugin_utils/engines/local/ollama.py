# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ollama."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import model_validator

from ....module_utils.host.layout import ARTIFACT_MARKER, Layout
from ...data.plain import Plain
from ...data.row import Row
from ...findings.findings import Finding
from ...findings.paths import Place
from ..abilities import CHAT, PROOFS, Ability, proof_of
from ..archive import check_archive
from ..asked import Asked
from ..clients import OLLAMA, api_base
from ..load import Engine, Load
from ..memory import cache_bits, cache_share
from ..model import ModelEntry
from ..ollama_local_model import LocalOllamaModel, OneLocalOllama, manifest_of
from ..ollama_model import TAG, full_name
from ..ollama_options import OllamaEnvironment, OllamaServerOptions, environment_of
from ..provider import Provider
from ..site import Site

SERVICE = "ollama"
# Units of an Ollama that was installed in another way; with consent the managed unit replaces them.
REPLACES = ("ollama.service",)
# What is used only if this collection runs the server.
_MANAGED_WORDS = ("aliases", "base", "digest", "path", "source", "system", "template", "url", "wheel")
# Key of `details` in its list of models -> key of a model.
DETAILS = {"parameter_size": "size", "quantization_level": "quantization"}


class Ollama(Asked, Provider):
    """An Ollama server. `name` of a model is its tag."""

    LOCAL: ClassVar[bool] = True
    CLIENT: ClassVar[str] = OLLAMA
    ABILITIES: ClassVar[frozenset[Ability] | None] = CHAT | {"completion", "embedding"}
    DEFAULT_ABILITIES: ClassVar[frozenset[Ability] | None] = CHAT | {"completion"}
    # It has no keys, and no measurements of its own.
    MANAGED_KEY: ClassVar[str] = ""
    ASKED_AS: ClassVar[str] = "ollama"
    HEALTH: ClassVar[str] = "/api/version"
    OWN_LIST: ClassVar[str] = "/api/tags"
    TAG: ClassVar[str] = TAG
    REMEDY: ClassVar[str] = "run `ollama pull {model}` there"
    ROLE_VARIABLES: ClassVar[Mapping[str, Plain]] = {"ollama_archive_url": "", "ollama_archive_sha256": ""}
    MEANT: ClassVar[Mapping[str, Mapping[str, str]]] = {
        "ollama_gpu": {
            **dict.fromkeys(("gpu", "nvidia"), "cuda"),
            **dict.fromkeys(("amd", "intel", "rocm"), "vulkan"),
            "cpu": "none",
        }
    }
    type: Literal["ollama"]
    """The kind of provider."""
    models: tuple[OneLocalOllama, ...] = ()
    """Models, each a name or a mapping."""
    options: OllamaServerOptions = OllamaServerOptions()
    """Options of a managed server."""
    environment: OllamaEnvironment = {}
    """Further OLLAMA_* variables of a managed server."""
    prune: bool = False
    """Remove other models from a managed server, and their files. Default: they stay."""

    @model_validator(mode="after")
    def _check_models(self) -> Ollama:
        if not self.is_managed or not self.active:
            return self
        for model in self.models:
            if model.in_cloud:
                remedy = "move it to a provider with `type: ollama_cloud`"
                raise ValueError(f"'{model.name}' is a model of Ollama's cloud → {remedy}")
        names = [full_name(name) for model in self.models for name in model.names]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"models and aliases have '{name}' twice → keep one of them")
        return self

    @property
    def installable(self) -> bool:
        """Whether this version can install it on a host."""
        return True

    def models_url(self, base: str) -> str:
        """The URL of its list of models."""
        return f"{api_base(OLLAMA, base)}{self.OWN_LIST}"

    @classmethod
    def offered(cls, row: Mapping[str, Any]) -> Plain:
        """The entry of `models:` for a row of its list, with the sizes that it knows."""
        name, details = str(row["name"]), row.get("details")
        known = details if isinstance(details, dict) else {}
        more: dict[str, Plain] = {key: known[word] for word, key in DETAILS.items() if isinstance(known.get(word), str)}
        more = {key: text for key, text in more.items() if text}
        return {"name": name, **more} if more else name

    def service(self, site: Site) -> Row:
        """The row of an Ollama server on a host."""
        instance, store = self.instance(site.provider), self._store(site.provider)
        return {
            "service": SERVICE,
            "instance": instance,
            "provider": site.provider,
            "role": "lab.ai_backend.ollama",
            "stage": "backend",
            "ports": {instance: site.port},
            "slots": [],
            "secrets": {},
            "publish": site.publish,
            "config": {
                "models": [model.spec for model in self.models],
                "files": [model.file for model in self.models if model.file_words],
                "pulled": [model.pulled for model in self.models if model.pulled],
                "store": store,
                "needs": [f"{store}/{path}" for path in (ARTIFACT_MARKER, *self._manifests())],
                "prune": self.prune,
                "environment": environment_of(self.options, self.environment),
                "probes": self._probes(),
                "replaces": list(REPLACES),
                "shared": site.shared,
                "pauses": list(site.pauses),
            },
        }

    def in_memory(self, name: str) -> Engine:
        """What one with this name has in memory. It computes on the processor what its cards do not hold."""
        own = super().in_memory(name)
        pairs = zip(self.models, own["models"], strict=True)
        loads = [self._load(name, model, load) for model, load in pairs if not model.in_cloud]
        return {**own, "together": self.options.max_loaded_models or 1, "spills": True, "models": loads}

    def _load(self, name: str, model: LocalOllamaModel, load: Load) -> Load:
        """Each of the requests that it takes at the same time has a context of its own."""
        sequences, kind = self.options.num_parallel or 1, self.options.kv_cache_type
        given = model.options.num_ctx or model.parameters.num_ctx or model.context_length
        context = (given or self.options.context_length or model.context) * sequences
        layers = model.parameters.num_gpu if model.options.num_gpu is None else model.options.num_gpu
        guess = model.estimate(context, cache_share(kind, kind))
        return {
            **load,
            "file": f"{self._store(name)}/{manifest_of(model.name)}" if self.is_managed else "",
            "context": context,
            "sequences": sequences,
            "shared": False,
            "cache_bits": cache_bits(kind, kind),
            "layers": -1 if layers is None else layers,
            "batch": model.parameters.num_batch or load["batch"],
            "flash": self.options.flash_attention is not False,
            "estimate": guess.total if guess is not None else 0,
        }

    def _manifests(self) -> list[str]:
        """Of each model that is asked for: one that was removed on the host is fetched again."""
        return sorted(manifest_of(name) for model in self.models for name in model.names)

    def _store(self, provider: str) -> str:
        """The folder with the manifests of exactly these models: others, or another recipe, have another folder."""
        text = json.dumps([[model.spec for model in self.models], self.prune], sort_keys=True, separators=(",", ":"))
        return f"{Layout().models}/{SERVICE}/{provider}/{hashlib.sha256(text.encode()).hexdigest()[:12]}"

    def _probes(self) -> list[dict[str, Any]]:
        """Health, the models, and one question for each kind: each model that is asked is loaded."""
        names = [full_name(name) for model in self.models for name in model.names]
        questions: dict[str, dict[str, Any]] = {}
        for model in self.models:
            kind = proof_of([self.abilities(model)])
            if kind:
                question = {"kind": kind, "path": PROOFS[kind], "models": [full_name(model.name)]}
                questions.setdefault(kind, question)
        health = {"kind": "http", "path": self.HEALTH, "status": 200}
        listed = {"kind": "models", "path": self.OWN_LIST, "models": sorted(names), "others": True}
        return [health, listed, *questions.values()]

    @property
    def files(self) -> Mapping[str, Mapping[str, Any]]:
        """{path on the host: source} of the GGUF files that models are made from."""
        return {model.file["path"]: model.file["source"] for model in self.models if model.file_words}

    @property
    def opened(self) -> Mapping[Place, str]:
        """{place in the registry below the provider: path on the host} of the files that its unit must open."""
        return {("models", index, "path"): model.path or "" for index, model in enumerate(self.models)}

    def for_managed_only(self, entry: ModelEntry) -> Sequence[str]:
        """Keys of a model that are given, but used only if this collection runs the engine."""
        words = [word for word in _MANAGED_WORDS if getattr(entry, word)]
        return words + (["parameters"] if isinstance(entry, LocalOllamaModel) and "parameters" in entry.recipe else [])

    @classmethod
    def check_host(cls, host: str, values: Mapping[str, Plain], services: Collection[str]) -> Iterator[Finding]:
        """A warning if Ollama could not be installed; a host that already has it does not need this."""
        url, digest = (str(values.get(name) or default) for name, default in cls.ROLE_VARIABLES.items())
        yield from check_archive("ollama", "Ollama", host, (url, digest), " -e engine_source_engine=ollama")
