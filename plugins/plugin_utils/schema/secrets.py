# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keeping secret values out of everything: taken at the edge, refused anywhere else, never echoed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ...module_utils.host.layout import CLIENT_KEYS
from ..data.plain import Plain
from ..findings.findings import Finding
from ..findings.paths import join
from .base import SECRET_NAME

# The key of the managed engines, that of the gateway and that of the cache.
ENGINE_KEY, MASTER_KEY, CACHE_KEY = "AI_BACKEND_ENGINE_KEY", "LITELLM_MASTER_KEY", "REDIS_PASSWORD"
# The certificate and its key by which the edges of a fleet know each other (plan/fleet_identity.py).
FLEET_IDENTITY = "AI_BACKEND_FLEET_IDENTITY"
# Open WebUI's key of the gateway, the password of its first account, and what it signs sessions with.
WEBUI_KEY, WEBUI_PASSWORD, WEBUI_SECRET = "AI_BACKEND_WEBUI_KEY", "AI_BACKEND_WEBUI_PASSWORD", "AI_BACKEND_WEBUI_SECRET"
# The gateway's key of what monitors it, and the password of Grafana's first account.
MONITORING_KEY = "AI_BACKEND_MONITORING_KEY"
GRAFANA_PASSWORD = "AI_BACKEND_GRAFANA_PASSWORD"  # noqa: S105  # pragma: allowlist secret
# Made once on the controller by the deployment when the user gives none.
GENERATED = (
    *(ENGINE_KEY, FLEET_IDENTITY, MASTER_KEY, CACHE_KEY),
    *(WEBUI_KEY, WEBUI_PASSWORD, WEBUI_SECRET, MONITORING_KEY, GRAFANA_PASSWORD),
)
# Hosts have only the SHA-256 of a client's key, which protects no key that can be guessed.
_SHORTEST_CLIENT_KEY = 20
REDACTED = "(redacted)"
# For a client that requires a key and a server that does not.
PLACEHOLDERS = frozenset(
    {"none", "None", "EMPTY", "empty", "dummy", "not-needed", "no-key", "no-key-required", "fake-key", "sk-1234", "x"}
    | {"lm-studio", "lmstudio", "ollama", "placeholder", "anything"}
)
_KEY_SHAPES = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"sk-[A-Za-z0-9_-]{8,}|(?:hf|gsk|ghp|gho|ghs|nvapi|xox[abp])[_-][A-Za-z0-9_-]{12,}|glpat-[A-Za-z0-9_-]{12,}"
    r"|xai-[A-Za-z0-9]{16,}|AIza[A-Za-z0-9_-]{16,}|AKIA[A-Z0-9]{12,}|eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"
    r"|(?i:bearer)\s+[A-Za-z0-9._~+/=-]{8,}|-----BEGIN [A-Z ]*PRIVATE KEY"
    r"|[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@)"
)
_RUN = re.compile(r"[A-Za-z0-9]{24,}")
_HEX = re.compile(r"[0-9a-fA-F]{32,}")
_REFERENCE = re.compile(r"os\.environ/([A-Z][A-Z0-9_]*)")
# A digest or a commit is long and random and no secret.
_DIGEST_KEYS = frozenset({"digest", "revision", "sha256"})


def references(data: object) -> set[str]:
    """Secret names that plain data refers to as `os.environ/NAME`, LiteLLM's way."""
    if isinstance(data, dict):
        return {name for value in data.values() for name in references(value)}
    if isinstance(data, list):
        return {name for value in data for name in references(value)}
    return set(_REFERENCE.findall(data)) if isinstance(data, str) else set()


def looks_like_secret(text: str) -> bool:
    """Whether a text has the shape of a key: a known prefix, a URL with a password, or a long random run."""
    if _KEY_SHAPES.search(text) or _HEX.fullmatch(text):
        return True
    return any(
        any(c.islower() for c in run) and any(c.isupper() for c in run) and sum(c.isdigit() for c in run) >= 2
        for run in _RUN.findall(text)
    )


