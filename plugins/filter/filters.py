# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The filters of the collection; each is documented in a file of its own, <name>.yml.

Most are a function of entries.py behind guard.py, which imports late. The others need no types of the registry: to
import these takes longer than a task that asks for one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from ansible.errors import AnsibleFilterError

from ..module_utils.rollback.choice import previous_of
from ..plugin_utils.data.plain import to_plain
from ..plugin_utils.guard import call, validate
from ..plugin_utils.litellm.workers import gateway_workers as workers_of
from ..plugin_utils.plan import managed_groups as managed
from ..plugin_utils.plan.artifacts import artifact_path, still_missing
from ..plugin_utils.plan.bundle import bundle_plan
from ..plugin_utils.plan.held_secrets import why_not
from ..plugin_utils.plan.leaving import leaving
from ..plugin_utils.plan.serving import elsewhere

NO_CHANGE: dict[str, Any] = {"added": [], "removed": [], "rerouted": {}, "chains": {}}
entry = partial(call, AnsibleFilterError)


def config_changes(old: object, new: object) -> Any:
    """Most runs have nothing to compare, and to import the library would take longer than such a run."""
    if old and str(old) == str(new):
        return {"routing": NO_CHANGE, "removed": [], "lines": [], "diff": ""}
    return entry("config_changes", old, new)


def explain(  # what a task names
    registry: object, model: object, groups: object, addresses: object = None, down: object = (), tokens: object = 0
) -> Any:
    return entry("explained", registry, model, groups, addresses, down, tokens)


def litellm_config(registry: object, groups: object, host: object, addresses: object = None) -> Any:
    return entry("litellm_config", registry, groups, addresses, host)


def live_report(findings: object, report: object = None, only: object = None) -> Any:
    return entry("live_report", findings, report, only)


def plan(registry: object, groups: object, addresses: object = None) -> Any:
    return entry("plan", registry, groups, addresses)


def routing_diff(old: object, new: object, groups: object, addresses: object = None) -> Any:
    return entry("routing_diff", old, new, groups, addresses)


def import_config(source: object, base_url: object = "") -> Any:
    return entry("imported", source, base_url)


def provider_verb(
    registry: object, given: object, groups: object, addresses: object = None, answers: object = ()
) -> Any:
    return entry("provider_verb", registry, groups, addresses, given, answers)


def status_table(rows: object, columns: object = None) -> Any:
    return entry("status_table", rows, columns)


def path_of(name: object, *inputs: object) -> str:
    return artifact_path(str(name), *(to_plain(value) for value in inputs))


def gateway_workers(wanted: object, cores: object, memory_bytes: object) -> int:
    return workers_of(str(wanted), int(str(cores)), int(str(memory_bytes)))


def leaving_sections(published: object, planned: object) -> Any:
    return leaving(to_plain(published), to_plain(planned))  # type: ignore[arg-type]


def elsewhere_serving(serving: object, edge: object) -> Any:
    return elsewhere(to_plain(serving), to_plain(edge))  # type: ignore[arg-type]


def bundled(rows: object) -> Any:
    return bundle_plan(to_plain(rows))  # type: ignore[arg-type]


def managed_groups(groups: object, named: object = None) -> Any:
    return managed.managed_groups(to_plain(groups), to_plain(named) or {})  # type: ignore[arg-type]


def managed_hosts(groups: object, named: object = None, providers: object = None) -> Any:
    used = managed.groups_used(providers)
    return managed.managed_hosts(to_plain(groups), to_plain(named) or {}, used)  # type: ignore[arg-type]


def missing_secrets(answers: object, left_out: object, read_back: bool, folder: str) -> str:
    return why_not(to_plain(answers), to_plain(left_out), read_back, str(folder))  # type: ignore[arg-type]


def previous_generation(hosts: Iterable[Iterable[Mapping[str, Any]]]) -> int:
    number: int = previous_of([dict(row) for rows in hosts for row in rows])
    return number


def missing_paths(begun: object, now: object) -> Any:
    return still_missing(to_plain(begun), to_plain(now))  # type: ignore[arg-type]


class FilterModule:
    """Ansible looks for this class."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filters."""
        return {
            "artifact_path": path_of,
            "bundle_plan": bundled,
            "canaries": partial(entry, "canaries"),
            "config_changes": config_changes,
            "engine_advice": partial(entry, "engine_advice"),
            "explain": explain,
            "gateway_workers": gateway_workers,
            "import_config": import_config,
            "elsewhere": elsewhere_serving,
            "leaving": leaving_sections,
            "litellm_config": litellm_config,
            "live_capacity": partial(entry, "live_capacity"),
            "live_report": live_report,
            "loadable": partial(entry, "loadable"),
            "managed_groups": managed_groups,
            "managed_hosts": managed_hosts,
            "missing_secrets": missing_secrets,
            "ollama_sums_url": partial(entry, "ollama_sums_url"),
            "plan": plan,
            "previous_generation": previous_generation,
            "provider_probes": partial(entry, "provider_probes"),
            "provider_verb": provider_verb,
            "registry": partial(entry, "registry"),
            "routing_diff": routing_diff,
            "still_missing": missing_paths,
            "status_table": status_table,
            "validate": validate,
        }
