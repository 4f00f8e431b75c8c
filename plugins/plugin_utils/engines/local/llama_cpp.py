# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""llama.cpp: llama-server, or llama-cpp-python's server."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import quote

from pydantic import Field, model_validator

from ....module_utils.host.layout import Layout
from ...data.plain import Plain
from ...data.row import Row
from ...findings.findings import Finding
from ...findings.paths import Place
from ...schema.secrets import ENGINE_KEY
from .. import llama_cpp_python
from ..abilities import PROOFS, TEXT, Ability, proof_of
from ..archive import check_archive
from ..llama_cpp_model import LlamaCppModel, OneLlamaCpp
from ..llama_cpp_options import ARGUMENTS, CPU_THREADS, NO, Environment, LlamaCppOptions
from ..llama_cpp_presets import presets_of
from ..load import Engine
from ..model import ModelEntry
from ..site import Site
from ..waking import WakingProvider

SERVICE = "llama-cpp"
# The role's variable that contains what its engines are built for.
GPU_VARIABLE = "llama_cpp_gpu"
_KEY = {"file": f"{SERVICE}.env", "name": "LLAMA_API_KEY"}


class LlamaCpp(WakingProvider):
    """A llama.cpp server, which loads one of several models as it is asked; `server: python` is llama-cpp-python's."""

    REFUSED: ClassVar[Mapping[str, str]] = {**WakingProvider.REFUSED, **ARGUMENTS}
    MANY_MODELS: ClassVar[bool] = False
    LOCAL: ClassVar[bool] = True
    HEALTH: ClassVar[str] = "/health"
    OWNER: ClassVar[str] = "llamacpp"
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
    """Models, each a name or a mapping. A managed one with several loads them as they are asked (router mode)."""
    models_max: Annotated[int, Field(ge=1)] | None = None
    """Of several models, how many are in memory at once; the one that was not asked for longest leaves. Default: 1."""
    options: LlamaCppOptions = LlamaCppOptions()
    """Options of its server; the same as at the model."""
    environment: Environment = {}
    """LLAMA_ARG_* variables of llama-server; the same as at the model."""

    @model_validator(mode="after")
    def _count_models(self) -> LlamaCpp:
        if not self.is_managed or not self.active:
            return self
        if not self.models:
            raise ValueError("models has no entry → write the model that it runs")
        if self.server == "python" and len(self.models) > 1:
            remedy = "the server in Python runs one: keep one, and add a provider for each other"
            raise ValueError(f"models has {len(self.models)} entries → {remedy}")
        if self.models_max is not None and len(self.models) == 1:
            raise ValueError("models_max is for several models → remove it")
        return self

    @property
    def routes_models(self) -> bool:
        """Whether llama-server has a process for each model, and starts it as it is asked."""
        return self.is_managed and len(self.models) > 1

    @property
    def many_models(self) -> bool:
        """Whether it answers each of its models by name."""
        return self.routes_models

    @model_validator(mode="after")
    def _one_sleep(self) -> LlamaCpp:
        if self.waking != "always" and any(entry.sleeps_after is not None for entry in self.models):
            remedy = "remove options.sleep_after; a request wakes its unit, which `sleep_after` of the provider stops"
            raise ValueError(f"wake is `{self.waking}`, and options has sleep_after → {remedy}")
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

    @model_validator(mode="after")
    def _words_of_the_server(self) -> LlamaCpp:
        """Each server has a mechanism for every option that is given."""
        if not self.is_managed or not self.active:
            return self
        for model in self.models:
            if self.server == "python":
                if lines := list(llama_cpp_python.refusals(model)):
                    raise ValueError(lines[0])
            elif model.options.chat_format is not None:
                remedy = "write `environment: {LLAMA_ARG_CHAT_TEMPLATE: NAME}`, or `server: python`"
                raise ValueError(f"options.chat_format is a word of llama-cpp-python's server → {remedy}")
        return self

    @property
    def installable(self) -> bool:
        """Whether this version can install it on a host."""
        return True

    @property
    def resident(self) -> bool:
        """Whether its models are in memory all the time."""
        return super().resident and all(entry.sleeps_after is None for entry in self.models)

    @property
    def metrics(self) -> Sequence[tuple[Mapping[str, str], Mapping[str, str]]]:
        """(parameters, labels) of each look at its measurements; the server in Python has none.

        Of several models each has its own; `autoload=false` does not load one that is not there (build 11669).
        """
        if self.server == "python":
            return []
        if not self.routes_models:
            return super().metrics
        return [({"autoload": "false", "model": one.name}, {"model": one.name}) for one in self.models]

    def instance(self, name: str) -> str:
        """The instance of a managed one with this name; each kind of server is a service of its own."""
        return super().instance(name) if self.server == "native" else f"{llama_cpp_python.SERVICE}@{name}"

    @property
    def kind(self) -> str:
        """What it is, in a sentence."""
        return self.type if self.server == "native" else f"{self.type} with `server: {self.server}`"

    def health_url(self, base: str) -> str:
        """The URL that shows whether it is healthy; the server in Python has no special one unless it is managed."""
        special = self.server == "native" or self.is_managed
        return super().health_url(base) if special else self.models_url(base)

    def service(self, site: Site) -> Row:
        """The row of its server on a host."""
        model, instance = self.models[0], self.instance(site.provider)
        if self.server == "python":
            found = llama_cpp_python.service(model, instance, site, self.abilities(model), GPU_VARIABLE)
            return self.with_wake(found, site)
        environment = {} if self.routes_models else model.variables
        row: Row = {
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
                "arguments": [] if self.routes_models else model.arguments,
                "presets": presets_of(self.models) if self.routes_models else "",
                "models_max": self.models_max or 1,
                "files": [file for entry in self.models for file in (entry.file, *entry.besides.values())],
                "models": [entry.name for entry in self.models],
                "questions": [probe for entry in self.models for probe in self._questions(entry)],
                "gpu_layers": next(filter(None, (_layers_asked(entry.variables) for entry in self.models)), ""),
                "gpu_variable": GPU_VARIABLE,
                "shared": site.shared,
                "pauses": list(site.pauses),
            },
        }
        return self.with_wake(row, site)

    def _questions(self, entry: LlamaCppModel) -> list[dict[str, Any]]:
        """Probes (module_utils/probes/checks.py) of a model: by what it was started for, and then its context.

        One for embeddings answers no chat. Of several models the context is known once it is loaded; without the last
        word of the path a look would load it.
        """
        proof = proof_of([self.abilities(entry)]) or "chat"
        props = f"/props?model={quote(entry.name, safe='')}&autoload=false" if self.routes_models else "/props"
        question = {"kind": proof, "path": PROOFS[proof], "models": [entry.name], "key": _KEY}
        context = {"kind": "context", "path": props, "tokens": entry.request_context, "key": _KEY}
        return [question, context] if self.routes_models else [context, question]

    def abilities(self, entry: ModelEntry | None) -> Sequence[Ability] | None:
        """What a model can do: of a managed one the options tell, of another one only the registry."""
        if entry is None or entry.abilities is not None or not self.is_managed or not isinstance(entry, LlamaCppModel):
            return super().abilities(entry)
        return started_for(entry.variables) if self.server == "native" else llama_cpp_python.abilities_of(entry)

    def in_memory(self, name: str) -> Engine:
        """What one with this name has in memory. Layers that must be on a card, and do not fit, end its start.

        Without a word on it llama-server maps the file too, and a model that is larger than the memory starts, and
        reads it again for each token. Who wants that writes it.
        """
        models = self.models or (LlamaCppModel(name=name),)
        cards = {(each.options.main_gpu or 0) if each.options.split_mode == "none" else -1 for each in models}
        found: Engine = {
            **super().in_memory(name),
            "together": self.models_max or 1 if self.routes_models else 1,
            "card": cards.pop() if len(cards) == 1 else -1,
            "spills": all(each.spills for each in models),
            "maps": all(each.options.load_mode == "mmap" for each in models),
        }
        python = self.server == "python" and self.is_managed and len(self.models) == 1
        return llama_cpp_python.in_memory(found, models[0]) if python else found

    @property
    def files(self) -> Mapping[str, Mapping[str, Any]]:
        """{path on the host: source} of the files that a managed one needs."""
        files = [file for entry in self.models for file in (entry.file, *entry.besides.values())]
        return {file["path"]: file["source"] for file in files}

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
    def check_host(cls, host: str, values: Mapping[str, Plain], services: Collection[str]) -> Iterator[Finding]:
        """A warning if llama-server could not be installed; a host that already has it does not need this."""
        if SERVICE not in services:
            return
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
