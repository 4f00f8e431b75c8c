# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Importing a LiteLLM config.yaml: deployments become providers and models, other settings become rules.

The targets of a name stay the same; retries and similar settings do not, see docs/import.md.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ..engines.model import RequestOptions
from ..engines.ollama_model import OllamaOptions
from ..findings.paths import join
from ..litellm.config import references
from .result import Imported, Raw, name_of

# LiteLLM's prefix -> type of the registry, with an address of its own and without.
_TYPES = {
    "openai": ("openai_compatible", "openai"),
    "text-completion-openai": ("openai_compatible", "openai"),
    "custom_openai": ("openai_compatible", ""),
    "openai_like": ("openai_compatible", ""),
    "anthropic": ("anthropic", "anthropic"),
    "ollama": ("ollama", ""),
    "ollama_chat": ("ollama", ""),
    "hosted_vllm": ("vllm", ""),
    "vllm": ("vllm", ""),
    "llamafile": ("openai_compatible", ""),
    "lm_studio": ("openai_compatible", ""),
}
_KEYS = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}
# Settings of LiteLLM that the registry has: (section, key) -> place in the registry.
_SETTINGS = {
    "allowed_fails": ("breaker", "failures"),
    "cooldown_time": ("breaker", "cooldown_seconds"),
    "request_timeout": ("timeouts", "request_seconds"),
    "timeout": ("timeouts", "request_seconds"),
    "stream_timeout": ("timeouts", "stream_gap_seconds"),
}
# Settings that this collection decides itself, and why they are not needed.
_DECIDED = {
    "num_retries": "the gateway uses a fallback instead of a retry",
    "retry_policy": "the gateway uses a fallback instead of a retry",
    "retry_after": "the gateway uses a fallback instead of a retry",
    "max_fallbacks": "it follows from the longest chain",
    "enable_weighted_failover": "it is on",
    "drop_params": "it is on",
    "json_logs": "it is on",
    "cache": "ai_backend_cache.enabled decides it",
    "set_verbose": "logs are JSON; raise the level at run time",
    "redis_host": "the deployment has its own Redis",
    "redis_port": "the deployment has its own Redis",
    "redis_password": "the deployment has its own Redis",  # pragma: allowlist secret
    "redis_url": "the deployment has its own Redis",
    "database_url": "this collection runs LiteLLM without a database",
    "custom_auth": "the deployment has its own",
}
_PARAMETERS = {"model", "api_base", "base_url", "api_key", "weight", "order", "timeout", "stream_timeout", "rpm", "tpm"}
_SECRET_KEY = re.compile(r"(?i)(?:^|_)(?:key|token|secret|password|passwd|license)s?$")
_COSTS = ("input_cost_per_token", "output_cost_per_token")


@dataclass(frozen=True)
class _Row:
    """One deployment: its name, and the provider and model that answer it."""

    name: str
    provider: str
    model: str
    weight: float | None
    order: int | None

    @property
    def wildcard(self) -> bool:
        return "*" in self.name


def import_litellm(made: Imported, config: Mapping[str, Any]) -> None:
    """`model_list`, `router_settings`, `litellm_settings`, `general_settings`."""
    rows = _rows(made, config.get("model_list"))
    router, library, general = (_section(made, config, name) for name in _SECTIONS)
    strategy = router.pop("routing_strategy", "simple-shuffle")
    by_name: dict[str, list[_Row]] = defaultdict(list)
    for row in rows:
        by_name[row.name].append(row)
    routing = made.part("routing")
    patterns: list[Raw] = []
    for name, group in by_name.items():
        if group[0].wildcard:
            patterns += _pattern(made, name, group)
        else:
            _named(made, name, group, strategy)
    _further_names(made, by_name)
    if patterns:
        routing["patterns"] = sorted(patterns, key=lambda rule: len(re.escape(rule["glob"])), reverse=True)
    chains = [*_list(router.pop("fallbacks", None)), *_list(library.pop("fallbacks", None))]
    _fallbacks(made, chains, by_name)
    _aliases(made, router.pop("model_group_alias", None), by_name)
    for section, settings in (("router_settings", router), ("litellm_settings", library)):
        _settings(made, section, settings)
    _general(made, general)
    for key in sorted(set(config) - {"model_list", *_SECTIONS}):
        if key in ("environment_variables", "mcp_servers"):
            _extra(made, key, config[key])
        else:
            made.note("refused", key, "has no place in the registry")


