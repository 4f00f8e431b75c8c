# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`ai_backend_providers`: what every provider has, and how its engine is checked."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import model_validator

from ..data.plain import Plain
from ..data.row import Row
from ..findings.findings import Finding
from ..findings.paths import Place, join
from ..schema.base import Described, ModelName, Seconds, SecretName, Url, UrlPath, is_loopback
from ..schema.pydantic_findings import refused
from ..schema.secrets import ENGINE_KEY, is_generated
from .abilities import Ability
from .clients import OLLAMA, OPENAI, api_base, client_for
from .load import Engine
from .model import ModelEntry
from .site import Site

_NO_RETRY = "the gateway uses a fallback instead of a retry: write a `fallback_chain` in ai_backend_routing"
# Where the providers are in the registry.
BELOW = "ai_backend_providers"
Status = Literal["active", "inactive", "disabled", "deprecated", "template"]


class Provider(Described):
    """What every provider has."""

    REFUSED: ClassVar[Mapping[str, str]] = {
        "port": "write it in `base_url`, or in ai_backend_ports.services under the provider's name with `hosts:`",
        "priority": "order is routing: write a `fallback_chain` in ai_backend_routing",
        "weight": "weights are routing: write them in ai_backend_routing.load_balancing",
        **dict.fromkeys(("max_retries", "retries"), _NO_RETRY),
        "health_check_interval": "nothing polls engines; the breaker (ai_backend_gateway.breaker) counts each failure",
        "timeout": "write `timeout_seconds`",
        "stream_timeout": "write `stream_gap_seconds`",
        "enabled": "write `status: active` or `status: inactive`",
        "cost_limit": "budgets need LiteLLM's database, which this collection does not run; write `rate_limits`",
        "rate_limits": "limits belong to a model: write them in the `models:` entry",
    }
    # Whether the engine answers each of its models by name, or serves only the one that it was started with.
    MANY_MODELS: ClassVar[bool] = True
    # Whether it can run on hosts of the inventory.
    LOCAL: ClassVar[bool] = False
    # Whether each answer costs money.
    PAID: ClassVar[bool] = False
    # The prefix that chooses LiteLLM's client for it (clients.py).
    CLIENT: ClassVar[str] = OPENAI
    # The secret that a managed one requires from its clients; empty if the engine has no keys.
    MANAGED_KEY: ClassVar[str] = ENGINE_KEY
    # Path of its health check if the registry names no other; without one, its list of models is used.
    HEALTH: ClassVar[str] = ""
    # How a key is sent.
    HEADERS: ClassVar[Mapping[str, str]] = {"Authorization": "Bearer {key}"}
    # How a model's name is brought to one spelling: these endings are removed, then a name without a tag gets this one.
    ENDINGS: ClassVar[Sequence[str]] = ()
    TAG: ClassVar[str] = ""
    # Whether it accepts names that it does not list.
    ALIASES: ClassVar[bool] = False
    # Whether it answers any name with the one model that it was started with.
    ANY_NAME: ClassVar[bool] = False
    # What its API can do, or None if that depends on the server.
    ABILITIES: ClassVar[frozenset[Ability] | None] = None
    # Those of a model without a list of its own, or None if these are all of ABILITIES.
    DEFAULT_ABILITIES: ClassVar[frozenset[Ability] | None] = None
    # Whether only LiteLLM knows how to ask it: it may have no address, and no health or list of models here.
    ONLY_LITELLM: ClassVar[bool] = False
    # Whether a pattern may use another client of OpenAI's API for it.
    OPENAI_API: ClassVar[bool] = True
    # Whether a request of OpenAI's newer API goes to it as it is. Otherwise LiteLLM asks it for a chat.
    RESPONSES: ClassVar[bool] = False
    # How a server is recognised: the path of a list of models that only this engine has, or the owner of its models in
    # the list of OpenAI's API.
    OWN_LIST: ClassVar[str] = ""
    OWNER: ClassVar[str] = ""
    # How a missing model is added to it.
    REMEDY: ClassVar[str] = "write a name that it has"
    # Variables of its role that are checked before a host is changed, with the role's defaults, and other words for a
    # value.
    ROLE_VARIABLES: ClassVar[Mapping[str, Plain]] = {}
    MEANT: ClassVar[Mapping[str, Mapping[str, str]]] = {}

    type: str
    """The kind of provider."""
    status: Status = "active"
    """`active` and `deprecated` answer; `inactive`, `disabled` and `template` are omitted with a warning."""
    base_url: Url | None = None
    """Its address: `http://host:port`. Clouds have a default."""
    hosts: str | None = None
    """Inventory group that it runs on, one deployment for each host; its port is in ai_backend_ports under its name."""
    managed: bool | None = None
    """Whether the collection installs and runs it. Default: yes with `hosts` or a loopback base_url, no for clouds."""
    default_model: ModelName | None = None
    """The model for names that it does not have."""
    health_endpoint: UrlPath | None = None
    """Path of its health check; for status tables."""
    requires_api_key: bool | None = None
    """Whether it needs a key."""
    env_var: SecretName | None = None
    """Name of its key in ai_backend_secrets."""
    timeout_seconds: Seconds | None = None
    """Longest time for one answer. Default: ai_backend_gateway.timeouts.request_seconds."""
    stream_gap_seconds: Seconds | None = None
    """Longest silence in a stream, prefill included. Default: ai_backend_gateway.timeouts.stream_gap_seconds."""

    @classmethod
    def offered(cls, row: Mapping[str, Any]) -> Plain:
        """The entry of `models:` for a row of its list of models."""
        return str(row["id"])

    @property
    def entries(self) -> tuple[ModelEntry, ...]:
        """The models, of any class."""
        entries: tuple[ModelEntry, ...] = getattr(self, "models", ())
        return entries

    @property
    def active(self) -> bool:
        """Whether it may get requests. A deprecated provider still answers."""
        return self.status in ("active", "deprecated")

    @property
    def is_managed(self) -> bool:
        """Whether this collection installs and runs it."""
        if not self.LOCAL:
            return False
        if self.managed is not None:
            return self.managed
        return self.hosts is not None or is_loopback(urlsplit(self.base_url or "").hostname or "")

    def entry(self, name: str) -> ModelEntry | None:
        """The model with that name."""
        return next((entry for entry in self.entries if entry.name == name), None)

    @property
    def key(self) -> str:
        """Name of the secret for its key, or empty."""
        return self.MANAGED_KEY if self.is_managed and self.MANAGED_KEY else self.env_var or ""

    def instance(self, name: str) -> str:
        """The instance of a managed one with this name: `llama-cpp@fast`."""
        return f"{self.type.replace('_', '-')}@{name}"

    @property
    def installable(self) -> bool:
        """Whether this version can install it on a host."""
        return False

    @property
    def many_models(self) -> bool:
        """Whether it answers each of its models by name."""
        return self.MANY_MODELS

    @property
    def kind(self) -> str:
        """What it is, in a sentence."""
        return self.type

    @property
    def secret_names(self) -> Sequence[str]:
        """Names of the secrets that a user must give for it."""
        return [self.env_var] if self.env_var is not None else []

    def health_url(self, base: str) -> str:
        """The URL of its health check, if the registry names no path for it."""
        return api_base(OLLAMA, base) + self.HEALTH if self.HEALTH else self.models_url(base)

    def models_url(self, base: str) -> str:
        """The URL of its list of models."""
        return f"{api_base(OPENAI, base)}/models"

    def service(self, site: Site) -> Row:
        """The row of a managed one on a host."""
        raise NotImplementedError(f"{self.kind} is not installable")

    def in_memory(self, name: str) -> Engine:
        """What one with this name has in memory; the largest of its models counts."""
        return {
            "provider": name,
            "managed": self.is_managed,
            "group": "",
            "together": 1,
            "card": -1,
            "spills": False,
            "maps": False,
            "models": [entry.load(join(BELOW, name, "models", index)) for index, entry in enumerate(self.entries)],
        }

    @property
    def files(self) -> Mapping[str, Mapping[str, Any]]:
        """{path on the host: source} of the files that a managed one needs; one path may not have two sources."""
        return {}

    @property
    def opened(self) -> Mapping[Place, str]:
        """{place in the registry below the provider: path on the host} of the files that its unit must open."""
        return {}

    def abilities(self, entry: ModelEntry | None) -> Sequence[Ability] | None:
        """What a model can do, sorted, or None if it is not known; without an entry, what any of them may do."""
        if entry is not None and entry.abilities is not None:
            return sorted(set(entry.abilities))
        usual = self.DEFAULT_ABILITIES or self.ABILITIES
        return None if usual is None else sorted(usual)

    @property
    def usual_client(self) -> str:
        """The prefix that chooses LiteLLM's usual client for it."""
        return self.CLIENT

    @property
    def client_parameters(self) -> Mapping[str, Any]:
        """What LiteLLM's client needs besides its address and key, by LiteLLM's own words."""
        return {}

    @property
    def keyless(self) -> bool:
        """Whether LiteLLM's client logs in without a key, or reads it from its environment."""
        return False

    def address(self, client: str, base: str) -> str:
        """The address for LiteLLM's client; empty if LiteLLM knows it."""
        return api_base(client, base)

    def client(self, entry: ModelEntry | None) -> str:
        """LiteLLM's client for a model."""
        return client_for(self.usual_client, self.abilities(entry))

    def for_managed_only(self, entry: ModelEntry) -> Sequence[str]:
        """Keys of a model that are given, but used only if this collection runs the engine."""
        return ()

    @classmethod
    def check_host(cls, host: str, values: Mapping[str, Plain], services: Collection[str]) -> Iterator[Finding]:
        """Findings of a host with these services of the type; `values` are the ROLE_VARIABLES that are set there."""
        yield from ()

    @classmethod
    def check_together(cls, host: str, engines: Mapping[str, Provider]) -> Iterator[Finding]:
        """Findings about the managed ones of this type that run on one host."""
        yield from ()

    @model_validator(mode="after")
    def _check(self) -> Provider:
        names = [entry.name for entry in self.entries]
        for name in names:
            if names.count(name) > 1:
                raise refused("names", f"models has '{name}' twice → keep one of them")
        if self.default_model is not None and self.default_model not in names:
            problem = f"default_model '{self.default_model}' is not among its models → add it to `models:`"
            raise refused("references", problem)
        if self.hosts is not None and not self.LOCAL:
            raise ValueError("hosts is not possible for this type → write `base_url: https://…`")
        if (self.hosts is None) == (self.base_url is None) and not (self.ONLY_LITELLM and self.base_url is None):
            both = "has both base_url and hosts" if self.hosts else "has neither base_url nor hosts"
            raise ValueError(f"{both} → write one: `base_url: http://host:port`, or `hosts: <inventory group>`")
        self._check_abilities()
        self._check_managed()
        self._check_key()
        return self

    def _check_abilities(self) -> None:
        for entry in self.entries:
            beyond = sorted(set(entry.abilities or ()) - (self.ABILITIES or set(entry.abilities or ())))
            if beyond:
                remedy = f"keep those of {', '.join(sorted(self.ABILITIES or ()))}"
                problem = f"'{entry.name}' has abilities that {self.kind} has not: {', '.join(beyond)}"
                raise ValueError(f"{problem} → {remedy}")

    def _check_managed(self) -> None:
        if self.managed and not self.LOCAL:
            raise ValueError("managed is true, but this type cannot be managed → remove `managed`")
        if not self.is_managed:
            return
        if self.base_url is not None:
            parts = urlsplit(self.base_url)
            if not is_loopback(parts.hostname or ""):
                remedy = "write `hosts: <inventory group>` instead of base_url, or `managed: false`"
                raise ValueError(f"managed is true, but base_url is not this machine → {remedy}")
            if parts.port is None or parts.path or parts.scheme != "http":
                raise ValueError("base_url of a managed engine is not http://127.0.0.1:port → write it in this form")
        if self.env_var is not None or self.requires_api_key:
            remedy = "remove env_var and requires_api_key, or write `managed: false`"
            raise refused("secrets", f"a managed engine gets its key from the deployment → {remedy}")

    def _check_key(self) -> None:
        if self.env_var is not None and is_generated(self.env_var):
            problem = "env_var is a secret of the deployment, which must not be sent to a provider"
            raise refused("secrets", f"{problem} → name the provider's own key, such as OPENAI_API_KEY")
        if self.requires_api_key and self.env_var is None:
            raise refused("secrets", "requires_api_key is true without env_var → write `env_var: SOME_API_KEY`")
        if self.requires_api_key is False and self.env_var is not None:
            raise refused("secrets", "requires_api_key is false, but env_var is given → remove one of them")
