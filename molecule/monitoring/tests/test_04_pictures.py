"""Each dashboard as a picture of this host's data, for people to look at: build/dashboards/*.png."""

import json
import shutil
import subprocess
import sys

import pytest
from fleet import PROJECT
from watching import PROMETHEUS

sys.path.insert(0, str(PROJECT / "tests/tools"))
from dashboard_page import page
from node_modules import node_modules

BOARDS = sorted((PROJECT / "roles/grafana/files/dashboards").glob("*.json"))
FOLDER = PROJECT / "build/dashboards"
MINUTES = 30
# A little wider than the page, and Grafana's height of a row.
WIDTH, ROW = 1472, 38


@pytest.fixture(scope="module")
def browser():
    found = shutil.which("chromium")
    if not found:
        pytest.fail("there is no browser: tests/tools/bootstrap chromium")
    return found


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_a_dashboard_can_be_looked_at(watch, browser, tmp_path, path):
    board = json.loads(path.read_text())
    ask = lambda where: watch.get(PROMETHEUS + where)["data"]  # noqa: E731
    FOLDER.mkdir(parents=True, exist_ok=True)
    made, picture = tmp_path / "page.html", FOLDER / f"{path.stem}.png"
    made.write_text(page(board, ask, watch.now(), MINUTES, node_modules() / "node_modules/uplot"))
    height = 80 + ROW * max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in board["panels"])
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-background-networking")
    words = [browser, *flags, f"--user-data-dir={tmp_path}/profile", f"--window-size={WIDTH},{height}"]
    done = subprocess.run([*words, "--dump-dom", made.as_uri()], capture_output=True, text=True, check=True, timeout=60)
    assert f"{board['title']} (drawn)</title>" in done.stdout, done.stderr
    subprocess.run([*words, f"--screenshot={picture}", made.as_uri()], check=True, timeout=60, capture_output=True)
    assert picture.stat().st_size > 10_000
