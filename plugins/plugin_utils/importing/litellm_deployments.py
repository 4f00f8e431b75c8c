# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Importing the `model_list` of LiteLLM: each deployment becomes a model of a provider."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..findings.paths import join
from .litellm_models import Given, entry_of, number
from .litellm_providers import Choice, choose, client_of, provider_entry
from .litellm_tables import OTHER_CLIENT, PARAMETERS, TIMEOUTS
from .result import Imported, Raw, name_of


@dataclass(frozen=True)
class Row:
    """One deployment: its name and place, and the provider and model that answer it."""

    name: str
    path: str
    provider: str
    model: str
    weight: float | None
    order: float | None

    @property
    def wildcard(self) -> bool:
        """Whether the name is a pattern."""
        return "*" in self.name

    @property
    def target(self) -> tuple[str, str]:
        """Who answers."""
        return self.provider, self.model


@dataclass
class Known:
    """The providers that were made, by what distinguishes them: deployments with other settings need another one."""

    providers: dict[str, list[str]] = field(default_factory=dict)


def list_of(value: object) -> list[Any]:
    """A list, or an empty one for anything else."""
    return value if isinstance(value, list) else []


def rows_of(made: Imported, entries: object, credentials: object) -> list[Row]:
    """The deployments of a `model_list`; their providers and models are added to the registry."""
    rows: list[Row] = []
    known = Known()
    for given in _given(made, entries, _credentials(credentials)):
        row = _row(made, given, known)
        if row is not None:
            made.users[row.target].add(row.name)
            rows.append(row)
    return rows


def _credentials(entries: object) -> dict[str, Raw]:
    found: dict[str, Raw] = {}
    for entry in list_of(entries):
        if isinstance(entry, dict) and isinstance(entry.get("credential_values"), dict):
            found[str(entry.get("credential_name"))] = entry["credential_values"]
    return found


def _given(made: Imported, entries: object, credentials: Mapping[str, Raw]) -> Iterator[Given]:
    for index, entry in enumerate(list_of(entries)):
        path = join("model_list", index)
        entry = entry if isinstance(entry, dict) else {}
        params, name = entry.get("litellm_params"), entry.get("model_name")
        if not isinstance(params, dict) or not isinstance(name, str) or not isinstance(params.get("model"), str):
            names = [name] if isinstance(name, str) else []
            made.note("refused", path, "has no model_name or no litellm_params.model", "write both", names)
            continue
        made.asks(name, path)
        named = params.get("litellm_credential_name")
        params = {word: value for word, value in params.items() if word != "litellm_credential_name"}
        if named is not None and str(named) not in credentials:
            problem = "names no entry of credential_list"
            made.note("refused", join(path, "litellm_params", "litellm_credential_name"), problem, "", [name])
        info = entry.get("model_info")
        values = credentials.get(str(named), {})
        yield Given(name, path, {**values, **params}, info if isinstance(info, dict) else {})
        for word in sorted(set(entry) - {"model_name", "litellm_params", "model_info"}):
            made.note("refused", join(path, word), "is not a key that LiteLLM reads here", "", [name])


def _row(made: Imported, given: Given, known: Known) -> Row | None:
    client, model = client_of(given.params)
    choice = choose(made, given, client, model)
    if choice is None:
        return None
    seconds = _timeouts(made, given)
    order, weight = number(made, given, "order"), number(made, given, "weight")
    entry = None if "*" in model else entry_of(made, given, model, choice.kind)
    if entry is None:
        _of_pattern(made, given)
    _left_out(made, given)
    if client == "ollama_chat" and (entry or {}).get("abilities") == ["embedding"]:
        made.note("changed", given.at("model"), "is asked at /api/embed, because of its mode", "", [given.name])
    if client in OTHER_CLIENT and (entry or {}).get("abilities") != ["embedding"]:
        made.note("changed", given.at("model"), OTHER_CLIENT[client], "", [given.name])
    if choice.kind == "ollama" and (entry or {}).get("context_length") and "num_ctx" not in given.params:
        problem = "is `context_length`, and Ollama gets it as num_ctx with each request: its own default is short"
        made.note("changed", join(given.path, "model_info", "max_input_tokens"), problem, "", [given.name])
    provider = _provider(made, given, choice, seconds, entry, known)
    return Row(given.name, given.path, provider, model, weight, order)


def _timeouts(made: Imported, given: Given) -> dict[str, int]:
    """{key of the provider: whole seconds} of those that are given."""
    found = {key: _seconds(made, given, word) for word, key in TIMEOUTS.items()}
    return {key: seconds for key, seconds in found.items() if seconds is not None}


def _seconds(made: Imported, given: Given, word: str) -> int | None:
    found = number(made, given, word)
    if found is None or found == int(found) >= 1:
        return None if found is None else int(found)
    seconds = max(1, int(found) + (found > int(found)))
    made.note("changed", given.at(word), f"is {seconds}: it is counted in whole seconds", "", [given.name])
    return seconds


def _of_pattern(made: Imported, given: Given) -> None:
    """A pattern has no model whose settings could be kept."""
    words = [w for w, key in PARAMETERS.items() if w in given.params and key.becomes.endswith("of the model")]
    for word in words:
        problem, remedy = "a pattern has no settings of its own", "declare the models that are asked for in `models:`"
        made.note("refused", given.at(word), problem, remedy, [given.name])
    if given.info:
        problem, remedy = "a pattern has no model_info", "declare the models that are asked for in `models:`"
        made.note("refused", join(given.path, "model_info"), problem, remedy, [given.name])


def _left_out(made: Imported, given: Given) -> None:
    for word, key in PARAMETERS.items():
        if word in given.params and key.fate != "kept":
            made.note(key.fate, given.at(word), "is left out", key.becomes, [given.name])


def _provider(
    made: Imported, given: Given, choice: Choice, seconds: dict[str, int], entry: Raw | None, known: Known
) -> str:
    """The provider for a deployment: one that has the same settings, and no other ones for the same model."""
    providers = made.part("providers")
    raw = provider_entry(choice, seconds)
    same = known.providers.setdefault(json.dumps(raw, sort_keys=True, default=str), [])
    for name in same:
        there = next((m for m in providers[name]["models"] if entry is not None and m["name"] == entry["name"]), None)
        if there is None or there == entry:
            break
    else:
        name = name_of(choice.label, providers)
        providers[name] = {**raw, "models": []}
        same.append(name)
        there = None
        made.came_from(f"ai_backend_providers.{name}", given.path)
    if entry is not None and there is None:
        models = providers[name]["models"]
        made.came_from(join("ai_backend_providers", name, "models", len(models)), given.path)
        models.append(entry)
    return name