_SECTIONS = ("router_settings", "litellm_settings", "general_settings")


def _section(made: Imported, config: Mapping[str, Any], name: str) -> Raw:
    section = config.get(name) or {}
    if not isinstance(section, dict):
        made.note("refused", name, "is not a mapping")
        return {}
    return dict(section)


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


# -- deployments ------------------------------------------------------------------------------------------------------


def _rows(made: Imported, entries: object) -> list[_Row]:
    rows: list[_Row] = []
    known: dict[tuple[str, str, str], str] = {}
    for index, entry in enumerate(_list(entries)):
        where = join("model_list", index)
        params = entry.get("litellm_params") if isinstance(entry, dict) else None
        name = entry.get("model_name") if isinstance(entry, dict) else None
        if not isinstance(params, dict) or not isinstance(name, str) or not isinstance(params.get("model"), str):
            made.note("refused", where, "has no model_name or no litellm_params.model")
            continue
        row = _row(made, where, name, params, known)
        if row is not None:
            rows.append(row)
    return rows


def _row(made: Imported, where: str, name: str, params: Raw, known: dict[tuple[str, str, str], str]) -> _Row | None:
    prefix, slash, model = params["model"].partition("/")
    if not slash or prefix not in _TYPES:
        guess = "anthropic" if params["model"].startswith("claude") else "openai"
        if slash and params.get("custom_llm_provider") not in _TYPES and not params.get("api_base"):
            problem = f"'{prefix}' is not a provider of this version; an OpenAI-compatible address is possible"
            made.note("refused", f"{where}.litellm_params.model", problem)
            return None
        prefix, model = params.get("custom_llm_provider") or guess, params["model"]
    base = str(params.get("api_base") or params.get("base_url") or "")
    far, near = _TYPES[prefix]
    kind = far if base else near
    if not kind:
        made.note("refused", where, f"'{prefix}/' has no address without api_base")
        return None
    secret = made.key(params.get("api_key"), f"{where}.litellm_params.api_key")
    if kind in _KEYS:
        secret = secret or _KEYS[kind]
        made.secret(secret)
    key = kind, base, secret or ""
    if key not in known:
        known[key] = _provider(made, kind, base, secret)
    provider = known[key]
    if "*" not in model:
        _model(made, where, provider, model, params)
    order, weight = params.get("order"), params.get("weight")
    return _Row(name, provider, model, weight, order)


def _provider(made: Imported, kind: str, base: str, secret: str | None) -> str:
    providers = made.part("providers")
    parts = urlsplit(base)
    label = kind if kind in _KEYS or kind in ("ollama", "vllm") else (parts.hostname or kind)
    name = name_of(label, providers)
    entry: Raw = {"type": kind, "models": []}
    if base:
        entry["base_url"] = _address(kind, base)
    if kind in ("ollama", "vllm"):
        entry["managed"] = False
    if secret is not None and secret != _KEYS.get(kind):
        entry |= {"env_var": secret, "requires_api_key": True}
    providers[name] = entry
    return name


def _address(kind: str, base: str) -> str:
    """Ollama's own API begins at the root; the address of the others is used unchanged."""
    return base.rstrip("/").removesuffix("/v1") if kind == "ollama" else base.rstrip("/")


def _model(made: Imported, where: str, provider: str, model: str, params: Raw) -> None:
    """Declare the model once; the settings of its first deployment are used for all."""
    entries = made.part("providers")[provider]["models"]
    if any(entry["name"] == model for entry in entries):
        return
    entry: Raw = {"name": model}
    limits = {"requests_per_minute": params.get("rpm"), "tokens_per_minute": params.get("tpm")}
    if any(limits.values()):
        entry["rate_limits"] = {word: value for word, value in limits.items() if value}
    if any(isinstance(params.get(word), int | float) for word in _COSTS):
        costs = [float(params.get(word) or 0) * 1000 for word in _COSTS]
        entry["cost_per_1k_tokens"] = {"input": costs[0], "output": costs[1]}
    fields = OllamaOptions if made.part("providers")[provider]["type"] == "ollama" else RequestOptions
    options = {word: params[word] for word in fields.model_fields if params.get(word) is not None}
    if options:
        entry["options"] = options
    for word in sorted(set(params) - _PARAMETERS - set(_COSTS) - set(options)):
        made.note("refused", f"{where}.litellm_params.{word}", "has no key in the registry")
    if "timeout" in params:
        made.note("changed", f"{where}.litellm_params.timeout", f"is timeout_seconds of the provider '{provider}'")
        made.part("providers")[provider].setdefault("timeout_seconds", int(float(params["timeout"])))
    entries.append(entry)


