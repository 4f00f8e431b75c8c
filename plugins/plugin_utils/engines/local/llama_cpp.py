# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""llama.cpp: llama-server, or llama-cpp-python's server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import model_validator

from ....module_utils.host.layout import Layout
from ...data.plain import Plain
from ...data.row import Row
from ...findings.findings import Finding
from ...findings.paths import Place
from ...schema.secrets import ENGINE_KEY
from ..abilities import PROOFS, TEXT, Ability, proof_of
from ..archive import check_archive
from ..llama_cpp_model import LlamaCppModel, OneLlamaCpp
from ..llama_cpp_options import ARGUMENTS, CPU_THREADS, NO, Environment, LlamaCppOptions
from ..load import Engine
from ..model import ModelEntry
from ..provider import Provider
from ..site import Site

SERVICE = "llama-cpp"
# The role's variable that contains what its engines are built for.
GPU_VARIABLE = "llama_cpp_gpu"


class LlamaCpp(Provider):
    """A llama.cpp server with one model; `server: python` is llama-cpp-python's server."""

    REFUSED: ClassVar[Mapping[str, str]] = {**Provider.REFUSED, **ARGUMENTS}
    MANY_MODELS: ClassVar[bool] = False
    LOCAL: ClassVar[bool] = True
    HEALTH: ClassVar[str] = "/health"
    ROLE_VARIABLES: ClassVar[Mapping[str, Plain]] = {
        "llama_cpp_install": "archive",
        "llama_cpp_archive_url": "",
        "llama_cpp_archive_sha256": "",
    }
    MEANT: ClassVar[Mapping[str, Mapping[str, str]]] = {
        GPU_VARIABLE: {
            **dict.fromkeys(("gpu", "nvidia"), "cuda"),
            **dict.fromkeys(("amd", "intel", "rocm", "hip", "sycl"), "vulkan"),
            "cpu": "none",
        }
    }
    ABILITIES: ClassVar[frozenset[Ability] | None] = TEXT | {"embedding", "rerank", "vision", "audio"}
    # It answers any name with the one model that it was started with.
    ANY_NAME: ClassVar[bool] = True
    type: Literal["llama_cpp"]
    """The kind of provider."""
    server: Literal["native", "python"] = "native"
    """`native` is llama-server; `python` is llama-cpp-python's server."""
    models: tuple[OneLlamaCpp, ...] = ()
    """Models, each a name or a mapping; a managed one has exactly one."""
    options: LlamaCppOptions = LlamaCppOptions()
    """Options of llama-server; the same as at the model."""
    environment: Environment = {}
    """LLAMA_ARG_* variables; the same as at the model."""

    @model_validator(mode="after")
    def _one_model(self) -> LlamaCpp:
        if self.is_managed and self.active and len(self.models) != 1:
            remedy = "a managed llama.cpp runs exactly one: keep one, and add a provider for each other"
            raise ValueError(f"models has {len(self.models)} entries → {remedy}")
        return self

    @model_validator(mode="after")
    def _into_models(self) -> LlamaCpp:
        """Options may be at the provider or at its model: they are moved to the models, and must agree."""
        common = self.options.model_dump(exclude_none=True)
        if not common and not self.environment:
            return self
        models = []
        for entry in self.models:
            options = _agree(common, entry.options.model_dump(exclude_none=True), "options")
            length = options.get("context_length")
            if length is not None and entry.context_length not in (None, length):
                raise ValueError("options.context_length and its model's context_length differ → keep one of them")
            environment = _agree(self.environment, entry.environment, "environment")
            update = {"options": LlamaCppOptions(**options), "environment": environment}
            models.append(entry.model_copy(update=update))
        return self.model_copy(update={"models": tuple(models), "options": LlamaCppOptions(), "environment": {}})

    @property
    def installable(self) -> bool:
        """Whether this version can install it on a host."""
        return self.server == "native"

    @property
    def kind(self) -> str:
        """What it is, in a sentence."""
        return self.type if self.server == "native" else f"{self.type} with `server: {self.server}`"

    def health_url(self, base: str) -> str:
        """The URL that shows whether it is healthy; the server in Python has no special one."""
        return super().health_url(base) if self.server == "native" else self.models_url(base)

    def service(self, site: Site) -> Row:
        """The row of llama-server on a host."""
        model, instance = self.models[0], self.instance(site.provider)
        environment = model.variables
        proof = proof_of([self.abilities(model)]) or "chat"
        return {
            "service": SERVICE,
            "instance": instance,
            "provider": site.provider,
            "role": "lab.ai_backend.llama_cpp",
            "stage": "backend",
            "ports": {instance: site.port},
            "sockets": {instance: Layout().socket(instance)},
            "slots": [],
            "secrets": {f"{SERVICE}.env": {"LLAMA_API_KEY": ENGINE_KEY}},
            "publish": site.publish,
            "config": {
                "model": model.file,
                "threads": str(model.options.threads or CPU_THREADS),
                "environment": environment,
                "arguments": model.arguments,
                "besides": list(model.besides.values()),
                "context": model.request_context,
                "proof": {"kind": proof, "path": PROOFS[proof]},
                "gpu_layers": _layers_asked(environment),
                "gpu_variable": GPU_VARIABLE,
                "shared": site.shared,
                "pauses": list(site.pauses),
            },
        }

    def abilities(self, entry: ModelEntry | None) -> Sequence[Ability] | None:
        """What its one model can do: of a managed one the options tell, of another one only the registry."""
        if entry is None or entry.abilities is not None or not self.is_managed or not isinstance(entry, LlamaCppModel):
            return super().abilities(entry)
        return started_for(entry.variables)

    def in_memory(self, name: str) -> Engine:
        """What one with this name has in memory. Layers that must be on a card, and do not fit, end its start.

        Without a word on it llama-server maps the file too, and a model that is larger than the memory starts, and
        reads it again for each token. Who wants that writes it.
        """
        model = self.models[0] if self.models else LlamaCppModel(name=name)
        alone, mapped = model.options.split_mode == "none", model.options.load_mode == "mmap"
        card = (model.options.main_gpu or 0) if alone else -1
        return {**super().in_memory(name), "card": card, "spills": model.spills, "maps": mapped}

    @property
    def files(self) -> Mapping[str, Mapping[str, Any]]:
        """{path on the host: source} of the files that a managed one needs."""
        model = self.models[0]
        return {file["path"]: file["source"] for file in (model.file, *model.besides.values())}

    @property
    def opened(self) -> Mapping[Place, str]:
        """{place in the registry below the provider: path on the host} of the files that its unit must open."""
        found: dict[Place, str] = {}
        for index, model in enumerate(self.models):
            found["models", index, "path"] = model.path or ""
            found |= {("models", index, "environment", word): text for word, text in model.environment.items()}
            found |= {("models", index, key): file["path"] for key, file in model.besides.items()}
        return found

    def for_managed_only(self, entry: ModelEntry) -> Sequence[str]:
        """Keys of a model that are given, but used only if this collection runs the engine."""
        keys = ("draft_model", "environment", "lora", "mmproj", "path", "source", "url", "wheel")
        words = [word for word in keys if getattr(entry, word)]
        return words + (["options"] if getattr(entry, "options", None) != LlamaCppOptions() else [])

    @classmethod
    def check_host(cls, host: str, values: Mapping[str, Plain]) -> Iterator[Finding]:
        """A warning if llama.cpp could not be installed; a host that already has it does not need this."""
        install, url, digest = (str(values.get(name) or default) for name, default in cls.ROLE_VARIABLES.items())
        if install != "package":
            yield from check_archive("llama_cpp", "llama.cpp", host, (url, digest))


def started_for(environment: Mapping[str, str]) -> Sequence[Ability]:
    """What a llama-server can do that was started with these variables: it refuses everything else with 500 or 501."""
    if environment.get("LLAMA_ARG_RERANKING", "false") not in NO:
        return ["rerank"]
    if environment.get("LLAMA_ARG_EMBEDDINGS", "false") not in NO:
        return ["embedding"]
    # A projector is what reads pictures and sound; which of both depends on the file.
    projector = any(environment.get(f"LLAMA_ARG_MMPROJ{form}") for form in ("", "_URL"))
    return sorted({*TEXT, *(("vision", "audio") if projector else ())})


def _layers_asked(environment: Mapping[str, str]) -> str:
    """The layers that an engine must put on a graphics card, or an empty string. `auto` requires none."""
    layers = environment.get("LLAMA_ARG_N_GPU_LAYERS", "")
    return "" if layers in ("", "0", "-1", "auto") else layers


def _agree(common: dict[str, Any], own: dict[str, Any], where: str) -> dict[str, Any]:
    for name in sorted(set(common) & set(own)):
        if common[name] != own[name]:
            raise ValueError(f"{where}.{name} differs between the provider and its model → keep one of them")
    return {**common, **own}
