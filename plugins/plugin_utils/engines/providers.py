# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`ai_backend_providers`: who answers, one class per `type`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from ..schema.base import Described, ModelName, Seconds, SecretName, Url, UrlPath, is_loopback
from ..schema.pydantic_findings import refused
from ..schema.secrets import GENERATED
from .llama_cpp import ARGUMENTS, Environment, LlamaCppOptions
from .models import BaseModelEntry, OneLlamaCpp, OneOllama, OneRemote

Status = Literal["active", "inactive", "disabled", "deprecated", "template"]


class BaseProvider(Described):
    """What every provider has."""

    REFUSED: ClassVar[Mapping[str, str]] = {
        "port": "write it in `base_url`, or in ai_backend_ports.services under the provider's name with `hosts:`",
        "priority": "order is routing: write a `fallback_chain` in ai_backend_routing",
        "weight": "weights are routing: write them in ai_backend_routing.load_balancing",
        "max_retries": "the gateway fails over instead of retrying: write a `fallback_chain` in ai_backend_routing",
        "retries": "the gateway fails over instead of retrying: write a `fallback_chain` in ai_backend_routing",
        "health_check_interval": "nothing polls engines; the breaker (ai_backend_gateway.breaker) sees each call",
        "timeout": "write `timeout_seconds`",
        "enabled": "write `status: active` or `status: inactive`",
        "cost_limit": "budgets need LiteLLM's database, which this collection does not run; write `rate_limits`",
        "rate_limits": "limits stand at a model: write them in the `models:` entry",
    }
    # Whether the engine answers to any of its models by name, or serves the one it was started with.
    MANY_MODELS: ClassVar[bool] = True
    LOCAL: ClassVar[bool] = False

    status: Status = "active"
    """`active` and `deprecated` answer; `inactive`, `disabled` and `template` are left out with a warning."""
    base_url: Url | None = None
    """Where it answers: `http://host:port`. Clouds have a default."""
    hosts: str | None = None
    """Inventory group it runs on, one deployment for each host; its port stands in ai_backend_ports under its name."""
    managed: bool | None = None
    """Whether we install and run it. Default: yes with `hosts` or a loopback base_url, no for clouds."""
    default_model: ModelName | None = None
    """The model that stands for names it does not have."""
    health_endpoint: UrlPath | None = None
    """Path that shows whether it is well; for status tables."""
    requires_api_key: bool | None = None
    """Whether it answers nobody without a key."""
    env_var: SecretName | None = None
    """Name of its key in ai_backend_secrets."""
    timeout_seconds: Seconds | None = None
    """Longest time for one answer. Default: ai_backend_gateway.timeouts.request_seconds."""

    @property
    def entries(self) -> tuple[BaseModelEntry, ...]:
        """The models, whatever class they have."""
        entries: tuple[BaseModelEntry, ...] = getattr(self, "models", ())
        return entries

    @property
    def active(self) -> bool:
        """Whether requests may go there. A deprecated provider still answers."""
        return self.status in ("active", "deprecated")

    @property
    def is_managed(self) -> bool:
        """Whether this collection installs and runs it."""
        if not self.LOCAL:
            return False
        if self.managed is not None:
            return self.managed
        return self.hosts is not None or is_loopback(urlsplit(self.base_url or "").hostname or "")

    def entry(self, name: str) -> BaseModelEntry | None:
        """The model of that name."""
        return next((entry for entry in self.entries if entry.name == name), None)

    @model_validator(mode="after")
    def _check(self) -> BaseProvider:
        names = [entry.name for entry in self.entries]
        for name in names:
            if names.count(name) > 1:
                raise refused("names", f"models has '{name}' twice → keep one of them")
        if self.default_model is not None and self.default_model not in names:
            raise refused(
                "references", f"default_model '{self.default_model}' is not among its models → add it to `models:`"
            )
        if self.hosts is not None and not self.LOCAL:
            raise ValueError("hosts is for engines on our own hosts → write `base_url: https://…`")
        if (self.hosts is None) == (self.base_url is None):
            both = "has both base_url and hosts" if self.hosts else "has neither base_url nor hosts"
            raise ValueError(f"{both} → write one: `base_url: http://host:port`, or `hosts: <inventory group>`")
        self._check_managed()
        self._check_key()
        return self

    def _check_managed(self) -> None:
        if self.managed and not self.LOCAL:
            raise ValueError("managed is true, but nothing of it is ours to run → remove `managed`")
        if not self.is_managed:
            return
        if self.base_url is not None:
            parts = urlsplit(self.base_url)
            if not is_loopback(parts.hostname or ""):
                remedy = "write `hosts: <inventory group>` instead of base_url, or `managed: false`"
                raise ValueError(f"managed is true, but base_url is not this machine → {remedy}")
            if parts.port is None or parts.path or parts.scheme != "http":
                raise ValueError("base_url of a managed engine is not http://127.0.0.1:port → write it so")
        if self.env_var is not None or self.requires_api_key:
            remedy = "remove env_var and requires_api_key, or write `managed: false`"
            raise refused("secrets", f"a managed engine gets its key from the deployment → {remedy}")

    def _check_key(self) -> None:
        if self.env_var in GENERATED:
            remedy = "name the provider's own key, such as OPENAI_API_KEY"
            raise refused(
                "secrets", f"env_var is a secret of the deployment itself, not to be sent to a provider → {remedy}"
            )
        if self.requires_api_key and self.env_var is None:
            raise refused("secrets", "requires_api_key is true without env_var → write `env_var: SOME_API_KEY`")
        if self.requires_api_key is False and self.env_var is not None:
            raise refused("secrets", "requires_api_key is false, but env_var is given → remove one of them")