# -- rules ------------------------------------------------------------------------------------------------------------


def _named(made: Imported, name: str, group: Sequence[_Row], strategy: str) -> None:
    """One deployment is an exact match, or nothing if the name is the model's own; several are a pool."""
    routing = made.part("routing")
    if len(group) == 1:
        row = group[0]
        if row.model != name or _declared_by(made, name) != [row.provider]:
            entry: Raw = {"provider": row.provider}
            routing.setdefault("exact_matches", {})[name] = entry | (
                {"backend_model": row.model} if row.model != name else {}
            )
        return
    orders = {row.order for row in group}
    if len(orders) > 1:
        group = sorted(group, key=lambda row: (row.order is None, row.order))
        if len(orders) < len(group):
            made.note("changed", f"model_list ({name})", "deployments of one order are tried one after the other")
        pool: Raw = {"strategy": "priority"}
    else:
        pool = {"strategy": "weighted" if strategy == "simple-shuffle" else strategy}
    pool["providers"] = [{"provider": row.provider, "model": row.model} for row in group]
    weights = [row.weight for row in group]
    if any(weights) and pool["strategy"] == "weighted":
        for member, weight in zip(pool["providers"], weights, strict=True):
            member["weight"] = weight or 1
    routing.setdefault("load_balancing", {})[name] = pool


def _declared_by(made: Imported, name: str) -> list[str]:
    providers = made.part("providers")
    return [owner for owner, entry in providers.items() if any(model["name"] == name for model in entry["models"])]


def _further_names(made: Imported, by_name: Mapping[str, object]) -> None:
    """Models that had only another name can now be used by their own; of two owners the first one answers."""
    owners: dict[str, list[str]] = defaultdict(list)
    for owner, entry in made.part("providers").items():
        for model in entry["models"]:
            owners[model["name"]].append(owner)
    for name, all_of_it in owners.items():
        if name in by_name:
            continue
        made.note("changed", f"model_list ({name})", "a model that had only another name can also be used by its own")
        if len(all_of_it) > 1:
            made.part("routing").setdefault("exact_matches", {})[name] = {"provider": all_of_it[0]}


def _pattern(made: Imported, name: str, group: Sequence[_Row]) -> list[Raw]:
    if len(group) > 1:
        where = f"model_list ({name})"
        made.note("changed", where, "a pattern has one provider: the others are tried after it, in their order")
    first, *others = group
    rule: Raw = {"glob": name, "provider": first.provider}
    if "*" not in first.model:
        rule["backend_model"] = first.model
    elif first.model not in ("*", name):
        made.note(
            "refused", f"model_list ({name})", f"it uses the model '{first.model}'; a pattern uses the name unchanged"
        )
        return []
    if others:
        rule["fallback_chain"] = [row.provider for row in others]
    return [rule]


def _fallbacks(made: Imported, entries: Sequence[object], by_name: Mapping[str, object]) -> None:
    chains: Raw = {}
    for index, entry in enumerate(entries):
        for name, chain in entry.items() if isinstance(entry, dict) else ():
            where = f"fallbacks[{index}]"
            if name not in by_name:
                made.note("refused", where, f"'{name}' is not a name of the model list")
                continue
            known = [item for item in _list(chain) if item in by_name and "*" not in item]
            for item in _list(chain):
                if item not in known:
                    made.note("refused", where, f"'{item}' is not a name of the model list")
            if known:
                chains[name] = known
    for name, chain in chains.items():
        _chain(made, name, chain)


