# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""LiteLLM's deployments: the parameters of the client, for each target of a name and each host that it runs on."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, TypeAlias

from ..engines.clients import OLLAMA, OPENAI, VLLM
from ..engines.model import ModelEntry
from ..engines.provider import Provider
from ..registry.registry import Registry
from ..routing.routes import DEFAULT, Group, Level, Target
from ..schema.base import Described

# LiteLLM reads a price of 0 as no price, and handles that as more expensive than any; dollars per token.
_FREE = 1e-12

# The addresses of each provider for this gateway: [(host, api_base without the path of the API)].
Endpoints: TypeAlias = "Mapping[str, list[tuple[str, str]]]"


def deployments(registry: Registry, group: Group, levels: list[Level], endpoints: Endpoints) -> list[dict[str, Any]]:
    """The rows of `model_list` for one name: its levels in their order, each with the hosts of its targets."""
    rows: list[dict[str, Any]] = []
    for order, level in enumerate(levels, start=1):
        members = [(target, host, base) for target in level for host, base in endpoints[target.provider]]
        weights = _weights(level, {target.provider: len(endpoints[target.provider]) for target in level})
        for target, host, base in members:
            params = _params(registry, group, target, base)
            if len(levels) > 1:
                params["order"] = order
            if target.key in weights:
                params["weight"] = weights[target.key]
            info = _info(registry.providers[target.provider], target)
            info["id"] = _id(f"{group.name}#{order}", f"{target.provider}@{host}/{target.model or group.name}")
            rows.append({"litellm_params": params, "model_info": info, "model_name": group.name})
    return rows


def _id(level: str, target: str) -> str:
    """A deployment's id. LiteLLM's usage-based routing cuts an id at its first colon, and then does not find it."""
    return f"{level}|{target}".replace("%", "%25").replace(":", "%3A")


def _weights(level: Level, hosts: Mapping[str, int]) -> dict[tuple[str, str], int]:
    """Weight of each deployment as a whole number: a target's weight is divided among the hosts that it runs on."""
    shares = {
        target.key: Fraction(str(target.weight)).limit_denominator(10000) / hosts[target.provider]
        for target in level
        if target.weight is not None
    }
    if not shares:
        return {}
    common = math.lcm(*(share.denominator for share in shares.values()))
    whole = {key: int(share * common) for key, share in shares.items()}
    divisor = math.gcd(*whole.values())
    return {key: value // divisor for key, value in whole.items()}


def _params(registry: Registry, group: Group, target: Target, base: str) -> dict[str, Any]:
    provider = registry.providers[target.provider]
    timeouts = registry.gateway.timeouts
    request = provider.timeout_seconds or timeouts.request_seconds
    prefix = _prefix(provider, target, group)
    # LiteLLM replaces each `*` here with what the `*` of the name matched, so the whole glob gives the requested name.
    name = target.model or (DEFAULT if group.kind == "default" else group.name)
    address = provider.address(prefix, base)
    params: dict[str, Any] = {
        **({"api_base": address} if address else {}),
        **_api_key(provider),
        **provider.client_parameters,
        "model": f"{prefix}/{name}",
        # If an engine hangs, the next deployment is asked after this time.
        "stream_timeout": min(provider.stream_gap_seconds or timeouts.stream_gap_seconds, request),
        "timeout": request,
    }
    if prefix in (OPENAI, VLLM) and not provider.RESPONSES:
        params["use_chat_completions_api"] = True
    entry = provider.entry(target.model or "")
    if entry is not None:
        params |= _entry_params(entry)
    if group.strategy == "cost-based-routing":
        params |= {key: value or _FREE for key, value in params.items() if key.endswith("_cost_per_token")}
    return params


def _prefix(provider: Provider, target: Target, group: Group) -> str:
    """The prefix that chooses LiteLLM's client for an engine."""
    if target.model is not None and "*" not in target.model:
        return provider.client(provider.entry(target.model))
    prefix = provider.usual_client
    # For a wildcard, LiteLLM lists its known models of the prefix in /v1/models: about 170 for OpenAI, one for Ollama.
    # This prefix has none, and uses the OpenAI API that all of them have but Anthropic's.
    if prefix == OLLAMA:
        return VLLM if group.kind == "default" or "/" in group.name else prefix
    return VLLM if provider.OPENAI_API else prefix


def _api_key(provider: Provider) -> dict[str, str]:
    if provider.key:
        return {"api_key": f"os.environ/{provider.key}"}
    # Without a key, LiteLLM would send the key of OpenAI or Ollama from its environment to this engine.
    return {} if provider.keyless else {"api_key": "none"}  # pragma: allowlist secret


def _entry_params(entry: ModelEntry) -> dict[str, Any]:
    params: dict[str, Any] = {}
    if entry.cost_per_1k_tokens is not None:
        params["input_cost_per_token"] = entry.cost_per_1k_tokens.input / 1000
        params["output_cost_per_token"] = entry.cost_per_1k_tokens.output / 1000
    if entry.rate_limits is not None:
        limits = {"rpm": entry.rate_limits.requests_per_minute, "tpm": entry.rate_limits.tokens_per_minute}
        params |= {name: limit for name, limit in limits.items() if limit is not None}
    return params | entry.request_parameters


def _answers_as(provider: Provider, target: Target, entry: ModelEntry | None) -> str:
    """A digest of what decides an answer: the engine, the model and its options. It is part of the cache's keys."""
    shown = {"tags", "cost_per_1k_tokens", "url_token", "rate_limits", "specialty", *Described.model_fields}
    what = {
        "type": provider.type,
        "provider": target.provider,
        "where": provider.base_url or provider.hosts,
        **({"with": dict(provider.client_parameters)} if provider.client_parameters else {}),
        "model": target.model,
        # Without what is not given: a key that a later version adds would otherwise empty the cache.
        "entry": entry and entry.model_dump(mode="json", exclude=shown, exclude_none=True),
    }
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:16]


def _info(provider: Provider, target: Target) -> dict[str, Any]:
    """What GET /model/info shows in addition to the deployment."""
    entry = provider.entry(target.model or "")
    info: dict[str, Any] = {"answers_as": _answers_as(provider, target, entry), "provider": target.provider}
    abilities = provider.abilities(entry)
    if abilities is not None:
        info["abilities"] = list(abilities)
    if entry is not None:
        if entry.context_length is not None:
            info["max_input_tokens"] = entry.request_context
            if provider.CLIENT == OLLAMA:
                # Seen: LiteLLM looks for such a model by its client, does not find it, and omits the limit.
                info["litellm_provider"] = OLLAMA
        described = {"quantization": entry.quantization, "size": entry.size, "specialty": entry.specialty}
        info |= {name: value for name, value in described.items() if value is not None}
        if entry.tags:
            info["tags"] = sorted(entry.tags)
    return info
