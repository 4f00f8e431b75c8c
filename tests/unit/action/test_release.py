"""The controller asks a host for a service's release only where the host has not said that it runs it."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest

from ansible_collections.lab.ai_backend.plugins.action.release import ActionModule
from ansible_collections.lab.ai_backend.plugins.module_utils.releases.releases import identifier

ARGUMENTS = {
    "service": "redis",
    "stage": "backend",
    "instance": "redis",
    "units": {"ai-backend-redis.service": "[Service]\n"},
    "dropin": "ExecStart=/usr/bin/redis-server\n",
    "enable": ["ai-backend-redis.service"],
    "ports": {"redis": "6379"},
    "probes": [],
}
# What the module makes of them: defaults, and a port that is a number.
MANIFEST = {
    "service": "redis",
    "stage": "backend",
    "slots": [],
    "listener": "",
    "files": {},
    "units": ARGUMENTS["units"],
    "dropin": ARGUMENTS["dropin"],
    "enable": ARGUMENTS["enable"],
    "artifact": "",
    "package": "",
    "requires": [],
    "secrets": [],
    "ports": {"redis": 6379},
    "probes": [],
    "reload": False,
}
ID = identifier(MANIFEST)


def run(host: dict[str, Any] | None, **changes: Any) -> dict[str, Any]:
    """The result of the task on a host that said this of itself; `asked` by the module is a word of its own here."""
    task = mock.Mock(args={**ARGUMENTS, **changes}, async_val=0, check_mode=False, diff=False)
    action = ActionModule(task, mock.Mock(), mock.Mock(), mock.Mock(), mock.Mock(), mock.Mock())
    answer = {"asked": "by the module"}
    with mock.patch.object(ActionModule, "_execute_module", return_value=answer):
        result: dict[str, Any] = action.run(task_vars={} if host is None else {"ai_backend_host": host})
    return result


def test_a_service_that_runs_this_very_release_is_not_asked_for() -> None:
    result = run({"settled": {"redis": ID}, "free_bytes": 7})
    assert result == {
        "asked": False,
        "changed": False,
        "free_bytes": 7,
        "id": ID,
        "missing": [],
        "previous": ID,
        "settled": True,
        "shown": {},
    }


@pytest.mark.parametrize(
    ("host", "changes"),
    [
        pytest.param(None, {}, id="a host that was not looked at"),
        pytest.param({"settled": {}}, {}, id="a service in doubt"),
        pytest.param({"settled": {"redis": ID}}, {"dropin": "ExecStart=/usr/bin/other\n"}, id="another release"),
        pytest.param({"settled": {"redis": ID}}, {"instance": "redis@second"}, id="another instance"),
        pytest.param({"settled": {"redis": ID}}, {"ports": "nonsense"}, id="arguments that the module refuses"),
    ],
)
def test_any_other_is(host: dict[str, Any] | None, changes: dict[str, Any]) -> None:
    assert run(host, **changes)["asked"] == "by the module"
