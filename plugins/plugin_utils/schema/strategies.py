# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The words for how traffic is shared, and what LiteLLM really does for each.

docs/routing.md shows MECHANISMS and REFUSED as tables; a test holds it against them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator

from ..findings.findings import suggest
from .base import AlsoSpelled
from .pydantic_findings import refused

# The inner words: LiteLLM's own, and three of the collection that become levels of one after the other.
Strategy: TypeAlias = Literal[
    "priority",
    "quality-first",
    "context-based",
    "simple-shuffle",
    "least-busy",
    "latency-based-routing",
    "usage-based-routing-v2",
    "cost-based-routing",
]
WORDS: Mapping[str, Strategy] = {
    "priority": "priority",
    "direct": "priority",
    "ordered": "priority",
    "failover": "priority",
    "quality_first": "quality-first",
    "context_based": "context-based",
    "weighted": "simple-shuffle",
    "simple_shuffle": "simple-shuffle",
    "random": "simple-shuffle",
    "shuffle": "simple-shuffle",
    "load_balance": "simple-shuffle",
    "least_loaded": "least-busy",
    "least_busy": "least-busy",
    "fastest_response": "latency-based-routing",
    "fastest": "latency-based-routing",
    "lowest_latency": "latency-based-routing",
    "latency_based": "latency-based-routing",
    "latency_based_routing": "latency-based-routing",
    "usage_based": "usage-based-routing-v2",
    "most_capacity": "usage-based-routing-v2",
    "usage_based_routing": "usage-based-routing-v2",
    "usage_based_routing_v2": "usage-based-routing-v2",
    "cost_optimized": "cost-based-routing",
    "cost_based": "cost-based-routing",
    "lowest_cost": "cost-based-routing",
    "cost_based_routing": "cost-based-routing",
}
_LEVEL = "the next level, then the chain"
_CHAIN = "the chain; no other deployment of the group"
# Strategy -> what LiteLLM does, and what it does when the one that was taken fails.
MECHANISMS: Mapping[Strategy, tuple[str, str]] = {
    "priority": ("`order`: one level after the other, as written", _LEVEL),
    "quality-first": ("`order`: one level after the other, the largest `size` first", _LEVEL),
    "context-based": (
        "`order`, the smallest `context_length` first, with `enable_pre_call_checks` and `max_input_tokens`: "
        "the first that the prompt fits into; `context_window_fallbacks` when it fits into none",
        _LEVEL,
    ),
    "simple-shuffle": (
        "`simple-shuffle`, by `weight` where weights are given",
        "another one of the group, then the chain",
    ),
    "least-busy": ("`least-busy`: the one with the fewest requests under way", _CHAIN),
    "latency-based-routing": ("`latency-based-routing`: the deployment with the lowest recent latency", _CHAIN),
    "usage-based-routing-v2": (
        "`usage-based-routing-v2`: the one with the fewest tokens this minute, none that is at its `rate_limits`",
        _CHAIN,
    ),
    "cost-based-routing": (
        "`cost-based-routing`: the one with the lowest `cost_per_1k_tokens`, input and output added",
        _CHAIN,
    ),
}
_BY_PROMPT = (
    "write `context_based`, which goes by the length of the prompt, or give each kind of request a name of its own"
)
# Words without a mechanism -> why, and what to write.
REFUSED: Mapping[str, str] = {
    "round_robin": "LiteLLM has no round robin → write `simple_shuffle`, which spreads evenly",
    "weighted_round_robin": "LiteLLM has no round robin → write `weighted`, which spreads by the weights",
    "complexity_based": "LiteLLM's complexity router counts English key words of the prompt, so the answering "
    f"model is not predictable → {_BY_PROMPT}",
    "adaptive": f"LiteLLM does not look at the task → {_BY_PROMPT}",
    "adaptive_weighted": f"LiteLLM does not look at the task → {_BY_PROMPT}",
    "step_based": f"LiteLLM does not look at the task → {_BY_PROMPT}",
    "quality_based": "LiteLLM knows no quality → write `quality_first`, the largest model first, or `priority`",
    "sticky": "LiteLLM has no sessions here → write `simple_shuffle`",
    "hash": "LiteLLM has no sessions here → write `simple_shuffle`",
}


def read(value: object) -> object:
    """A user's word as the inner one."""
    if not isinstance(value, str):
        return value
    word = value.strip().lower().replace("-", "_")
    if word in REFUSED:
        raise refused("routes", f"is no strategy here: {REFUSED[word]}")
    if word not in WORDS:
        raise refused("routes", f"is not a strategy → {suggest(word, WORDS)}")
    return WORDS[word]


StrategyWord = Annotated[Strategy, BeforeValidator(read), AlsoSpelled({"enum": sorted(WORDS)})]
