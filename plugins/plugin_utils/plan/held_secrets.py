# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A controller without secrets that hosts have: the message for the operator, before any secret is created again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from ...module_utils.host.layout import CLIENT_KEYS

# What rotate.yml can replace, in addition to the keys of clients.
ROTATED = (
    "LITELLM_MASTER_KEY",
    "REDIS_PASSWORD",
    "AI_BACKEND_ENGINE_KEY",
    "AI_BACKEND_FLEET_IDENTITY",
    "AI_BACKEND_MONITORING_KEY",
    "AI_BACKEND_WEBUI_KEY",
)


def why_not(answers: Mapping[str, Mapping[str, Any]], left_out: Iterable[str], read_back: bool, folder: str) -> str:
    """Why no secret may be created or written, in one sentence with the possible solutions, or an empty string.

    answers: host -> {asked: [name], held: {name: fingerprint}}; a host that needs none of them has an empty one.
    left_out: members of the fleet that were not asked. read_back: whether the secrets will be read back.
    """
    asked = {str(name) for answer in answers.values() for name in answer.get("asked", ())}
    holders: dict[str, list[str]] = defaultdict(list)
    prints: dict[str, set[str]] = defaultdict(set)
    for host, answer in sorted(answers.items()):
        for name, fingerprint in answer.get("held", {}).items():
            holders[str(name)].append(str(host))
            prints[str(name)].add(str(fingerprint))
    unlike = sorted(name for name in holders if len(prints[name]) > 1)
    if holders and not read_back:
        clients = sorted(name for name in holders if name.startswith(CLIENT_KEYS))
        replaceable = [name for name in (*ROTATED, *clients) if name in holders]
        return (
            f"{_these(holders)} not on this controller, and a new value would replace the one in use. "
            "Nothing was changed. Set the value in ai_backend_secrets from a vault; or copy the folder "
            f"{folder} of the controller that created it; or add -e ai_backend_secrets_from_hosts=true, which reads it "
            "back into that folder here"
            + (f"; or replace it: playbooks/rotate.yml -e secret={replaceable[0]}" if replaceable else "")
        )
    if unlike:
        apart = _these({name: holders[name] for name in unlike}, verb=False)
        return (
            f"the hosts have different values of {apart}, so none is read back. Nothing was changed. "
            "Set the right one in ai_backend_secrets"
        )
    uncreated, absent = sorted(asked - set(holders)), sorted(map(str, left_out))
    if uncreated and absent:
        return (
            f"{', '.join(uncreated)} would be created again, but {', '.join(absent)} may have it and was not asked. "
            f"Nothing was changed. Run without --limit, or copy the folder {folder} of the controller that created it"
        )
    return ""


def _these(holders: Mapping[str, list[str]], verb: bool = True) -> str:
    """`A (on gpu1, gpu2) and B (on gpu1) are`."""
    words = [f"{name} (on {', '.join(hosts)})" for name, hosts in sorted(holders.items())]
    return " and ".join(words) + ((" is" if len(words) == 1 else " are") if verb else "")
