# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Canaries: probes of a candidate for the routes that change, before clients reach it.

Every release has its own probes for managed engines. Routes to other providers are probed only if they change: an
unpaid one must give a real answer; a paid one must only be reachable, accept the key and have the model. One that a
request would wake is not asked.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ..engines.abilities import PROOFS, proof_of
from ..litellm.probes import probe_of
from ..litellm.simulation import Router
from .changes import config_changes, read_router


def canaries(
    served: str, planned: str, answers: Collection[str], upstreams: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Probes (`module_utils/probes/checks.py`) for the routes that a gateway's new config changes, sorted.

    `served` and `planned` are LiteLLM's configs as text, `answers` the names that the release itself proves,
    `upstreams` those of the plan. A pattern has no name that could be requested.
    """
    routing = config_changes(served, planned)["routing"]
    router = read_router(planned)
    if router is None:
        return []
    changed = {*routing["added"], *routing["rerouted"], *routing["chains"]} if routing else set(router.groups)
    paid = {row["provider"] for row in upstreams if row["paid"]}
    # To wake it could take another one of its group from those who use it.
    asleep = {row["provider"] for row in upstreams if row["wakes"]}
    # Of what only LiteLLM can ask, every answer may cost.
    askable = {row["provider"] for row in upstreams}
    checked: set[str] = set()
    asked: dict[str, list[str]] = {}
    for name in sorted(name for name in changed if "*" not in name and name not in answers):
        providers, proof = _first(router, name)
        checked |= providers & paid
        if providers <= askable - paid - asleep:
            asked.setdefault(proof, []).append(name)
    return _questions(asked) + [
        {"kind": "upstream", "upstream": dict(row)} for row in upstreams if row["provider"] in checked
    ]


def provider_probes(
    served: str, upstreams: Sequence[Mapping[str, Any]], provider: str, ask_paid: bool
) -> list[dict[str, Any]]:
    """Probes of one provider: it itself, then each name of the gateway's config that it answers first.

    A provider whose answers cost money, or which only LiteLLM can ask, is asked for answers only with `ask_paid`.
    """
    rows = [dict(row) for row in upstreams if row["provider"] == provider]
    probes: list[dict[str, Any]] = [{"kind": "upstream", "upstream": row} for row in rows]
    router = read_router(served)
    may_cost = not rows or any(row["paid"] for row in rows)
    if router is None or (may_cost and not ask_paid):
        return probes
    asked: dict[str, list[str]] = {}
    for name in sorted(name for name in router.groups if "*" not in name):
        providers, proof = _first(router, name)
        if providers == {provider}:
            asked.setdefault(proof, []).append(name)
    return probes + _questions(asked)


def _first(router: Router, name: str) -> tuple[set[str], str]:
    """The providers that are asked first for a name, and the key of PROOFS by which it is proven."""
    found = router.deployments(name)
    first = min((deployment.order for deployment in found if deployment.order is not None), default=None)
    providers = {deployment.provider for deployment in found if deployment.order == first}
    return providers, proof_of(deployment.abilities for deployment in found)


def _questions(asked: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """A probe for each proof, which asks its names for an answer."""
    return [probe_of(proof, asked[proof], "answer" if proof == "chat" else "") for proof in PROOFS if proof in asked]
