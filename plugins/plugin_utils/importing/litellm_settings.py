# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Importing the settings of LiteLLM that the registry has a word for; the rest is named in the report."""

from __future__ import annotations

from ..findings.paths import join
from ..schema.secrets import references
from .litellm_tables import CACHE, DECIDED, MODULES, SETTINGS
from .result import Imported, Raw, number_of
from .secrets import without_secrets


def import_settings(made: Imported, router: Raw, library: Raw) -> None:
    """`router_settings` and `litellm_settings`; of a setting in both, LiteLLM's router reads its own."""
    _cache(made, library)
    for section, settings in (("router_settings", router), ("litellm_settings", library)):
        for key, value in sorted(settings.items()):
            _setting(made, section, key, value)
    _longest(made)


def _setting(made: Imported, section: str, key: str, value: object) -> None:
    if value is None:
        return
    path = join(section, str(key))
    number = number_of(value)
    if key in SETTINGS and number is not None and not isinstance(value, str):
        part, word = SETTINGS[key]
        # LiteLLM's breaker opens on the failure after these.
        wanted = max(1, int(number) + (1 if key == "allowed_fails" else 0))
        there = made.part("gateway").setdefault(part, {})
        if there.setdefault(word, wanted) == wanted:
            made.note("changed", path, f"is ai_backend_gateway.{part}.{word}: {wanted}")
        else:
            problem = f"is left out: ai_backend_gateway.{part}.{word} is {there[word]}, from another setting"
            made.note("refused", path, problem, "choose one of them")
    elif key in DECIDED:
        made.note("changed", path, f"is left out: {DECIDED[key]}")
    elif key in MODULES and _modules(value):
        names = ", ".join(_modules(value))
        problem, remedy = f"{names}: the deployment has no Python files of yours", "leave it out, or use a built-in one"
        made.note("refused", path, problem, remedy)
        rest = [one for one in value if one not in _modules(value)] if isinstance(value, list) else []
        if rest:
            import_extra(made, section, {key: rest})
    else:
        import_extra(made, section, {key: value})


def _modules(value: object) -> list[str]:
    """Entries that name a Python file next to the config: `file.object`."""
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str) and "." in one]


def _longest(made: Imported) -> None:
    """The edge waits as long as the slowest engine may take."""
    seconds = list(made.part("gateway").get("timeouts", {}).values())
    seconds += [entry.get("timeout_seconds", 0) for entry in made.part("providers").values()]
    longest = max(seconds, default=0)
    if longest > 610:
        made.part("gateway")["stream_timeout_seconds"] = longest + 10


def _cache(made: Imported, library: Raw) -> None:
    """Answers are kept only if LiteLLM kept them."""
    given, params = library.pop("cache", None), library.pop("cache_params", None)
    cache = made.part("cache")
    cache["enabled"] = given is True
    path = "litellm_settings.cache_params"
    if not cache["enabled"]:
        if given not in (None, False):
            made.note("refused", "litellm_settings.cache", "is neither true nor false", "write one of them")
        if params is not None:
            made.note("changed", path, "is left out: the cache is off")
        made.note("kept", "litellm_settings.cache" if given is not None else "", "the cache is off, as it was")
        return
    params = params if isinstance(params, dict) else {}
    kind = params.get("type", "redis")
    if kind != "redis":
        made.note("changed", f"{path}.type", f"is redis, where it was {kind}: the deployment has its own Redis")
    for word in CACHE:
        number = number_of(params.get(word))
        if word in params and (word != "ttl" or (number is not None and number >= 1)):
            cache[word] = int(number or 0) if word == "ttl" else params[word]
        elif word in params:
            made.note("refused", f"{path}.{word}", "is not a number of seconds", "write the number itself")
    if "ttl" not in cache:
        made.note("changed", path, "has no ttl: answers are kept for an hour")
    for word in sorted(set(params) - {*CACHE, "type"}):
        made.note("changed", f"{path}.{word}", "is left out: the deployment has its own Redis")


def import_general(made: Imported, general: Raw) -> None:
    """`general_settings`."""
    if "master_key" in general:
        _master_key(made, general.pop("master_key"))
    for key in sorted(set(general) & set(DECIDED)):
        made.note("changed", f"general_settings.{key}", f"is left out: {DECIDED[key]}")
        general.pop(key)
    if general:
        import_extra(made, "general_settings", general)


def _master_key(made: Imported, value: object) -> None:
    path, wanted = "general_settings.master_key", "LITELLM_MASTER_KEY"
    remedy = f"set {wanted} in ai_backend_secrets, or the deployment makes a new one and clients need it"
    count = len(made.notes)
    given = made.key(value, path, remedy)
    if given is None:
        if len(made.notes) == count:
            made.note("refused", path, "is empty or one that everybody knows", remedy)
        return
    if given != wanted and given not in _used(made):
        made.part("secrets").pop(given, None)
    made.part("secrets")[wanted] = f"{{{{ lookup('ansible.builtin.env', '{given}') }}}}"
    made.note("changed", path, f"is ai_backend_secrets.{wanted}")


def _used(made: Imported) -> set[str]:
    """Names of secrets that providers need."""
    providers = made.part("providers").values()
    return {entry.get("env_var", "") for entry in providers} | references([dict(entry) for entry in providers])


def import_extra(made: Imported, section: str, settings: object) -> None:
    """A section that goes into `ai_backend_gateway.litellm.extra` unchanged, without its secrets."""
    kept = without_secrets(made, settings, section)
    if not isinstance(kept, dict):
        made.note("refused", section, "is not a mapping", "write `key: value` lines below it")
        return
    if kept:
        for name in sorted(references(kept)):
            made.secret(name)
        extra = made.part("gateway").setdefault("litellm", {}).setdefault("extra", {})
        extra.setdefault(section, {}).update(kept)
        for key in sorted(kept):
            path = join(section, key)
            made.came_from(f"ai_backend_gateway.litellm.extra.{path}", path)
            made.note("kept", path, "unchanged, in ai_backend_gateway.litellm.extra")
