# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the exporter writes, as Prometheus' own tool reads it."""

from __future__ import annotations

import json
import subprocess

from ansible_collections.lab.ai_backend.plugins.module_utils.measuring.families import Family, Histogram, exposition
from ansible_collections.lab.ai_backend.plugins.module_utils.measuring.tally import Tally

RECORD = {
    "time": "2026-11-30T12:00:00.250Z",
    "client": "lab",
    "model": 'a "model" with \\ and\na line',
    "provider": "fast",
    "status": 200,
    "ttft_ms": 300.0,
    "duration_ms": 2300.0,
    "overhead_ms": 12.0,
    "stream": True,
    "tokens_in": 10,
    "tokens_out": 20,
    "cost": 0.5,
    "fallbacks": [{"provider": "slow", "deployment": "x", "reason": "timeout"}],
}


def checked(text: str) -> tuple[int, str]:
    done = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_prometheus_reads_and_lints_all_that_the_record_adds_up_to() -> None:
    tally = Tally(["best"], ["fast"], 5)
    tally.take(json.dumps(RECORD))
    assert checked(exposition(tally.families())) == (0, "")


def test_a_text_that_is_none_is_refused() -> None:
    wrong = Family("no name", "gauge", "About.")
    wrong.set(1)
    assert checked(exposition([wrong]))[0] != 0


def test_buckets_add_up() -> None:
    odd = Histogram("odd_seconds", "About.", (1.0, 2.0))
    for value in (0.5, 1.5, 9.0):
        odd.observe(value)
    text = exposition([odd])
    assert checked(text) == (0, "")
    assert [line.rpartition(" ")[2] for line in text.splitlines() if "bucket" in line] == ["1", "2", "3"]
