# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Importing a providers.yaml, model-mappings.yaml and ports.yaml: nearly the same keys as in the registry."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from ..engines.catalog import provider_types
from ..findings.paths import join
from ..registry.providers import PROVIDER_NAME
from ..schema.base import is_loopback
from ..schema.globs import specificity
from ..schema.routing import Routing, unwrap
from .result import Imported, Raw, name_of

# Other words for a type.
_TYPES = {
    "llamacpp": "llama_cpp",
    "llama_cpp_python": "llama_cpp",
    "llama_cpp_native": "llama_cpp",
    "claude": "anthropic",
    "openai_api": "openai",
    "custom": "openai_compatible",
    "openai_like": "openai_compatible",
}
_HEALTH = ("health_check", "health_endpoint", "health_command")
# The path of a URL in a command, or a path alone.
_HEALTH_PATH = re.compile(r"(?:https?://[^\s/'\"]+|^)(/[^\s'\"|]*)")
_SECTIONS = {*Routing.model_fields, "capabilities"}
_ABOUT_THE_FILE = frozenset({"metadata", "version", "last_updated", "schema_version"})


def import_providers(made: Imported, data: Mapping[str, Any]) -> None:
    """`providers: {name: {type, base_url, models, …}}`, with or without the outer key."""
    providers = data.get("providers", data)
    for key in sorted(set(data) - {"providers"} if "providers" in data else ()):
        fate = "is not kept: it is about the file" if key in _ABOUT_THE_FILE else "is not part of a registry"
        made.note("refused", key, fate)
    for name, entry in providers.items():
        where = join("providers", str(name))
        if not isinstance(entry, dict):
            made.note("refused", where, "is not a mapping")
            continue
        plain = str(name) if PROVIDER_NAME.fullmatch(str(name)) else name_of(str(name), made.part("providers"))
        if plain != name:
            made.note("changed", where, f"is named '{plain}': a name becomes part of unit and file names")
        made.part("providers")[plain] = _provider(made, entry, where)


def _provider(made: Imported, entry: Raw, where: str) -> Raw:
    result = dict(entry)
    kind = str(result.get("type", "")).lower().replace("-", "_").replace(".", "_")
    kind = _TYPES.get(kind, kind)
    if kind in provider_types() and kind != result.get("type"):
        made.note("changed", f"{where}.type", f"is `{kind}`")
        result["type"] = kind
    for word in ("api_key", "key", "token"):
        if word in result:
            name = made.key(result.pop(word), f"{where}.{word}")
            if name is not None:
                result |= {"requires_api_key": True, "env_var": name}
                made.note("changed", f"{where}.{word}", f"is `env_var: {name}`; its value comes from the environment")
    if isinstance(result.get("env_var"), str):
        made.secret(result["env_var"])
    elif kind in ("openai", "anthropic", "ollama_cloud") and result.get("status", "active") == "active":
        made.secret({"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}.get(kind, "OLLAMA_API_KEY"))
    base_url = result.get("base_url")
    here = isinstance(base_url, str) and is_loopback(urlsplit(base_url).hostname or "")
    if here and "managed" not in result and kind in ("ollama", "llama_cpp", "vllm"):
        result["managed"] = False
        made.note("changed", where, "has `managed: false`, because it runs already; remove it to have it installed")
    return result


def import_mappings(made: Imported, data: Mapping[str, Any]) -> None:
    """Rules, with or without `routing:` or `routes:` around them."""
    for key in ("routing", "routes"):
        if isinstance(data.get(key), dict):
            for other in sorted(set(data) - {key} - _SECTIONS):
                made.note("refused", other, "is not a rule")
            data = {**{word: data[word] for word in data if word in _SECTIONS}, **data[key]}
    rules, _root = unwrap({key: value for key, value in data.items() if key not in _ABOUT_THE_FILE}, "")
    if not isinstance(rules, dict):
        made.note("refused", "routing", "is not a mapping")
        return
    result = {key: value for key, value in rules.items() if value is not None}
    if isinstance(result.get("patterns"), dict):
        result["patterns"] = _in_litellms_order(made, result["patterns"])
    made.registry["routing"] = result


def _in_litellms_order(made: Imported, patterns: Mapping[str, Any]) -> list[Raw]:
    """The list form, because the order matters; LiteLLM always checks the longest first."""
    given = [str(glob) for glob in patterns]
    order = sorted(given, key=specificity, reverse=True)
    if order != given:
        made.note("changed", "patterns", "are in the order in which LiteLLM checks them: the longest first")
    rules = {str(glob): rule for glob, rule in patterns.items()}
    entries = {glob: rule if isinstance(rule, dict) else {"provider": rule} for glob, rule in rules.items()}
    return [{"glob": glob, **entries[glob]} for glob in order]


def import_ports(made: Imported, data: Mapping[str, Any]) -> None:
    """`ports` or `services`, `reserved`, `ranges`, in the spellings of existing files."""
    part = made.part("ports")
    for key, value in data.items():
        word = {"ports": "services", "reserved_ports": "reserved", "port_ranges": "ranges"}.get(key, key)
        if word in ("services", "reserved") and isinstance(value, dict):
            read = {_plain(name): _port(made, entry, join(key, str(name))) for name, entry in value.items()}
            part.setdefault(word, {}).update(read)
        elif word == "ranges" and isinstance(value, dict):
            read = {_plain(name): _range(made, span, join(key, str(name))) for name, span in value.items()}
            part.setdefault(word, {}).update(read)
        elif key not in _ABOUT_THE_FILE:
            made.note("refused", key, "is neither ports, reserved ports nor ranges")


def _plain(name: object) -> str:
    return re.sub(r"[^a-z0-9_]", "_", str(name).lower())


def _port(made: Imported, entry: object, where: str) -> object:
    if not isinstance(entry, dict):
        return entry
    result: Raw = {key: value for key, value in entry.items() if key in ("port", "description", "category", "health")}
    for word in _HEALTH:
        if word in entry:
            found = _HEALTH_PATH.search(str(entry[word]))
            if found is not None:
                result["health"] = found[1]
                made.note("changed", f"{where}.{word}", "is `health`, the path of the URL")
            else:
                made.note("refused", f"{where}.{word}", "is not a URL; `status` shows what runs and its health")
    if "service" in entry:
        result.setdefault("description", entry["service"])
    for word in sorted(set(entry) - set(result) - {*_HEALTH, "service"}):
        made.note("refused", f"{where}.{word}", "has no meaning for a port here")
    return result


def _range(made: Imported, span: object, where: str) -> object:
    if isinstance(span, list) and len(span) == 2:
        return {"start": span[0], "end": span[1]}
    if isinstance(span, dict):
        others = sorted(set(span) - {"start", "end", "description"})
        for word in others:
            made.note("refused", f"{where}.{word}", "has no meaning for a range here")
        return {key: value for key, value in span.items() if key not in others}
    return span