def _cloud_defaults(data: Any, base_url: str, env_var: str) -> Any:
    """Fill in the address and key name of a well-known cloud."""
    if not isinstance(data, dict):
        return data
    return {"base_url": base_url, "requires_api_key": True, "env_var": env_var, **data}


def _cloud_check(provider: BaseProvider) -> None:
    if not provider.requires_api_key:
        raise refused("secrets", "requires_api_key is false, but this cloud answers nobody without a key → remove it")


class Ollama(BaseProvider):
    """An Ollama server. `name` of a model is its tag."""

    LOCAL: ClassVar[bool] = True
    type: Literal["ollama"]
    """The kind of provider."""
    models: tuple[OneOllama, ...] = ()
    """Models, each a name or a mapping."""


class OllamaCloud(BaseProvider):
    """Ollama's cloud."""

    type: Literal["ollama_cloud"]
    """The kind of provider."""
    models: tuple[OneOllama, ...] = ()
    """Models, each a name or a mapping."""

    @model_validator(mode="before")
    @classmethod
    def _defaults(cls, data: Any) -> Any:
        return _cloud_defaults(data, "https://ollama.com", "OLLAMA_API_KEY")

    @model_validator(mode="after")
    def _cloud(self) -> OllamaCloud:
        _cloud_check(self)
        return self


class LlamaCpp(BaseProvider):
    """A llama.cpp server with one model; `server: python` is llama-cpp-python's server."""

    REFUSED: ClassVar[Mapping[str, str]] = {**BaseProvider.REFUSED, **ARGUMENTS}
    MANY_MODELS: ClassVar[bool] = False
    LOCAL: ClassVar[bool] = True
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
        """Options may stand at the provider or at its model: they are moved to the models, and must agree."""
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


def _agree(common: dict[str, Any], own: dict[str, Any], where: str) -> dict[str, Any]:
    for name in sorted(set(common) & set(own)):
        if common[name] != own[name]:
            raise ValueError(f"{where}.{name} differs between the provider and its model → keep one of them")
    return {**common, **own}


class Vllm(BaseProvider):
    """A vLLM server. It serves the model it was started with."""

    MANY_MODELS: ClassVar[bool] = False
    LOCAL: ClassVar[bool] = True
    type: Literal["vllm"]
    """The kind of provider."""
    models: tuple[OneRemote, ...] = ()
    """Models, each a name or a mapping."""


class OpenAI(BaseProvider):
    """OpenAI's own API."""

    type: Literal["openai"]
    """The kind of provider."""
    models: tuple[OneRemote, ...] = ()
    """Models, each a name or a mapping."""

    @model_validator(mode="before")
    @classmethod
    def _defaults(cls, data: Any) -> Any:
        return _cloud_defaults(data, "https://api.openai.com/v1", "OPENAI_API_KEY")

    @model_validator(mode="after")
    def _cloud(self) -> OpenAI:
        _cloud_check(self)
        return self


class Anthropic(BaseProvider):
    """Anthropic's API."""

    type: Literal["anthropic"]
    """The kind of provider."""
    models: tuple[OneRemote, ...] = ()
    """Models, each a name or a mapping."""

    @model_validator(mode="before")
    @classmethod
    def _defaults(cls, data: Any) -> Any:
        return _cloud_defaults(data, "https://api.anthropic.com/v1", "ANTHROPIC_API_KEY")

    @model_validator(mode="after")
    def _cloud(self) -> Anthropic:
        _cloud_check(self)
        return self


class OpenAICompatible(BaseProvider):
    """Any other server that speaks OpenAI's API. `base_url` ends where `/chat/completions` begins."""

    type: Literal["openai_compatible"]
    """The kind of provider."""
    models: tuple[OneRemote, ...] = ()
    """Models, each a name or a mapping."""


Provider: TypeAlias = Ollama | OllamaCloud | LlamaCpp | Vllm | OpenAI | Anthropic | OpenAICompatible
AnyProvider = Annotated[Provider, Field(discriminator="type")]
PROVIDER_TYPES: dict[str, type[Provider]] = {
    "anthropic": Anthropic,
    "llama_cpp": LlamaCpp,
    "ollama": Ollama,
    "ollama_cloud": OllamaCloud,
    "openai": OpenAI,
    "openai_compatible": OpenAICompatible,
    "vllm": Vllm,
}
