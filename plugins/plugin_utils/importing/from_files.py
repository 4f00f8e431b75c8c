# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Importing a providers.yaml and a model-mappings.yaml: nearly the same keys as in the registry."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import urlsplit

from ..engines.catalog import provider_types
from ..engines.cloud import Cloud
from ..findings.paths import join
from ..registry.providers import PROVIDER_NAME
from ..schema.base import is_loopback
from ..schema.globs import specificity
from ..schema.routing import Routing, unwrap
from ..schema.rules import Chain
from .result import Imported, Raw, name_of

# Other words for a type.
TYPES = {
    "llamacpp": "llama_cpp",
    "llama_cpp_python": "llama_cpp",
    "llama_cpp_native": "llama_cpp",
    "claude": "anthropic",
    "openai_api": "openai",
    "custom": "openai_compatible",
    "openai_like": "openai_compatible",
}
# Other words for a literal key or a reference to one.
KEYS = ("api_key", "key", "token")
ABOUT_THE_FILE = frozenset({"metadata", "version", "last_updated", "schema_version"})
SECTIONS = {*Routing.model_fields, "capabilities"}
# Rules of a model-mappings.yaml that are below a key of their own.
WITHIN = "routing_rules"


def import_providers(made: Imported, data: Mapping[str, Any]) -> None:
    """`providers: {name: {type, base_url, models, …}}`, with or without the outer key."""
    inside = "providers" in data
    providers = data.get("providers", data)
    for key in sorted(set(data) - {"providers"} if inside else ()):
        fate = "is not kept: it is about the file" if key in ABOUT_THE_FILE else "is not part of a registry"
        made.note("refused", key, fate)
    for name, entry in providers.items():
        path = join("providers", str(name)) if inside else join("", str(name))
        if not isinstance(entry, dict):
            if name not in ABOUT_THE_FILE or inside:
                made.note("refused", path, "is not a mapping", "write `type: …` below it")
            continue
        plain = str(name) if PROVIDER_NAME.fullmatch(str(name)) else name_of(str(name), made.part("providers"))
        if plain in made.part("providers"):
            made.note("refused", path, f"'{plain}' is in another file too, and that one is kept", "remove one of them")
            continue
        if plain != name:
            made.note("changed", path, f"is named '{plain}' everywhere: a name becomes part of unit and file names")
            made.renamed[str(name)] = plain
        made.came_from(join("ai_backend_providers", plain), path)
        made.part("providers")[plain] = _provider(made, plain, entry, path)


def usual_key(kind: str) -> str:
    """The usual name of the key of a type; empty if it has none."""
    found = provider_types().get(kind)
    return found.usual(kind)[1] if found is not None and issubclass(found, Cloud) else ""


def _provider(made: Imported, name: str, entry: Raw, path: str) -> Raw:
    result = dict(entry)
    kind = str(result.get("type", "")).lower().replace("-", "_").replace(".", "_")
    kind = TYPES.get(kind, kind)
    types = provider_types()
    if kind in types and kind != result.get("type"):
        made.note("changed", f"{path}.type", f"is `{kind}`")
        result["type"] = kind
    result["models"] = _models(made, name, result.get("models"), path)
    if not result["models"]:
        del result["models"]
    for word in KEYS:
        if word in result:
            secret = made.key(result.pop(word), f"{path}.{word}")
            if secret is not None:
                result |= {"requires_api_key": True, "env_var": secret}
                made.note("changed", f"{path}.{word}", f"is `env_var: {secret}`; its value comes from the environment")
    if isinstance(result.get("env_var"), str):
        made.secret(result["env_var"])
    elif result.get("status", "active") == "active" and (usual := usual_key(kind)):
        made.secret(usual)
    base_url = result.get("base_url")
    try:
        here = isinstance(base_url, str) and is_loopback(urlsplit(base_url).hostname or "")
    except ValueError:
        here = False
    if here and "managed" not in result and kind in types and types[kind].LOCAL:
        result["managed"] = False
        made.note("changed", path, "has `managed: false`, because it runs already", "remove it to have it installed")
    return result


def _models(made: Imported, provider: str, models: object, path: str) -> list[Any]:
    """Each model once."""
    kept: list[Any] = []
    for index, model in enumerate(models if isinstance(models, list) else []):
        name = model.get("name") if isinstance(model, dict) else model
        at = join(path, "models", index)
        if name in [one.get("name") if isinstance(one, dict) else one for one in kept]:
            made.note("refused", at, f"'{name}' is in the list twice, and the first one is kept", "remove one of them")
            continue
        made.came_from(join("ai_backend_providers", provider, "models", len(kept)), at)
        if isinstance(name, str):
            made.asks(name, at)
            made.users[provider, name].add(name)
        kept.append(model)
    return kept if isinstance(models, list) else [] if models is None else models  # type: ignore[return-value]


