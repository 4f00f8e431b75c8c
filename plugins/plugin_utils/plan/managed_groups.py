# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The managed groups of an inventory that may also contain hosts of other software.

A group `ai_backend_<word>` has priority over a group `<word>`. If the gateway or the cache has one with the prefix, a
plain `gateway` or `redis` belongs to other software. `ai_backend_groups` names another group for a word.

This file uses no types of the registry: status and rollback call it, and they work without them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

Hosts: TypeAlias = "list[str]"

PREFIX = "ai_backend_"
# Words that need no registry, and those of the engines, from the names of their files.
ROLES = ("gateway", "redis")
ENGINES = tuple(sorted(path.stem for path in (Path(__file__).parent.parent / "engines" / "local").glob("*.py")))
# Groups that the playbooks create.
MADE = frozenset({"managed", "planned", "members"})


def managed_groups(groups: Mapping[str, Hosts], named: Mapping[str, str]) -> dict[str, Hosts]:
    """Return `groups` as the plan reads them: each word has only managed hosts.

    groups: inventory group -> hosts. named: word -> inventory group, as the user sets it.
    """
    found = {name: list(hosts) for name, hosts in groups.items()}
    if _prefixed(groups):
        found.update((word, []) for word in ROLES)
    found.update((word, list(groups[PREFIX + word])) for word in _words(groups))
    found.update((word, list(groups.get(group, []))) for word, group in named.items())
    return found


def managed_hosts(groups: Mapping[str, Hosts], named: Mapping[str, str], used: list[str]) -> Hosts:
    """Return the hosts that may run something managed, in the order of the inventory.

    used: groups that the providers name, as far as the registry can be read. If an inventory has no host in a managed
    group, all its hosts count as managed: `-i gpu1,`.
    """
    read = managed_groups(groups, named)
    words = {*_words(groups), *named, *used, *ROLES}
    if not _prefixed(groups):
        words |= set(ENGINES)
    managed = {host for word in words for host in read.get(word, [])}
    everybody = groups.get("all", [])
    return [host for host in everybody if host in managed] or list(everybody)


def groups_used(providers: object) -> list[str]:
    """Return the groups that providers name. Of a broken registry, return those that can be read."""
    if not isinstance(providers, Mapping):
        return []
    found = []
    for name in list(providers):
        try:
            group = providers[name].get("hosts")
        except Exception:  # noqa: S112 - a template that fails, or not a mapping: the checks of the registry report it
            continue
        if isinstance(group, str):
            found.append(str(group))
    return found


def _words(groups: Mapping[str, Hosts]) -> list[str]:
    """The words that have a group with the prefix."""
    words = [name.removeprefix(PREFIX) for name in groups if name.startswith(PREFIX)]
    return [word for word in words if word not in MADE and word not in ("all", "ungrouped")]


def _prefixed(groups: Mapping[str, Hosts]) -> bool:
    return any(PREFIX + word in groups for word in ROLES)
