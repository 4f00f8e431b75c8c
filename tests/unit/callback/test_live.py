# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The callback `live`: a table on a pseudo-terminal, and Ansible's usual lines without one."""

from __future__ import annotations

import os
import pathlib
import pty
import re
import struct
import subprocess
import sys
from fcntl import ioctl
from termios import TIOCSWINSZ

import pytest

from toolcache import ROOT

PLAYBOOK = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Install | Download m.gguf
      looked:
        number: "{{ item }}"
        fail: "{{ fail | default('') }}"
      loop: [1, 2, 3]
      loop_control:
        break_when: [seen.finished | default(true)]
      register: seen
    - name: Later | Show
      ansible.builtin.debug: {msg: after}
"""
# A module that looks at a work: as those of the collection, it tells how far it is.
MODULE = """
import time
from ansible.module_utils.basic import AnsibleModule
module = AnsibleModule({"number": {"type": "int"}, "fail": {"type": "str"}})
number = module.params["number"]
time.sleep(0.2)
if module.params["fail"] and number == 2:
    module.fail_json(msg="no space left", progress="failed", finished=True)
module.exit_json(changed=True, progress="m.gguf %d of 3 GB, %d %%" % (number, number * 30), finished=number == 3)
"""
ROW = re.compile(r"gpu[12] +\d:\d\d \[#*-*\] Download m\.gguf: m\.gguf \d of 3 GB, \d+ %")
UP = re.compile(r"\x1b\[(\d+)F\x1b\[J")


@pytest.fixture
def argv(tmp_path: pathlib.Path) -> list[str]:
    """A run of a playbook with two hosts, as the shipped configuration has it."""
    (tmp_path / "play.yml").write_text(PLAYBOOK)
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "looked.py").write_text(MODULE)
    python = pathlib.Path(sys.executable)
    return [
        str(python.with_name("ansible-playbook")),
        *("-i", "gpu1,gpu2", "-c", "local", "-e", f"ansible_python_interpreter={python}", str(tmp_path / "play.yml")),
    ]


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "COLUMNS", "LINES"))}
    return {**kept, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "TERM": "xterm", "NO_COLOR": "1", **more}


def on_terminal(argv: list[str], columns: int = 100, **more: str) -> str:
    """All that a program writes on a terminal of its own."""
    leader, follower = pty.openpty()
    ioctl(follower, TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    process = subprocess.Popen(
        argv, cwd=ROOT, env=environment(**more), stdin=follower, stdout=follower, stderr=follower
    )
    os.close(follower)
    found = b""
    try:
        while data := os.read(leader, 65536):
            found += data
    except OSError:
        # The last one that had the terminal has closed it.
        pass
    os.close(leader)
    process.wait(60)
    return found.decode("utf-8", "replace").replace("\r\n", "\n")


def screen(text: str) -> str:
    """What is on the terminal at the end: each table is erased by what comes after it."""
    shown: list[str] = []
    for part in re.split(r"(\x1b\[\d+F\x1b\[J)", text):
        if found := UP.fullmatch(part):
            assert shown[-1] == "", "erased is from the beginning of a line"
            del shown[-int(found[1]) - 1 : -1]
        else:
            first, *rest = part.split("\n")
            shown[-1:] = [(shown[-1] if shown else "") + first, *rest]
    return "\n".join(shown)


def test_on_a_terminal_it_is_a_table_that_is_gone_at_the_end(argv: list[str]) -> None:
    text = on_terminal(argv)
    assert len(ROW.findall(text)) >= 4
    assert "\x1b[2F" in text, "both hosts have a row at the same time"
    left = screen(text)
    assert not ROW.search(left)
    assert left.count("(item=3)") == 2
    assert "(item=1)" not in left
    assert "gpu2                       : ok=2" in left


def test_a_narrow_terminal_has_lines_that_fit(argv: list[str]) -> None:
    rows = [line for line in on_terminal(argv, columns=50).split("\n") if "Download m.gguf: " in line]
    assert rows
    assert all(len(UP.sub("", row)) < 50 for row in rows)


def test_a_work_that_fails_leaves_no_row(argv: list[str]) -> None:
    left = screen(on_terminal([*argv, "-e", "fail=yes"]))
    assert "no space left" in left
    assert not ROW.search(left)


@pytest.mark.parametrize("term", ["dumb", ""])
def test_a_terminal_that_can_erase_nothing_gets_lines(argv: list[str], term: str) -> None:
    text = on_terminal(argv, TERM=term)
    assert "\x1b[" not in text
    assert text.count("(item=1)") == 2


def test_without_a_terminal_there_is_a_line_for_each_look(argv: list[str]) -> None:
    done = subprocess.run(argv, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    usual = environment(ANSIBLE_STDOUT_CALLBACK="ansible.builtin.default")
    default = subprocess.run(argv, cwd=ROOT, env=usual, capture_output=True, text=True, check=False)
    assert sorted(done.stdout.splitlines()) == sorted(default.stdout.splitlines())
    assert "\x1b" not in done.stdout
    assert done.stdout.count("(item=") == 6
