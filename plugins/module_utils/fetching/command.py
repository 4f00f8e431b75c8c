# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A command that takes minutes, in a unit: how far it is can be looked at, and its last lines tell why it failed."""

from __future__ import annotations

import os
import re
import subprocess
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import TypedDict, cast

from .state import DONE, FAILED, Reporter, take_request

LAST_LINES = 15
# What a unit has of its own, and what belongs to the run that starts it.
NOT_FOR_A_COMMAND = re.compile(r"ANSIBLE_|INVOCATION_ID$|JOURNAL_STREAM$|NOTIFY_SOCKET$|SUDO_|SYSTEMD_|_$|PWD$|OLDPWD$")


class Request(TypedDict):
    """`pattern` finds the words of a line that show how far the command is; `steps` are counted."""

    argv: list[str]
    environment: dict[str, str]
    pattern: str
    steps: bool


def may_have(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a command: that of the task, with its proxies and the sources of packages."""
    return {name: text for name, text in environment.items() if not NOT_FOR_A_COMMAND.match(name)}


def progress(lines: Iterable[str], pattern: str, steps: bool) -> Iterator[str]:
    """Words for each line that shows how far it is: `[124/873]`, or `57: litellm==1.108.6`."""
    count = 0
    for line in lines:
        if found := re.search(pattern, line):
            count += 1
            words = next((group for group in found.groups() if group), found[0])
            yield f"{count}: {words}" if steps else words


def run(request: Request, reporter: Reporter) -> None:
    last: deque[str] = deque(maxlen=LAST_LINES)

    def lines(output: Iterable[str]) -> Iterator[str]:
        for line in output:
            last.append(line.rstrip())
            yield line

    process = subprocess.Popen(  # pylint: disable=ansible-bad-function
        request["argv"],
        # Else a command in Python shows its lines when some thousand bytes of them have come.
        env={**os.environ, "PYTHONUNBUFFERED": "1", **request["environment"]},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    for words in progress(lines(process.stdout or ()), request["pattern"], request["steps"]):
        reporter(words)
    code = process.wait()
    if code:
        reporter.state(FAILED, f"{request['argv'][0]} ended with {code}:\n" + "\n".join(last))
    else:
        reporter.state(DONE, "done")


def main(folder: str) -> None:
    """Run what the folder's request names; the folder's state shows how far that is and how it ended."""
    request = cast(Request, take_request(folder))
    reporter = Reporter(folder)
    try:
        run(request, reporter)
    except OSError as error:
        reporter.state(FAILED, f"{request['argv'][0]} can't be started: {error.strerror}")
