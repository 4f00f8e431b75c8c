# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A controller that lacks secrets which hosts hold: what an operator is told, before anything is made anew."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

# What rotate.yml can make anew.
ROTATED = ("LITELLM_MASTER_KEY", "REDIS_PASSWORD", "AI_BACKEND_ENGINE_KEY")


def why_not(answers: Mapping[str, Mapping[str, Any]], left_out: Iterable[str], read_back: bool, folder: str) -> str:
    """Why no secret may be made or written, in one sentence with the ways out, or an empty string.

    answers: host -> {asked: [name], held: {name: fingerprint}}; a host that needs none of them has an empty one.
    left_out: members of the fleet that were not asked. read_back: whether what is held will be read back.
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
        anew = [name for name in ROTATED if name in holders]
        return (
            f"{_these(holders)} not on this controller, and a new value would replace the one that is in use. "
            "Nothing was changed. Give the value in ai_backend_secrets from a vault; or copy the folder "
            f"{folder} of the controller that made it; or add -e ai_backend_secrets_from_hosts=true, which reads it "
            "back into that folder here"
            + (f"; or make it anew: playbooks/rotate.yml -e secret={anew[0]}" if anew else "")
        )
    if unlike:
        apart = _these({name: holders[name] for name in unlike}, verb=False)
        return (
            f"the hosts hold different values of {apart}, so none is read back. Nothing was changed. "
            "Give the right one in ai_backend_secrets"
        )
    unmade, absent = sorted(asked - set(holders)), sorted(map(str, left_out))
    if unmade and absent:
        return (
            f"{', '.join(unmade)} would be made anew, but {', '.join(absent)} may hold it and was not asked. "
            f"Nothing was changed. Run without --limit, or copy the folder {folder} of the controller that made it"
        )
    return ""


def _these(holders: Mapping[str, list[str]], verb: bool = True) -> str:
    """`A (on gpu1, gpu2) and B (on gpu1) are`."""
    words = [f"{name} (on {', '.join(hosts)})" for name, hosts in sorted(holders.items())]
    return " and ".join(words) + ((" is" if len(words) == 1 else " are") if verb else "")
