# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The blackbox exporter's configuration: how it asks."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..data.yaml_writer import to_yaml

CREDENTIALS = "/run/credentials/ai-backend-blackbox-exporter.service"
# The credential that the gateway takes.
KEY = "monitoring.key"
# The credential that managed engines take; one without keys ignores it.
ENGINE_KEY = "engine.key"
HEALTH = "health"
# Only whether it answers counts, not by which name: a certificate names what clients use.
_HTTP: Mapping[str, Any] = {"preferred_ip_protocol": "ip4", "tls_config": {"insecure_skip_verify": True}}
# Paths by the ability that they prove, and what is asked there. Never from the cache, and nothing is kept.
_CACHE = {"cache": {"no-cache": True, "no-store": True}}
_BODIES: Mapping[str, Mapping[str, Any]] = {
    "chat": {"messages": [{"role": "user", "content": "Are you there?"}], "max_tokens": 1, **_CACHE},
    "embedding": {"input": "Are you there?", **_CACHE},
}


def asks(proof: str) -> bool:
    """Whether a model that proves itself so is asked."""
    return proof in _BODIES


def question(model: str) -> str:
    """The module that asks a model."""
    return f"question {model}"


def models_of(provider: str) -> str:
    """The module that looks at an engine's list of models."""
    return f"models {provider}"


def blackbox_config(models: Mapping[str, str], engines: Mapping[str, Sequence[str]]) -> str:
    """The text of its file. models: {name: what it proves itself with}. engines: {provider: names that it lists}."""
    modules: dict[str, Any] = {HEALTH: {"prober": "http", "timeout": "5s", "http": {**_HTTP}}}
    for provider, names in engines.items():
        # Between quotes, so that a name is not found inside of a longer one.
        listed = {"fail_if_body_not_matches_regexp": [f'"{re.escape(name)}"' for name in names]}
        key = {"authorization": {"credentials_file": f"{CREDENTIALS}/{ENGINE_KEY}"}}
        modules[models_of(provider)] = {"prober": "http", "timeout": "5s", "http": {**_HTTP, **key, **listed}}
    for name, proof in models.items():
        modules[question(name)] = {
            "prober": "http",
            "timeout": "30s",
            "http": {
                **_HTTP,
                "method": "POST",
                "headers": {"Content-Type": "application/json"},
                "authorization": {"credentials_file": f"{CREDENTIALS}/{KEY}"},
                "body": json.dumps({"model": name, **_BODIES[proof]}),
                "valid_status_codes": [200],
            },
        }
    return to_yaml({"modules": modules})
