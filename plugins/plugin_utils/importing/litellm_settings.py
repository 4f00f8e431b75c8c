# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Importing the settings of LiteLLM that the registry has a word for; the rest is named in the report."""

from __future__ import annotations

import re

from ..findings.paths import join
from ..litellm.config import references
from .result import Imported, Raw

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
_SECRET_KEY = re.compile(r"(?i)(?:^|_)(?:key|token|secret|password|passwd|license)s?$")


def import_settings(made: Imported, section: str, settings: Raw) -> None:
    """`router_settings` and `litellm_settings`."""
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
            import_extra(made, section, {key: value})
    longest = max(gateway.get("timeouts", {}).values(), default=0)
    if longest > gateway.get("stream_timeout_seconds", 610):
        gateway["stream_timeout_seconds"] = longest + 10


def _cache(made: Imported, params: Raw) -> None:
    cache = made.part("cache")
    for word in ("ttl", "namespace"):
        if word in params:
            cache[word] = int(params[word]) if word == "ttl" else params[word]
    made.note("changed", "litellm_settings.cache_params", "is ai_backend_cache; the deployment has its own Redis")


def import_general(made: Imported, general: Raw) -> None:
    """`general_settings`."""
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
        import_extra(made, "general_settings", general)


def import_extra(made: Imported, section: str, settings: object) -> None:
    """A section that goes into `ai_backend_gateway.litellm.extra` unchanged, without its secrets."""
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
