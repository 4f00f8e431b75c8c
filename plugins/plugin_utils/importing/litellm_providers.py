# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which provider a deployment of LiteLLM belongs to: type, address, key, and what only LiteLLM's client reads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ..engines.catalog import provider_types
from ..engines.clients import api_base
from ..engines.cloud import Cloud
from ..engines.remote.well_known import WellKnown
from ..findings.findings import suggest
from ..litellm.keys import KEYS as KNOWN
from ..schema.base import is_url
from ..schema.secrets import references
from .litellm_models import Given, options_of
from .litellm_tables import ADDRESSES, BARE, ENVIRONMENT, KEYS, LOCAL_OLLAMA, PARAMETERS, WAYS, Way
from .result import Imported, Raw, reference
from .secrets import without_secrets

BY_PREFIX = "litellm"
_NOWHERE = Way("", "", "")
# Types of servers, which may need no key.
_SERVERS = ("openai_compatible", "ollama", "vllm")
_NO_KEY = "is not given, so the engine gets none; LiteLLM would have sent OPENAI_API_KEY of its environment"


@dataclass(frozen=True)
class Choice:
    """A provider: its type, LiteLLM's prefix of the type `litellm`, address, name of its key, and parameters."""

    kind: str
    prefix: str = ""
    base: str = ""
    secret: str = ""
    parameters: Raw = field(default_factory=dict)

    @property
    def label(self) -> str:
        """What it is called."""
        if self.kind == BY_PREFIX:
            return self.prefix
        known = self.kind in ("ollama", "vllm") or not self.base
        return self.kind if known else urlsplit(self.base).hostname or self.kind


def client_of(params: Raw) -> tuple[str, str]:
    """(LiteLLM's client, model) of a deployment, as LiteLLM chooses it; the client is empty where that is not known.

    The prefix decides, then `custom_llm_provider`, then a name that LiteLLM knows.
    """
    text = str(params["model"])
    prefix, slash, model = text.partition("/")
    given = params.get("custom_llm_provider")
    if slash and (prefix in WAYS or prefix in KNOWN["providers"]) and given in (None, prefix):
        return prefix, model
    if isinstance(given, str) and given:
        return given, text
    return next((client for client, names in BARE.items() if names.match(text)), ""), text


def choose(made: Imported, given: Given, client: str, model: str) -> Choice | None:
    """The provider of a deployment, or None with a note of why there is none."""
    params, names = given.params, [given.name]
    if reference(params["model"]) or not client or client not in {*WAYS, *KNOWN["providers"]}:
        made.note("refused", given.at("model"), *_why_not(client, str(params["model"])), names)
        return None
    if "/" not in str(params["model"]) and "custom_llm_provider" not in params and client != "openai":
        problem = f"has no prefix, and is asked as {client}/{model}"
        made.note("changed", given.at("model"), problem, "write the prefix, if it is another one", names)
    way = WAYS.get(client, _NOWHERE)
    base = str(params.get("api_base") or params.get("base_url") or "").strip().rstrip("/")
    if client in ("ollama", "ollama_chat") and not base:
        base = LOCAL_OLLAMA
        made.note("changed", given.path, f"has the address that LiteLLM uses without api_base: {base}", "", names)
    base = base or ADDRESSES.get(client, "")
    kind = way.wildcard if "*" in model else way.addressed if base else way.known
    if "*" in model and kind == "openai_compatible" and not base:
        kind = way.known
    if "*" in model:
        return _wildcard(made, given, kind, base, _more(made, given, kind or BY_PREFIX))
    if not kind or _rest(given, kind) or (base and not is_url(base)):
        return _by_prefix(made, given, client, base, _more(made, given, BY_PREFIX))
    _check_address(made, given, client, kind, base)
    return Choice(kind, "", _registry_address(kind, base), _secret(made, given, kind, base))


def _why_not(client: str, model: str) -> tuple[str, str]:
    if reference(model):
        return "is read from the environment", "write the model itself"
    if client:
        hint = suggest(client, {*WAYS, *KNOWN["providers"]})
        return f"LiteLLM has no provider '{client}'", f"{hint} else write `openai/` before it, and api_base"
    return f"no provider can be told from '{model}'", "write it with the prefix of its provider"


def _rest(given: Given, kind: str) -> Raw:
    """Parameters without a word of the registry."""
    words = {*PARAMETERS, *options_of(kind)}
    return {word: value for word, value in given.params.items() if word not in words and value is not None}


def _more(made: Imported, given: Given, kind: str) -> Raw:
    """The same without their literal secrets."""
    kept = without_secrets(made, _rest(given, kind), f"{given.path}.litellm_params", [given.name])
    return {word: value for word, value in kept.items() if value is not None} if isinstance(kept, dict) else {}


def _wildcard(made: Imported, given: Given, kind: str, base: str, more: Raw) -> Choice | None:
    """A pattern: the types with OpenAI's API, because of others LiteLLM would list all models that it knows."""
    open_ones = kind and (provider_types()[kind].OPENAI_API or ("/" not in given.name and given.name != "*"))
    if not open_ones or (base and not is_url(base)):
        problem = "a pattern is not possible for this provider: LiteLLM would list all its models that it knows"
        made.note("refused", given.at("model"), problem, "declare the models that are asked for", [given.name])
        return None
    for word in more:
        problem, remedy = "a pattern has no parameters", "declare the models that are asked for by name"
        made.note("refused", given.at(word), problem, remedy, [given.name])
    if issubclass(provider_types()[kind], WellKnown) or (kind == "ollama" and "/" in given.name):
        problem = "is asked at the API of OpenAI that it has: LiteLLM would list all models that it knows"
        made.note("changed", given.at("model"), problem, "", [given.name])
    return Choice(kind, "", _registry_address(kind, base), _secret(made, given, kind, base))