def import_mappings(made: Imported, data: Mapping[str, Any]) -> None:
    """Rules, with or without `routing:` or `routes:` around them."""
    root, inside = next((key for key in ("routing", "routes") if isinstance(data.get(key), dict)), ""), set[str]()
    if root:
        for other in sorted(set(data) - {root, WITHIN} - SECTIONS - ABOUT_THE_FILE):
            made.note("refused", other, "is not a rule")
        inside = set(data[root])
        data = {**{word: data[word] for word in data if word in {*SECTIONS, WITHIN}}, **data[root]}
    rules, _root = unwrap({key: value for key, value in data.items() if key not in ABOUT_THE_FILE}, "")
    if not isinstance(rules, dict):
        made.note("refused", root or "routing", "is not a mapping", "write the sections below it")
        return
    result = {key: value for key, value in rules.items() if value is not None}
    within = result.pop(WITHIN, None)
    if isinstance(within, dict):
        _within(made, within, result, _at(root, inside, WITHIN))
    for section, rule in result.items():
        path = _at(root, inside, section)
        made.came_from(join("ai_backend_routing", section), path)
        for index in range(len(rule) if isinstance(rule, list) else 0):
            made.came_from(join("ai_backend_routing", section, index), join(path, index))
        for name in rule if isinstance(rule, dict) and section != "fallback_chains" else ():
            made.asks(str(name), join(path, str(name)))
            made.came_from(join("ai_backend_routing", section, str(name)), join(path, str(name)))
    if isinstance(result.get("patterns"), dict):
        result["patterns"] = _in_litellms_order(made, result["patterns"], _at(root, inside, "patterns"))
    made.part("routing").update(result)


def _at(root: str, inside: Collection[str], section: str) -> str:
    """The place of a section, which may be below another key."""
    return join(root, section) if section in inside else section


def _within(made: Imported, rules: Mapping[str, Any], result: Raw, path: str) -> None:
    """`routing_rules`: who answers to names that nobody knows; the rest has no meaning for LiteLLM."""
    for key, value in rules.items():
        if key in SECTIONS:
            result.setdefault(key, value)
            made.came_from(join("ai_backend_routing", str(key)), join(path, str(key)))
        else:
            problem, remedy = "LiteLLM routes by name only", "give each kind of request a name of its own"
            made.note("refused", join(path, str(key)), problem, remedy)


def _in_litellms_order(made: Imported, patterns: Mapping[str, Any], path: str) -> list[Raw]:
    """The list form, because the order matters; LiteLLM always checks the longest first."""
    given = [str(glob) for glob in patterns]
    order = sorted(given, key=specificity, reverse=True)
    if order != given:
        made.note("changed", path, "are in the order in which LiteLLM checks them: the longest first")
    rules = {str(glob): rule for glob, rule in patterns.items()}
    for index, glob in enumerate(order):
        made.came_from(join("ai_backend_routing", "patterns", index), join(path, glob))
    return [{"glob": glob, **(r if isinstance(r := rules[glob], dict) else {"provider": r})} for glob in order]


def rename_references(made: Imported) -> None:
    """The rules name providers as the files did."""
    if made.renamed:
        made.registry["routing"] = _renamed(made, made.registry.get("routing", {}), "")


# Keys whose value or items are providers only, and those that may be models too.
_PROVIDERS = frozenset({"provider", "providers", "default_provider", "name"})
_EITHER = frozenset({"primary", "secondary", "tertiary", "quaternary", "chain", *Chain.ALSO})


def _renamed(made: Imported, value: Any, key: str) -> Any:
    if isinstance(value, dict):
        # Members of a pool may be keys: `providers: {ollama: 0.7}`.
        members = key == "providers"
        return {
            (made.renamed.get(name, name) if members else name): _renamed(made, item, str(name))
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [_renamed(made, item, key) for item in value]
    known = key in _PROVIDERS or (key in _EITHER and value not in made.asked)
    # Names of rules whose value is a bare provider or chain.
    bare = key not in Routing.model_fields and isinstance(value, str) and value in made.renamed
    return (
        made.renamed.get(value, value)
        if isinstance(value, str) and (known or (bare and value not in made.asked))
        else value
    )
