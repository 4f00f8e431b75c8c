# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Importing what a deployment of LiteLLM has about its model: limits, prices, options, and model_info."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..engines.catalog import provider_types
from ..engines.ollama_model import OllamaOptions
from ..engines.request_options import OpenAiRequestOptions, RequestOptions
from ..findings.paths import join
from .litellm_tables import COSTS, INFO, MODES, NO_MODES, OTHER_INFO
from .result import Imported, Raw, number_of

_LIMITS = {"rpm": "requests_per_minute", "tpm": "tokens_per_minute"}


@dataclass(frozen=True)
class Given:
    """A deployment as it is written: its name, its place, its parameters with those of its credential, and its info."""

    name: str
    path: str
    params: Raw
    info: Raw

    def at(self, word: str) -> str:
        """The place of a parameter."""
        return join(self.path, "litellm_params", word)


def options_of(kind: str) -> set[str]:
    """The words for options of a model of a type."""
    own: dict[str, type[RequestOptions]] = {
        "anthropic": RequestOptions,
        "litellm": RequestOptions,
        "ollama": OllamaOptions,
    }
    return set(own.get(kind, OpenAiRequestOptions).model_fields)


def number(made: Imported, given: Given, word: str, least: float = 0) -> float | None:
    """A parameter that must be a number; any other value is refused."""
    value = given.params.get(word)
    found = number_of(value)
    if value is not None and (found is None or found < least):
        remedy = "write the number itself" if "environ" in str(value) else "write a number"
        made.note("refused", given.at(word), f"is not a number that can be kept as `{word}`", remedy, [given.name])
        return None
    return found


def entry_of(made: Imported, given: Given, model: str, kind: str) -> Raw:
    """The entry of `models:`."""
    entry: Raw = {"name": model}
    limits = {field: number(made, given, word, 1) for word, field in _LIMITS.items()}
    if any(limits.values()):
        entry["rate_limits"] = {field: int(limit) for field, limit in limits.items() if limit is not None}
    costs = [_cost(made, given, word) for word in COSTS]
    if any(cost is not None for cost in costs):
        entry["cost_per_1k_tokens"] = dict(zip(("input", "output"), [cost or 0.0 for cost in costs], strict=True))
    options = {word: given.params[word] for word in options_of(kind) if given.params.get(word) is not None}
    if options:
        entry["options"] = options
    return entry | _info(made, given, kind)


def _cost(made: Imported, given: Given, word: str) -> float | None:
    """Dollars for 1000 tokens; next to its parameters, a deployment may have them in its info."""
    found = number(made, given, word)
    if found is None and word not in given.params:
        found = number_of(given.info.get(word))
    # A price is a small binary fraction: without the rounding, a thousand of them are not the price of a thousand.
    return None if found is None or found < 0 else round(found * 1000, 12)


def _info(made: Imported, given: Given, kind: str) -> Raw:
    entry: Raw = {}
    mode = given.info.get("mode")
    ability = MODES.get(mode, "") if isinstance(mode, str) else ""
    possible = provider_types()[kind].ABILITIES
    if ability and (possible is None or ability in possible):
        entry["abilities"] = [ability]
    elif mode is not None and mode not in NO_MODES:
        problem = f"'{mode}' is not an ability of {kind}"
        made.note("refused", join(given.path, "model_info", "mode"), problem, "write `abilities`", [given.name])
    length = number_of(given.info.get("max_input_tokens"))
    if length is not None and length >= 1:
        entry["context_length"] = int(length)
    for word in ("description", "tags"):
        if given.info.get(word):
            entry[word] = given.info[word]
    by_reason: dict[tuple[Any, str], list[str]] = {}
    for word in given.info:
        key = INFO.get(word, OTHER_INFO)
        if key.fate != "kept":
            by_reason.setdefault((key.fate, key.becomes), []).append(word)
    for (fate, reason), words in by_reason.items():
        path = join(given.path, "model_info", *(words if len(words) == 1 else []))
        made.note(fate, path, f"is left out: {', '.join(words)}", reason, [given.name])
    return entry