def take_secrets(raw: Plain) -> tuple[dict[str, bool], frozenset[str], list[Finding]]:
    """Split `ai_backend_secrets` into presence by name, the values to look out for, and findings.

    The values are used once, by `redact`, and go no further.
    """
    root = "ai_backend_secrets"
    if raw is None:
        return {}, frozenset(), []
    if not isinstance(raw, dict):
        remedy = "write NAME: \"{{ lookup('ansible.builtin.env', 'NAME') }}\" lines below it"
        return {}, frozenset(), [Finding(root, "is not a mapping of secret names", remedy, check="secrets")]
    present: dict[str, bool] = {}
    values: set[str] = set()
    findings: list[Finding] = []
    for number, (name, value) in enumerate(raw.items()):
        if not SECRET_NAME.fullmatch(name):
            # The name itself may be the secret, so the line counts instead of quoting.
            remedy = "write a name such as OPENAI_API_KEY (A-Z, 0-9, _)"
            findings.append(
                Finding(root, f"entry {number + 1} has a key that is not a secret's name", remedy, check="secrets")
            )
            values.add(name)
            continue
        if value is not None and not isinstance(value, str | int):
            findings.append(Finding(join(root, name), "is not a text", "write one value for one name", check="secrets"))
            continue
        text = "" if value is None else str(value)
        present[name] = bool(text.strip())
        # Short values ("none", "1234") and what stands for no key would match half of any registry.
        if len(text) >= 8 and text not in PLACEHOLDERS:
            values.add(text)
        if "\n" in text.strip() or "\x00" in text:
            findings.append(
                Finding(join(root, name), "has more than one line", "write the secret on one line", check="secrets")
            )
        if name == ENGINE_KEY and "," in text:
            findings.append(
                Finding(
                    join(root, name),
                    "holds a comma, where llama-server begins another key",
                    "write one without, such as `openssl rand -hex 32` prints",
                    check="secrets",
                )
            )
    return present, frozenset(values), [*findings, *_client_keys(raw)]


def _client_keys(given: Mapping[str, Plain]) -> Iterator[Finding]:
    """Keys of clients that another one would fit, or that can be guessed."""
    owners: dict[str, str] = {}
    for name, value in given.items():
        text = str(value or "").strip()
        if not text or not (name in (MASTER_KEY, WEBUI_KEY, MONITORING_KEY) or name.startswith(CLIENT_KEYS)):
            continue
        owner, path = owners.setdefault(text, name), join("ai_backend_secrets", name)
        if owner != name:
            remedy = "give each client a key of its own"
            yield Finding(path, f"has the same value as {owner}", remedy, check="secrets")
        if name != MASTER_KEY and len(text) < _SHORTEST_CLIENT_KEY:
            problem = f"has less than {_SHORTEST_CLIENT_KEY} characters, so it can be guessed"
            remedy = "write a longer one, such as `openssl rand -hex 32` prints, or leave it out"
            yield Finding(path, problem, remedy, check="secrets")


def redact(value: Plain, path: str, known: frozenset[str], findings: list[Finding]) -> Plain:
    """Return `value` with every literal secret replaced, and add one finding for each of them.

    What comes later (models, resolver, error lines) therefore cannot show a secret whatever it quotes.
    """
    if isinstance(value, dict):
        result: dict[str, Plain] = {}
        for key, item in value.items():
            if _is_secret(key, "", known):
                findings.append(Finding(path, "has a key that looks like a secret", _REMEDY, check="secrets"))
                continue
            result[key] = _redact_leaf(item, key, join(path, key), known, findings)
        return result
    if isinstance(value, list):
        return [_redact_leaf(item, "", join(path, index), known, findings) for index, item in enumerate(value)]
    return _redact_leaf(value, "", path, known, findings)


_REMEDY = "give secrets by name: `env_var: SOME_NAME`, and SOME_NAME in ai_backend_secrets"


def _redact_leaf(value: Plain, key: str, path: str, known: frozenset[str], findings: list[Finding]) -> Plain:
    if isinstance(value, dict | list):
        return redact(value, path, known, findings)
    if isinstance(value, str) and _is_secret(value, key, known):
        findings.append(Finding(path, "looks like a literal secret", _REMEDY, check="secrets"))
        return REDACTED
    return value


def _is_secret(text: str, key: str, known: frozenset[str]) -> bool:
    if any(secret in text for secret in known):
        return True
    return key not in _DIGEST_KEYS and looks_like_secret(text)


def is_generated(name: str) -> bool:
    """Whether the deployment makes a secret itself when nobody gives it."""
    return name in GENERATED or name.startswith(CLIENT_KEYS)


def missing(name: str, present: Mapping[str, bool]) -> bool:
    """Whether a secret has neither been given nor is one the deployment makes itself."""
    return name not in GENERATED and not present.get(name, False)
