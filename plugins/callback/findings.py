# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The callback lab.ai_backend.findings; documented in findings.yml."""

from __future__ import annotations

import atexit
import json
import sys
from typing import Any

from ansible import context
from ansible.plugins.callback import CallbackBase

from ..plugin_utils.guard import unreadable

# The facts that contain findings, see roles/plan and roles/look.
REPORT = "ai_backend_report"
LIVE = "ai_backend_live_findings"


class CallbackModule(CallbackBase):
    """One JSON document on standard output; errors that are not findings go to standard error."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "lab.ai_backend.findings"

    def __init__(self) -> None:
        super().__init__()
        self.report: dict[str, Any] | None = None
        self.live: list[dict[str, Any]] = []
        self.finished = False

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Also report when Ansible stops before the first task, for example if a file of variables is not YAML."""
        atexit.register(self._gave_up, [*(context.CLIARGS.get("inventory") or ()), playbook._basedir])

    def _gave_up(self, places: list[str]) -> None:
        if not self.finished:
            self._print(unreadable(places))

    def v2_runner_on_ok(self, result: Any) -> None:
        """Keep the facts with findings."""
        facts = result._result.get("ansible_facts") or {}
        if REPORT in facts:
            self.report = facts[REPORT]
        self.live += facts.get(LIVE) or []

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Report a failure on standard error, unless its findings are in the document anyway."""
        wrong = [*(self.report["findings"] if self.report else []), *self.live]
        refused = any(row["severity"] == "critical" for row in wrong)
        if not ignore_errors and not refused:
            self._complain(result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Report on standard error which host could not be reached."""
        self._complain(result)

    def _complain(self, result: Any) -> None:
        print(f"{result._host.get_name()}: {result._result.get('msg', 'failed')}", file=sys.stderr)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Print the document."""
        if self.report is not None:
            self._print(self.report)

    def _print(self, report: dict[str, Any]) -> None:
        self.finished = True
        findings = [*report["findings"], *self.live]
        counts = {word: sum(row["severity"] == word for row in findings) for word in ("critical", "warning")}
        print(json.dumps({**report, **counts, "findings": findings}, indent=2, ensure_ascii=False))
