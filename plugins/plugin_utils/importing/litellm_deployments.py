# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Importing the `model_list` of LiteLLM: each deployment becomes a model of a provider."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ..engines.model import RequestOptions
from ..engines.ollama_model import OllamaOptions
from ..engines.remote.well_known import CLOUDS
from ..findings.paths import join
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
_TYPES |= {known.prefix: (kind, kind) for kind, known in CLOUDS.items() if known.prefix not in _TYPES}
_KEYS = {
    "openai": "OPENAI_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    **{kind: known.env_var for kind, known in CLOUDS.items()},
}
# What of a deployment is not a setting of its model.
_WAY = {"model", "api_base", "base_url", "api_key", "custom_llm_provider", "weight", "order"}
_PARAMETERS = _WAY | {"timeout", "stream_timeout", "rpm", "tpm"}
_COSTS = ("input_cost_per_token", "output_cost_per_token")
# Names without a prefix that LiteLLM gives to a vendor (its lists of models).
_BARE = {
    "anthropic": re.compile(r"claude"),
    "openai": re.compile(r"gpt-|chatgpt-|o\d|text-embedding-|text-davinci|davinci|babbage|dall-e|tts-|whisper|omni-"),
}


@dataclass(frozen=True)
class Row:
    """One deployment: its name, and the provider and model that answer it."""

    name: str
    provider: str
    model: str
    weight: float | None
    order: int | None

    @property
    def wildcard(self) -> bool:
        """Whether the name is a pattern."""
        return "*" in self.name


def list_of(value: object) -> list[Any]:
    """A list, or an empty one for anything else."""
    return value if isinstance(value, list) else []


# -- deployments ------------------------------------------------------------------------------------------------------


def rows_of(made: Imported, entries: object) -> list[Row]:
    """The deployments of a `model_list`; their providers and models are added to the registry."""
    rows: list[Row] = []
    known: dict[tuple[str, str, str], str] = {}
    for index, entry in enumerate(list_of(entries)):
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


def _row(made: Imported, where: str, name: str, params: Raw, known: dict[tuple[str, str, str], str]) -> Row | None:
    prefix, model = client_of(params)
    if prefix not in _TYPES:
        made.note("refused", f"{where}.litellm_params.model", f"'{name}' is not imported: {_why_not(prefix, params)}")
        return None
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
    return Row(name, provider, model, weight, order)


def client_of(params: Raw) -> tuple[str, str]:
    """(LiteLLM's client, model) of a deployment, as LiteLLM chooses it; the client is empty where that is not known.

    The prefix decides, then `custom_llm_provider`. Of a name without both, LiteLLM knows those of two vendors.
    """
    text = str(params["model"])
    prefix, slash, model = text.partition("/")
    given = params.get("custom_llm_provider")
    if slash and (prefix in _TYPES or not given):
        return prefix, model
    if given:
        return str(given), text
    return next((client for client, names in _BARE.items() if names.match(text)), ""), text


def _why_not(prefix: str, params: Raw) -> str:
    if not prefix:
        return f"no provider can be told from '{params['model']}'; write it with the prefix of its provider"
    return f"'{prefix}' is not a provider of this version; an OpenAI-compatible address is possible"


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
        if set(params) - _WAY:
            problem = f"the settings of an earlier deployment of '{model}' at '{provider}' are used for this one too"
            made.note("changed", f"{where}.litellm_params", problem)
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
