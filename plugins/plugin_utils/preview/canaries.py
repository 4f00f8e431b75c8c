# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Canaries: probes of a candidate for the routes that change, before clients reach it.

Every release has its own probes for managed engines. Routes to other providers are probed only if they change: an
unpaid one must give a real answer; a paid one must only be reachable, accept the key and have the model.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ..engines.abilities import PROOFS, proof_of
from ..litellm.probes import probe_of
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
    checked: set[str] = set()
    asked: dict[str, list[str]] = {}
    for name in sorted(name for name in changed if "*" not in name and name not in answers):
        found = router.deployments(name)
        first = min((deployment.order for deployment in found if deployment.order is not None), default=None)
        providers = {deployment.provider for deployment in found if deployment.order == first}
        checked |= providers & paid
        if not providers & paid:
            asked.setdefault(proof_of(deployment.abilities for deployment in found), []).append(name)
    probes = [probe_of(proof, asked[proof], "answer" if proof == "chat" else "") for proof in PROOFS if proof in asked]
    return probes + [{"kind": "upstream", "upstream": dict(row)} for row in upstreams if row["provider"] in checked]
