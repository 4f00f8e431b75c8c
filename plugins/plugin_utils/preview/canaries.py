# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Canaries: what a candidate is asked because of what changes, before any client meets it.

Engines of ours are asked by every release's own probes. The routes to others are asked only when they change: a real
answer from a server of the lab, from one that is paid for only whether it is there, takes the key and has the model.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from .changes import config_changes, read_router

_CHAT = "/v1/chat/completions"
_KEY = {"file": "litellm.env", "name": "LITELLM_MASTER_KEY"}


def canaries(
    served: str, planned: str, answers: Collection[str], upstreams: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Probes (`module_utils/probes/checks.py`) for the routes that a gateway's new config changes, sorted.

    `served` and `planned` are LiteLLM's configs as text, `answers` the names that the release itself proves,
    `upstreams` those of the plan. A pattern has no name that could be asked for.
    """
    routing = config_changes(served, planned)["routing"]
    router = read_router(planned)
    if router is None:
        return []
    changed = {*routing["added"], *routing["rerouted"], *routing["chains"]} if routing else set(router.groups)
    paid = {row["provider"] for row in upstreams if row["paid"]}
    asked, looked_at = [], set()
    for name in sorted(name for name in changed if "*" not in name and name not in answers):
        found = router.deployments(name)
        first = min((deployment.order for deployment in found if deployment.order is not None), default=None)
        providers = {deployment.provider for deployment in found if deployment.order == first}
        looked_at |= providers & paid
        if not providers & paid:
            asked.append(name)
    probes: list[dict[str, Any]] = [{"kind": "answer", "path": _CHAT, "models": asked, "key": _KEY}] if asked else []
    return probes + [{"kind": "upstream", "upstream": dict(row)} for row in upstreams if row["provider"] in looked_at]
