# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which deployments LiteLLM asks, in which order, if some of them fail: read from its own config.

This file contains no rule of the registry, only how LiteLLM uses a config (from litellm/router.py and
litellm/router_utils/fallback_event_handlers.py of 1.108.6; `make contract` compares it with the real LiteLLM).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from ..schema.globs import ranked, regex_of

_SHUFFLE = "simple-shuffle"


@dataclass(frozen=True)
class Deployment:
    """One entry of LiteLLM's model list. `model` is the name for the engine; `params` are LiteLLM's own."""

    id: str
    provider: str
    prefix: str
    model: str
    params: Mapping[str, Any]
    limit: int | None = None
    """Tokens of the longest prompt that it accepts, if that is declared."""
    cooldown: float | None = None
    """Its cooldown in seconds, if it has its own."""
    abilities: Sequence[str] | None = None
    """What it can do, if that is known."""

    @property
    def order(self) -> int | None:
        """Its level, if its group has several."""
        order: int | None = self.params.get("order")
        return order


def shares(level: Sequence[Deployment]) -> list[float]:
    """How simple-shuffle shares requests: by the first of these that anybody has, else evenly."""
    for word in ("weight", "rpm", "tpm"):
        weights = [float(one.params.get(word) or 0) for one in level]
        if any(weights):
            return [weight / sum(weights) for weight in weights]
    return [1 / len(level)] * len(level)


@dataclass(frozen=True)
class Ask:
    """One request to an engine: `one_of` are the deployments that LiteLLM chose it from."""

    deployment: Deployment
    one_of: tuple[Deployment, ...]
    answered: bool


# Chooses one of several deployments, among which LiteLLM would choose by weight or load.
Choose: TypeAlias = Callable[[Sequence[Deployment]], Deployment]


@dataclass(frozen=True)
class Router:
    """LiteLLM's config of one gateway, as it reads it."""

    groups: Mapping[str, tuple[Deployment, ...]]
    fallbacks: Mapping[str, tuple[str, ...]]
    strategies: Mapping[str, str]
    max_fallbacks: int
    allowed_fails: int
    weighted_failover: bool
    checks_length: bool = False

    def group_of(self, name: str) -> str | None:
        """The group for a name: its own, else the first matching pattern in LiteLLM's order."""
        if name in self.groups:
            return name
        return next((glob for glob in self._globs() if re.match(regex_of(glob), name)), None)

    def _globs(self) -> list[str]:
        return ranked([name for name in self.groups if "*" in name])

    def deployments(self, name: str) -> tuple[Deployment, ...]:
        """The deployments of a name, those of a pattern with the name filled in."""
        glob = self.group_of(name)
        if glob is None:
            return ()
        found = re.match(regex_of(glob), name) if glob != name else None
        return tuple(replace(d, model=_filled(d.model, found)) if found else d for d in self.groups[glob])

    def chain(self, name: str) -> tuple[str, ...]:
        """The groups in the fallback chain of a name."""
        return self.fallbacks.get(name, ())


def _filled(model: str, found: re.Match[str]) -> str:
    for segment in found.groups():
        model = model.replace("*", segment, 1)
    return model


def router_of(config: Mapping[str, Any]) -> Router:
    """Read a config of LiteLLM: plain data, as `litellm_config.build` makes it."""
    settings = config["router_settings"]
    groups: dict[str, tuple[Deployment, ...]] = {}
    for row in config["model_list"]:
        prefix, _slash, model = row["litellm_params"]["model"].partition("/")
        info = row["model_info"]
        found = Deployment(
            info["id"],
            info["provider"],
            prefix,
            model,
            row["litellm_params"],
            info.get("max_input_tokens"),
            info.get("cooldown_time"),
            info.get("abilities"),
        )
        groups[row["model_name"]] = (*groups.get(row["model_name"], ()), found)
    strategies = {
        name: group["routing_strategy"] for group in settings.get("routing_groups", ()) for name in group["models"]
    }
    return Router(
        groups,
        {name: tuple(chain) for entry in settings["fallbacks"] for name, chain in entry.items()},
        strategies,
        settings["max_fallbacks"],
        settings["allowed_fails"],
        bool(settings["enable_weighted_failover"]),
        bool(settings.get("enable_pre_call_checks")),
    )


@dataclass(frozen=True)
class _Step:
    """One attempt: a group, or one level of it, or with `rest` the group without some deployments."""

    group: str
    order: int | None = None
    excluded: frozenset[str] = frozenset()
    rest: bool = False

    @property
    def key(self) -> object:
        """How LiteLLM identifies an attempt: it makes none twice in a request."""
        if self.rest:
            return self.group, self.excluded
        return self.group if self.order is None else (self.group, self.order)


