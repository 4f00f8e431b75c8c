"""A user's environment, made in an empty cache folder out of a copy of the checkout: nothing left here helps it."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess

import pytest
from packaging.requirements import Requirement

from checkout import ROOT, copy_to


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The copy, after `make venv`."""
    folder = tmp_path_factory.mktemp("copy")
    copy_to(folder)
    answer = said(folder, "make", "venv")
    assert "venv ready: .venv" in answer
    assert (folder / ".venv").readlink().is_relative_to(folder / "cache")
    return folder


def said(folder: pathlib.Path, *argv: str | pathlib.Path) -> str:
    """What a command says there, as a user would run it: no variable of this run is passed on."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "MAKE", "MFLAGS"))}
    path = ":".join(entry for entry in os.environ["PATH"].split(":") if "venv" not in entry)
    environment = {**kept, "AI_BACKEND_CACHE": str(folder / "cache"), "PATH": f"{folder}/.venv/bin:{path}"}
    done = subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_it_holds_what_a_deploy_needs(home: pathlib.Path) -> None:
    """Each package that the lock is made from, in the version of the lock."""
    lock = (ROOT / "requirements" / "deploy.txt").read_text()
    sources = [ROOT / "requirements" / "deploy.in", ROOT / "meta" / "ee-requirements.txt"]
    lines = [line for file in sources for line in file.read_text().splitlines() if line and line[0] not in "#-"]
    names = {requirement.name for requirement in map(Requirement, lines)}
    assert {"ansible-core", "netaddr", "pydantic", "openai"} <= names
    for name in sorted(names):
        version = said(home, ".venv/bin/python", "-c", f"import importlib.metadata as m; print(m.version('{name}'))")
        assert re.search(rf"^{name}=={re.escape(version.strip())} ", lock, re.MULTILINE | re.IGNORECASE)


def test_its_commands_answer(home: pathlib.Path) -> None:
    assert "ansible-playbook [core 2." in said(home, "ansible-playbook", "--version")
    listed = said(home, "ansible-galaxy", "collection", "list")
    assert re.search(r"^community\.docker +\d+\.\d+", listed, re.MULTILINE)
    assert re.search(r"^lab\.ai_backend +\d+\.\d+", listed, re.MULTILINE)


def test_the_shipped_registry_is_sound_there(home: pathlib.Path) -> None:
    assert "failed=0" in said(home, "ansible-playbook", "playbooks/validate.yml")


def test_the_tests_own_packages_are_not_in_it(home: pathlib.Path) -> None:
    listed = said(home, ".venv/bin/python", "-m", "pip", "list")
    assert not re.search(r"^(pytest|molecule|ansible-lint|mypy) ", listed, re.MULTILINE)
