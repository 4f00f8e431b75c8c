# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Parts of the config that LiteLLM would refuse, or ignore without a message.

LiteLLM checks nothing in its config: an unknown key has no effect, a number in quotes stays a text, and a fallback to a
group that does not exist fails at the first request. The tests compare the collection's own settings with the same
keys; the settings that a user adds in `extra` are checked here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from ..findings.findings import Finding, suggest, warning
from ..findings.paths import join
from ..registry.registry import Registry
from .keys import KEYS, VERSION

ROOT = "ai_backend_gateway.litellm.extra"
_TYPES: Mapping[str, tuple[type, ...]] = {"bool": (bool,), "int": (int,), "float": (int, float)}
_WORDS = {"bool": "true or false", "int": "a whole number", "float": "a number"}
_FALLBACKS = ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks")


def check_extra_keys(extra: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    """Keys that LiteLLM does not know, and values of a type that it does not accept.

    A key that is similar to a known one is an error; any other is only a warning, because a callback may read it.
    """
    for section, settings in sorted(extra.items()):
        yield from check_section(section, settings, join(ROOT, section))


def check_section(section: str, settings: Mapping[str, Any], path: str) -> Iterator[Finding]:
    """The same for one section of a config, at any path."""
    if section not in KEYS:
        return
    known = KEYS[section]
    for name, value in sorted(settings.items()):
        place = join(path, name)
        if name not in known:
            hint, problem = suggest(name, known), f"LiteLLM {VERSION} does not know it and would ignore it"
            if hint.startswith("did"):
                yield Finding(place, problem, f"{hint} else remove it", check="rendered-config")
            else:
                yield warning(place, problem, "remove it, unless a callback of yours reads it", "rendered-config")
        elif not _fits(value, known[name]):
            remedy = f"write {_WORDS[known[name]]}"
            yield Finding(place, "LiteLLM would not read its value correctly", remedy, check="rendered-config")
        elif name == "cache_params" and isinstance(value, dict):
            yield from check_section("cache_params", value, place)


def _fits(value: object, kind: str) -> bool:
    if not kind or value is None or (isinstance(value, str) and value.startswith("os.environ/")):
        return True
    return isinstance(value, _TYPES[kind]) and (kind == "bool" or not isinstance(value, bool))


def check_rendered(registry: Registry) -> Iterator[Finding]:
    """The config with `extra`: unknown keys, and fallbacks to names that this gateway does not have."""
    extra = registry.gateway.litellm.extra
    yield from check_extra_keys(extra)
    yield from _check_clients(registry)
    names = set(registry.routes.groups)
    for section in ("router_settings", "litellm_settings"):
        settings = extra.get(section, {})
        for key in _FALLBACKS:
            yield from _check_fallbacks(settings.get(key), names, join(ROOT, section, key))
        yield from _missing(settings.get("default_fallbacks"), names, join(ROOT, section, "default_fallbacks"))


def _check_clients(registry: Registry) -> Iterator[Finding]:
    """Providers that only LiteLLM knows: their prefixes, and parameters with a name almost like one of its own.

    LiteLLM sends each parameter that it does not know with the request.
    """
    for name, provider in sorted(registry.providers.items()):
        path = join("ai_backend_providers", name)
        if provider.usual_client not in KEYS["providers"]:
            hint = suggest(provider.usual_client, KEYS["providers"])
            problem = f"LiteLLM {VERSION} has no provider '{provider.usual_client}'"
            yield Finding(join(path, "prefix"), problem, hint, check="rendered-config")
        for word in sorted(set(provider.client_parameters) - set(KEYS["litellm_params"])):
            close = get_close_matches(word, KEYS["litellm_params"], n=1, cutoff=0.85)
            if close:
                problem, remedy = f"LiteLLM {VERSION} does not know it", f"did you mean '{close[0]}'? else remove it"
                yield Finding(join(path, "parameters", word), problem, remedy, check="rendered-config")


def _check_fallbacks(fallbacks: object, names: Collection[str], path: str) -> Iterator[Finding]:
    """`[{name: [name, …]}, …]`."""
    if fallbacks is None:
        return
    if not isinstance(fallbacks, list):
        yield Finding(path, "is not a list", "write `- name: [name, …]` lines below it", check="rendered-config")
        return
    for index, entry in enumerate(fallbacks):
        place = join(path, index)
        if not isinstance(entry, dict):
            yield Finding(place, "is not a mapping", "write `name: [name, …]`", check="rendered-config")
            continue
        for name, chain in sorted(entry.items()):
            yield from _missing([name], names, place) if name != "*" else ()
            yield from _missing(chain, names, join(place, name))


def _missing(chain: object, names: Collection[str], path: str) -> Iterator[Finding]:
    if chain is None:
        return
    if not isinstance(chain, list):
        yield Finding(path, "is not a list", "write the names as a list", check="rendered-config")
        return
    for item in chain:
        if isinstance(item, str) and item not in names:
            problem = f"'{item}' is not a name of this gateway"
            yield Finding(path, problem, suggest(item, names), check="rendered-config")