@dataclass
class _Request:
    router: Router
    asked_for: str
    down: Collection[str]
    choose: Choose
    tokens: int
    asks: list[Ask] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    # Whether LiteLLM has already counted a failure of this request.
    logged: bool = False

    def out(self, deployment: Deployment) -> bool:
        """Whether the breaker has opened during this request."""
        return self.failures[deployment.id] > self.router.allowed_fails

    def too_long(self, deployment: Deployment) -> bool:
        """Whether the prompt is longer than a deployment accepts, and LiteLLM checks that."""
        limit = deployment.limit
        return self.router.checks_length and limit is not None and self.tokens > limit

    def ask(self, step: _Step, everyone: Sequence[Deployment]) -> tuple[bool, str | None]:
        """Ask one deployment of a step. Returns whether it answered, and the id of the one that was asked."""
        here = [d for d in everyone if not self.out(d) and not self.too_long(d)]
        order = step.order
        if order is None:
            order = min((d.order for d in here if d.order is not None), default=None)
        here = [d for d in here if (order is None or d.order == order) and d.id not in step.excluded]
        if not here:
            return False, None
        taken = self.choose(here)
        answered = taken.provider not in self.down
        self.asks.append(Ask(taken, tuple(here), answered))
        # The first failure of a request is counted at once, but (seen) not for a deployment of a pattern.
        if not answered and not self.logged:
            self.logged = True
            self.count(taken.id if step.group in self.router.groups else None)
        return answered, taken.id

    def count(self, failed: str | None) -> None:
        """Count a failure for the breaker."""
        if failed is not None:
            self.failures[failed] += 1

    def hop(self, step: _Step, depth: int, excluded: set[str], attempted: set[object]) -> tuple[bool, str | None]:
        """One attempt and all that LiteLLM does if it fails. Returns whether it was answered, and whose error it is.

        `excluded` failed in a pool before; `attempted` are the attempts of the request.
        """
        everyone = self.router.deployments(step.group)
        up = [d for d in everyone if not self.out(d)]
        # A prompt that is too long for all of them is not a failure: the chain is next, without their levels.
        nowhere = bool(up) and all(self.too_long(d) for d in up)
        self.logged = self.logged or nowhere
        answered, failed = self.ask(step, everyone)
        if answered:
            return True, None
        # A group without a chain continues with that of the name that the client asked for.
        names = self.router.chain(step.group) or self.router.chain(self.asked_for)
        chain = [_Step(name, excluded=step.excluded) for name in names]
        orders = sorted({d.order for d in everyone if d.order is not None})
        if len(orders) > 1 and not nowhere:
            first = step.order if step.order is not None else orders[0]
            levels = [_Step(step.group, order, step.excluded) for order in orders if order > first]
            if levels or chain:
                # The error of the last of them is returned, not its own.
                return self.each([*levels, *chain], step.group, depth, excluded, attempted, failed)
        if failed is not None and self._shares(step.group):
            excluded.add(failed)
            if any(not self.out(d) and d.id not in excluded for d in everyone):
                rest = _Step(step.group, excluded=frozenset(excluded), rest=True)
                if self.each([rest], step.group, depth, excluded, attempted, failed)[0]:
                    return True, None
        return self.each(chain, step.group, depth, excluded, attempted, failed)[0], failed

    def _shares(self, group: str) -> bool:
        strategy = self.router.strategies.get(group, _SHUFFLE)
        return self.router.weighted_failover and strategy == _SHUFFLE

    def each(
        self,
        steps: Sequence[_Step],
        group: str,
        depth: int,
        excluded: set[str],
        attempted: set[object],
        failed: str | None,
    ) -> tuple[bool, str | None]:
        """Try steps in their order, without those of earlier attempts; `failed` is what failed before."""
        if depth >= self.router.max_fallbacks:
            return False, failed
        attempted.add(group)
        for step in steps:
            if step.key in attempted:
                continue
            attempted.add(step.key)
            depth += 1
            # The next attempt knows what failed in this one; the attempt before does not.
            excluded = set(excluded)
            answered, failed = self.hop(step, depth, excluded, attempted)
            if answered:
                return True, None
            # Every later failure is counted when its attempt ends, including its own fallbacks.
            if self.logged:
                self.count(failed)
        return False, failed


def asks(router: Router, name: str, down: Collection[str], choose: Choose, tokens: int = 0) -> list[Ask]:
    """Every request to an engine for one request for a name, in order, if the providers in `down` fail.

    `tokens` is the length of the prompt, as LiteLLM counts it.
    """
    request = _Request(router, name, down, choose, tokens)
    request.hop(_Step(name), 0, set(), set())
    return request.asks
