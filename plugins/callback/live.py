# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The callback lab.ai_backend.live. Its options come from this file, so its documentation can't be in another one."""

from __future__ import annotations

DOCUMENTATION = r"""
name: live
author: lab.ai_backend contributors (@lab)
version_added: 0.2.0
type: stdout
short_description: Ansible's usual output, with a live table of downloads and builds
description:
  - On a terminal, downloads and builds in progress are a table of one line for each host, drawn again with each look.
  - Without a terminal (a pipeline, a file, C(TERM=dumb)) the output is that of C(ansible.builtin.default), with a line
    for each look.
extends_documentation_fragment:
  - default_callback
  - result_format_callback
requirements:
  - set as stdout callback, C(stdout_callback = lab.ai_backend.live)
"""

import os
import shutil
import sys
import time
from typing import Any

from ansible.plugins.callback.default import CallbackModule as Default

from ..plugin_utils.data.progress_table import Work, lines

# To the beginning of the line so many lines above, and nothing below.
UP = "\x1b[{}F\x1b[J"


class Table:
    """The table at the end of a terminal's output. Whatever is printed in this time is printed above it."""

    def __init__(self, stream: Any) -> None:
        self.stream, self.drawn = stream, 0
        self.works: dict[tuple[str, str], tuple[str, str, float]] = {}

    def erase(self) -> None:
        """Remove it from the terminal."""
        if self.drawn:
            self.stream.write(UP.format(self.drawn))
            self.stream.flush()
        self.drawn = 0

    def draw(self) -> None:
        """Show it as it is now."""
        self.erase()
        now = time.monotonic()
        works = [
            Work(host, what, progress, int(now - since))
            for (host, _task), (what, progress, since) in sorted(self.works.items())
        ]
        size = shutil.get_terminal_size()
        # What is scrolled out of the terminal could not be erased.
        found = lines(works[: max(size.lines - 2, 1)], size.columns)
        self.stream.write("".join(f"{line}\n" for line in found))
        self.stream.flush()
        self.drawn = len(found)


class Above:
    """Ansible's display, which prints above the table."""

    def __init__(self, display: Any, table: Table) -> None:
        self._own, self._table = display, table

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._own, name)
        if not callable(found):
            return found

        def above(*arguments: Any, **options: Any) -> Any:
            self._table.erase()
            try:
                return found(*arguments, **options)
            finally:
                self._table.draw()

        return above


class CallbackModule(Default):
    """Ansible's default output; on a terminal, works in progress are a table in place of a line for each look."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "lab.ai_backend.live"

    def __init__(self) -> None:
        super().__init__()
        self.table: Table | None = None
        if sys.stdout.isatty() and os.environ.get("TERM") not in (None, "", "dumb"):
            self.table = Table(sys.stdout)
            self._display = Above(self._display, self.table)
        self.names: dict[str, str] = {}

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        """Keep the name, whose template is rendered only now."""
        self.names[task._uuid] = task.get_name().rpartition(" | ")[2]
        super().v2_playbook_on_task_start(task, is_conditional)

    def v2_runner_item_on_ok(self, result: Any) -> None:
        """A look at a work: a row, until it is done."""
        found, work = result._result, (result._host.get_name(), result._task._uuid)
        if self.table is None or "progress" not in found or "finished" not in found:
            super().v2_runner_item_on_ok(result)
            return
        if found["finished"]:
            self.table.works.pop(work, None)
            super().v2_runner_item_on_ok(result)
            return
        what = self.names.get(work[1], "")
        since = self.table.works.get(work, ("", "", time.monotonic()))[2]
        self.table.works[work] = (what, str(found["progress"]), since)
        self.table.draw()

    def v2_runner_item_on_failed(self, result: Any) -> None:
        """A work that failed is a row no longer."""
        self._end(result)
        super().v2_runner_item_on_failed(result)

    def v2_runner_on_ok(self, result: Any) -> None:
        """The task has ended on this host."""
        self._end(result)
        super().v2_runner_on_ok(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """The task has failed on this host."""
        self._end(result)
        super().v2_runner_on_failed(result, ignore_errors)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Nothing is known of this host any more."""
        self._end(result)
        super().v2_runner_on_unreachable(result)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Nothing is in progress any more."""
        if self.table is not None:
            self.table.works.clear()
        super().v2_playbook_on_stats(stats)

    def _end(self, result: Any) -> None:
        if self.table is not None:
            self.table.works.pop((result._host.get_name(), result._task._uuid), None)
