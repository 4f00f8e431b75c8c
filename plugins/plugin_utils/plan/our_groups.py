# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which groups of an inventory are ours, when others keep their hosts in it too.

A group `ai_backend_<word>` is looked for before a group `<word>`. As soon as there is one for the gateway or the cache,
a plain `gateway` or `redis` is somebody else's. `ai_backend_groups` names any other group for a word.

No types of the registry here: status and rollback ask this, and they work without them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

Hosts: TypeAlias = "list[str]"

PREFIX = "ai_backend_"
# Words that no registry has to name, and the engines' own, by the names of their files.
ROLES = ("gateway", "redis")
ENGINES = tuple(sorted(path.stem for path in (Path(__file__).parent.parent / "engines" / "local").glob("*.py")))
# Groups that the playbooks make themselves.
MADE = frozenset({"ours", "planned", "members"})


def our_groups(groups: Mapping[str, Hosts], named: Mapping[str, str]) -> dict[str, Hosts]:
    """Return `groups` as the plan reads them: each word holds our hosts, never somebody else's.

    groups: inventory group -> hosts. named: word -> inventory group, as the user says.
    """
    found = {name: list(hosts) for name, hosts in groups.items()}
    if _prefixed(groups):
        found.update((word, []) for word in ROLES)
    found.update((word, list(groups[PREFIX + word])) for word in _words(groups))
    found.update((word, list(groups.get(group, []))) for word, group in named.items())
    return found


def our_hosts(groups: Mapping[str, Hosts], named: Mapping[str, str], used: list[str]) -> Hosts:
    """Return the hosts that may run something of ours, in the order of the inventory.

    used: groups that the registry's providers name, as far as it can be read. An inventory that has no host in any
    group of ours is taken as a list of our hosts: `-i gpu1,`.
    """
    read = our_groups(groups, named)
    words = {*_words(groups), *named, *used, *ROLES}
    if not _prefixed(groups):
        words |= set(ENGINES)
    ours = {host for word in words for host in read.get(word, [])}
    everybody = groups.get("all", [])
    return [host for host in everybody if host in ours] or list(everybody)


def groups_used(providers: object) -> list[str]:
    """Return the groups that providers name. Of a registry that is broken, whatever can be read."""
    if not isinstance(providers, Mapping):
        return []
    found = []
    for name in list(providers):
        try:
            group = providers[name].get("hosts")
        except Exception:  # noqa: S112 - a template that fails, or no mapping: the checks of the registry say so
            continue
        if isinstance(group, str):
            found.append(str(group))
    return found


def _words(groups: Mapping[str, Hosts]) -> list[str]:
    """The words that have a group with our prefix."""
    words = [name.removeprefix(PREFIX) for name in groups if name.startswith(PREFIX)]
    return [word for word in words if word not in MADE and word not in ("all", "ungrouped")]


def _prefixed(groups: Mapping[str, Hosts]) -> bool:
    return any(PREFIX + word in groups for word in ROLES)