def _chain(made: Imported, name: str, chain: list[str]) -> None:
    routing = made.part("routing")
    pattern = next((rule for rule in routing.get("patterns", ()) if rule["glob"] == name), None)
    if pattern is not None:
        pattern["fallback_chain"] = [*pattern.get("fallback_chain", ()), *chain]
    else:
        routing.setdefault("fallback_chains", {})[name] = chain


def _aliases(made: Imported, aliases: object, by_name: Mapping[str, Sequence[_Row]]) -> None:
    """An alias of a name with one deployment is an exact match; of a pool, a pool of its own."""
    for alias, target in aliases.items() if isinstance(aliases, dict) else ():
        name = target.get("model") if isinstance(target, dict) else target
        group = by_name.get(str(name))
        if group is None or alias in by_name:
            made.note("refused", f"router_settings.model_group_alias.{alias}", "has no target in the model list")
            continue
        _named(made, str(alias), group, "simple-shuffle")
        chain = made.part("routing").get("fallback_chains", {}).get(str(name))
        if chain:
            _chain(made, str(alias), list(chain))


# -- settings ---------------------------------------------------------------------------------------------------------


def _settings(made: Imported, section: str, settings: Raw) -> None:
    gateway = made.part("gateway")
    for key, value in sorted(settings.items()):
        where = f"{section}.{key}"
        if key in _SETTINGS and isinstance(value, int | float) and not isinstance(value, bool):
            part, word = _SETTINGS[key]
            # LiteLLM's breaker opens on the failure after these.
            number = max(1, int(value) + (1 if key == "allowed_fails" else 0))
            gateway.setdefault(part, {}).setdefault(word, number)
            made.note("changed", where, f"is ai_backend_gateway.{part}.{word}: {gateway[part][word]}")
        elif key == "cache_params" and isinstance(value, dict):
            _cache(made, value)
        elif key in _DECIDED:
            made.note("changed", where, f"is omitted: {_DECIDED[key]}")
        else:
            _extra(made, section, {key: value})
    longest = max(gateway.get("timeouts", {}).values(), default=0)
    if longest > gateway.get("stream_timeout_seconds", 610):
        gateway["stream_timeout_seconds"] = longest + 10


def _cache(made: Imported, params: Raw) -> None:
    cache = made.part("cache")
    for word in ("ttl", "namespace"):
        if word in params:
            cache[word] = int(params[word]) if word == "ttl" else params[word]
    made.note("changed", "litellm_settings.cache_params", "is ai_backend_cache; the deployment has its own Redis")


def _general(made: Imported, general: Raw) -> None:
    if "master_key" in general:
        name = made.key(general.pop("master_key"), "general_settings.master_key")
        if name is not None:
            made.part("secrets").pop(name, None)
            made.part("secrets")["LITELLM_MASTER_KEY"] = f"{{{{ lookup('ansible.builtin.env', '{name}') }}}}"
            made.note("changed", "general_settings.master_key", "is ai_backend_secrets.LITELLM_MASTER_KEY")
    for key in sorted(set(general) & set(_DECIDED)):
        made.note("changed", f"general_settings.{key}", f"is omitted: {_DECIDED[key]}")
        general.pop(key)
    if general:
        _extra(made, "general_settings", general)


def _extra(made: Imported, section: str, settings: object) -> None:
    kept = _without_secrets(made, settings, section)
    if isinstance(kept, dict) and kept:
        for name in sorted(references(kept)):
            made.secret(name)
        extra = made.part("gateway").setdefault("litellm", {}).setdefault("extra", {})
        extra.setdefault(section, {}).update(kept)
        for key in sorted(kept):
            made.note("kept", f"{section}.{key}", "unchanged, in ai_backend_gateway.litellm.extra")


def _without_secrets(made: Imported, value: object, where: str) -> object:
    """The same without literal values of keys that contain secrets by their name, for values of any shape."""
    if isinstance(value, list):
        return [_without_secrets(made, item, join(where, index)) for index, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    kept: Raw = {}
    for key, item in value.items():
        literal = isinstance(item, str) and not references(item)
        if _SECRET_KEY.search(key) and literal:
            remedy = "refer to it by name: `os.environ/SOME_NAME`, and set SOME_NAME in ai_backend_secrets"
            made.note("refused", join(where, key), f"a literal secret is not imported; {remedy}")
        else:
            kept[key] = _without_secrets(made, item, join(where, key))
    return kept
