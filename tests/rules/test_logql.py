# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The expressions of the dashboard of logs, in the grammar of Grafana's own editor. Loki itself is not run."""

from __future__ import annotations

import json
import subprocess

from node_modules import SOURCE, node_modules

from toolcache import ROOT

BOARD = ROOT / "roles/grafana/files/dashboards/logs.json"


def refused(expressions: dict[str, str]) -> dict[str, str]:
    """{name: where the grammar stops} of those that it does not take."""
    words = ("node", "--input-type=module", "-e", (SOURCE / "logql.js").read_text())
    done = subprocess.run(
        words, input=json.dumps(expressions), text=True, capture_output=True, check=True, cwd=node_modules()
    )
    return dict(json.loads(done.stdout))


def expressions() -> dict[str, str]:
    """Of all panels, filled in as Grafana does it."""
    panels = [panel for panel in json.loads(BOARD.read_text())["panels"] if panel["datasource"]["type"] == "loki"]
    return {
        f"{panel['title']} {target['refId']}": target["expr"].replace("$__interval", "1m").replace("$__auto", "1m")
        for panel in panels
        for target in panel["targets"]
    }


def test_the_grammar_takes_what_the_panels_ask() -> None:
    assert len(expressions()) == 3
    assert refused(expressions()) == {}


def test_the_grammar_refuses_what_is_wrong() -> None:
    wrong = {
        "no selector": "sum by (error) (rate(| json [1m]))",
        "an open brace": '{job="requests" | json',
        "a word for a pipe": '{job="requests"} json',
    }
    assert set(refused(wrong)) == set(wrong)
