"""The runner of `make test`: every target runs, what fails is named, and what runs beside is not lost."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess

import pytest

from toolcache import ROOT

# `first` and `beside` meet at a pipe: each waits until the other is there.
MAKEFILE = """\
first:
	@echo from first; echo here > meeting
beside:
	@cat meeting > /dev/null; echo from beside
bad:
	@echo from bad; false
last:
	@echo from last
tested:
	@echo "===== 3 passed in 0.10s ====="
some:
	@printf "\\033[31mFAILED\\033[0m tests/a.py::test_one - assert 1 == 2\\nERROR tests/b.py::test_two\\n"
	@echo "ERROR! of a play"; echo "===== 1 failed, 1 error in 0.10s ====="; echo "later"; false
many:
	@for number in $$(seq 100 150); do printf "FAILED tests/a.py::test_$$number - %0999d\\n" 0; done; false
plain:
	@seq 20; echo; false
"""


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / "tests" / "tools").mkdir(parents=True)
    shutil.copy(ROOT / "tests/tools/run_stages", tmp_path / "tests/tools")
    (tmp_path / "Makefile").write_text(MAKEFILE)
    os.mkfifo(tmp_path / "meeting")
    return tmp_path


def run(folder: pathlib.Path, *steps: str) -> tuple[int, list[str]]:
    command = [folder / "tests/tools/run_stages", *steps]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    return done.returncode, done.stdout.splitlines()


def test_a_target_beside_another_runs_at_the_same_time_and_shows_all_it_said(folder: pathlib.Path) -> None:
    code, lines = run(folder, "first+beside", "last")
    assert code == 0
    assert {"from first", "from beside", "from last"} <= set(lines)
    assert lines.index("from last") > max(n for n, line in enumerate(lines) if line.startswith("=== first passed in "))


def test_all_run_and_one_that_fails_is_named_wherever_it_runs(folder: pathlib.Path) -> None:
    for steps in (("bad", "last"), ("first+beside,bad", "last")):
        code, lines = run(folder, *steps)
        assert code == 1
        assert [line.split(" in ")[0] for line in summary(lines) if line.startswith(("bad", "last"))] == [
            "bad FAILED",
            "last passed",
        ]


def summary(lines: list[str]) -> list[str]:
    return lines[next(number for number, line in enumerate(lines) if line.startswith("=== summary")) + 1 :]


@pytest.mark.parametrize("steps", [("some", "last"), ("last+some",)])
def test_the_summary_names_the_tests_that_failed(folder: pathlib.Path, steps: tuple[str, ...]) -> None:
    _code, lines = run(folder, *steps)
    found = [line for line in summary(lines) if not line.startswith(("last", "some"))]
    assert found == [
        "===== 1 failed, 1 error in 0.10s =====",
        "  ERROR tests/b.py::test_two",
        "  FAILED tests/a.py::test_one - assert 1 == 2",
    ]


def test_the_summary_has_the_last_lines_of_a_stage_that_failed_without_tests(folder: pathlib.Path) -> None:
    _code, lines = run(folder, "plain", "last")
    assert summary(lines)[1:-1] == [f"  {number}" for number in range(16, 21)]


def test_the_summary_is_short_also_if_all_tests_fail(folder: pathlib.Path) -> None:
    _code, lines = run(folder, "many")
    _verdict, *names, more = summary(lines)
    assert (len(names), more) == (20, "  and 31 more")
    assert {len(name) for name in names} == {242}


def test_the_summary_ends_with_the_closing_lines_of_pytest(folder: pathlib.Path) -> None:
    _code, lines = run(folder, "tested")
    assert lines[-1] == "===== 3 passed in 0.10s ====="