def _by_prefix(made: Imported, given: Given, client: str, base: str, more: Raw) -> Choice | None:
    """The type that has LiteLLM's own parameters."""
    parameters = dict(more)
    for word, variable in ENVIRONMENT.get(client, {}).items():
        if not base and not any(name.startswith(word.split("_")[0]) for name in more):
            parameters[word] = f"os.environ/{variable}"
            problem = f"is read from {variable} in ai_backend_secrets, as LiteLLM read it from its environment"
            made.note("changed", given.at(word), problem, "", [given.name])
    variable = reference(base)
    if base and (variable or not is_url(base)):
        parameters["api_base"], base = f"os.environ/{variable}" if variable else base, ""
    if (
        not base
        and "api_base" not in parameters
        and WAYS.get(client) == Way("openai_compatible", "", "openai_compatible")
    ):
        made.note(
            "refused", given.at("api_base"), "is not given, and LiteLLM knows no address", "write it", [given.name]
        )
        return None
    for name in sorted(references(parameters)):
        made.secret(name)
    secret = _key_by_prefix(made, given, client, base, more)
    if WAYS.get(client, _NOWHERE).addressed:
        words = ", ".join(sorted(more)) or "api_base"
        problem = f"is a provider of the type `litellm`, because of {words}: checks of hosts ask it nothing"
        made.note("changed", given.path, problem, "", [given.name])
    return Choice(BY_PREFIX, client, base, secret, parameters)


def _key_by_prefix(made: Imported, given: Given, client: str, base: str, more: Raw) -> str:
    """The name of the key of a deployment of the type `litellm`, or empty."""
    secret, written = _key(made, given), bool(given.params.get("api_key"))
    # What is read from the environment already may be what it logs in with.
    if not secret and not written and not references(more):
        secret = "" if base and WAYS.get(client, _NOWHERE).addressed in _SERVERS else key_of(client)
        if secret:
            made.secret(secret)
        elif base and client in ("openai", "text-completion-openai"):
            made.note("changed", given.at("api_key"), _NO_KEY, "", [given.name])
    if not secret and written:
        problem = "is no key: LiteLLM sends one of its environment, if it has one"
        made.note("changed", given.at("api_key"), problem, "", [given.name])
    return secret


def _secret(made: Imported, given: Given, kind: str, base: str) -> str:
    """The name of the key, if it is another one than the type's usual one."""
    secret = _key(made, given)
    cloud = provider_types()[kind]
    if issubclass(cloud, Cloud):
        usual = cloud.usual(kind)[1]
        made.secret(secret or usual)
        if not secret and given.params.get("api_key"):
            problem = f"is no key, and the gateway sends {usual} of ai_backend_secrets"
            made.note("changed", given.at("api_key"), problem, "", [given.name])
        return "" if secret == usual else secret
    if not secret and not given.params.get("api_key") and kind == "openai_compatible":
        made.note("changed", given.at("api_key"), _NO_KEY, "", [given.name])
    return secret


def _key(made: Imported, given: Given) -> str:
    """The name of the key of a deployment, or empty."""
    value = given.params.get("api_key")
    secret = made.key(value, given.at("api_key"), "", [given.name]) or ""
    if secret and not references(value):
        problem = f"is read from {secret} of ai_backend_secrets, where LiteLLM sent this text itself"
        made.note("changed", given.at("api_key"), problem, "", [given.name])
    return secret


def _registry_address(kind: str, base: str) -> str:
    """Ollama's own API begins at the root; the address of the others is used unchanged."""
    return base.removesuffix("/v1").removesuffix("/api") if kind == "ollama" else base


def _check_address(made: Imported, given: Given, client: str, kind: str, base: str) -> None:
    """The gateway completes an address where LiteLLM took it as it was."""
    asked = api_base(provider_types()[kind].CLIENT, base) if base else ""
    if asked != base:
        made.note("changed", given.at("api_base"), f"is asked at {asked}", "", [given.name])


def key_of(client: str) -> str:
    """The key that LiteLLM takes from its environment, or empty."""
    return KEYS.get(client, f"{re.sub('[^a-z0-9]', '_', client).upper()}_API_KEY")


def provider_entry(choice: Choice, seconds: Mapping[str, int]) -> Raw:
    """The entry of the registry, without its models. seconds: of its keys for timeouts."""
    entry: Raw = {"type": choice.kind}
    if choice.kind == BY_PREFIX:
        entry["prefix"] = choice.prefix
    if choice.parameters:
        entry["parameters"] = choice.parameters
    if choice.base:
        entry["base_url"] = choice.base
    if choice.kind in ("ollama", "vllm"):
        entry["managed"] = False
    if choice.secret:
        entry |= {"env_var": choice.secret, "requires_api_key": True}
    return {**entry, **seconds}
