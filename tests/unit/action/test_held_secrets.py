"""Values that are read back leave the result on the controller, before anybody sees it."""

from __future__ import annotations

import pathlib
from typing import Any
from unittest import mock

from ansible_collections.lab.ai_backend.plugins.action.held_secrets import ActionModule

VALUE = "sk-of-the-host"  # pragma: allowlist secret


def run(folder: pathlib.Path | None, *, check: bool = False, no_log: bool = True) -> tuple[dict[str, Any], Any]:
    """The task's result, and what the module was asked."""
    arguments = {"files": {}, "names": ["KEY"], **({"folder": str(folder)} if folder else {})}
    task = mock.Mock(args=arguments, async_val=0, check_mode=check, diff=False, no_log=no_log)
    action = ActionModule(task, mock.Mock(), mock.Mock(), mock.Mock(), mock.Mock(), mock.Mock())

    def module(module_args: dict[str, Any], task_vars: object) -> dict[str, Any]:
        return {"held": {"KEY": "f1"}, **({"values": {"KEY": VALUE}} if module_args["reveal"] else {})}

    with mock.patch.object(ActionModule, "_execute_module", side_effect=module) as asked:
        result: dict[str, Any] = action.run(task_vars={})
    return result, asked


def test_a_value_is_kept_closed_and_is_not_in_the_result(tmp_path: pathlib.Path) -> None:
    result, _asked = run(tmp_path / "fleet")
    assert (tmp_path / "fleet" / "KEY").read_text().strip() == VALUE
    assert (tmp_path / "fleet" / "KEY").stat().st_mode & 0o777 == 0o600
    assert (result["kept"], result["changed"]) == (["KEY"], True)
    assert VALUE not in repr(result)


def test_what_the_controller_has_already_stays(tmp_path: pathlib.Path) -> None:
    (tmp_path / "KEY").write_text("mine")
    (tmp_path / "KEY").chmod(0o600)
    result, _asked = run(tmp_path)
    assert ((tmp_path / "KEY").read_text(), result["changed"]) == ("mine", False)


def test_check_mode_and_a_plain_question_ask_for_no_value(tmp_path: pathlib.Path) -> None:
    for result, asked in (run(tmp_path, check=True), run(None)):
        assert asked.call_args.kwargs["module_args"]["reveal"] is False
        assert result["held"] == {"KEY": "f1"}
    assert list(tmp_path.iterdir()) == []


def test_a_task_that_would_be_logged_reads_nothing_back(tmp_path: pathlib.Path) -> None:
    result, asked = run(tmp_path, no_log=False)
    assert result["failed"]
    assert not asked.called
