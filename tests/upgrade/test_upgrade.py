"""A host that an older state of the collection deployed is taken over by this one while clients ask, and brought back.

The older state comes out of the repository's own history. What changes between the two is whatever changed: the
engine's release, the gateway's, the shape of what lies on the host.
"""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
import yaml
from traffic import Traffic, steady_traffic

from toolcache import ROOT

HERE = pathlib.Path(__file__).resolve().parent
# The first state that users may have: from here on hosts must be taken over.
OLDER = "4421085"
LOCK = "roles/litellm/files/litellm.lock"
URL = "http://198.18.45.11:4000"
# One name at a time is asked; the engine is the only one, so its own restart is what a client would notice.
RATE = 5
# Its lock names other wheels than today's.
WHEELS = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/mnt/older"}
RECAP = re.compile(r"^gpu1 +: ok=\d+ +changed=(\d+) +unreachable=0 +failed=0", re.MULTILINE)


class Collection:
    """A checkout that playbooks are run from."""

    def __init__(self, checkout: pathlib.Path, collections: pathlib.Path) -> None:
        self.checkout, self.collections = checkout, collections

    def play(self, path: str, *arguments: str) -> int:
        """Run a playbook against the host. Returns how many tasks changed something."""
        command = [str(pathlib.Path(sys.executable).with_name("ansible-playbook")), "-i", str(HERE / "inventory")]
        environment = {
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(self.collections),
            "ANSIBLE_CONFIG": str(self.checkout / "ansible.cfg"),
        }
        done = subprocess.run(
            [*command, path, *arguments],
            cwd=self.checkout,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        recap = RECAP.search(done.stdout)
        return int(recap[1]) if recap else 0


NOW = Collection(ROOT, ROOT / ".cache" / "collections")


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    """The older state, and the collections of others beside it."""
    collections = tmp_path_factory.mktemp("older")
    checkout = collections / "ansible_collections" / "lab" / "ai_backend"
    checkout.mkdir(parents=True)
    archive = subprocess.run(["git", "-C", ROOT, "archive", OLDER], capture_output=True, check=False)
    assert archive.returncode == 0, f"the history lacks {OLDER}: `git fetch --unshallow`; {archive.stderr.decode()}"
    subprocess.run(["tar", "-C", checkout, "-xf-"], input=archive.stdout, check=True)
    for other in ("ansible", "community"):
        here = ROOT / ".cache" / "collections" / "ansible_collections" / other
        (collections / "ansible_collections" / other).symlink_to(here)
    return Collection(checkout, collections)


@pytest.fixture(scope="module")
def traffic(older: Collection, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traffic]:
    """Requests to the host that the older state deployed."""
    folder = tmp_path_factory.mktemp("controller")
    os.environ["AI_BACKEND_UPGRADE_FOLDER"] = str(folder)
    tool = [sys.executable, str(ROOT / "tests/tools/wheelhouse.py"), str(older.checkout / LOCK)]
    wheels = subprocess.run(tool, env={**os.environ, "SUITES": "trixie"}, capture_output=True, text=True, check=True)
    os.environ["AI_BACKEND_OLDER_WHEELHOUSE"] = wheels.stdout.strip()
    NOW.play("molecule/shared/destroy.yml")
    NOW.play("molecule/shared/create.yml")
    # Names that the older state alone reads, and a gateway with no keys but those that it knows.
    shipped = yaml.safe_load((ROOT / "group_vars" / "all" / "gateway.yml").read_text())
    older.play("playbooks/deploy.yml", "-e", json.dumps({"litellm_pip_environment": WHEELS, **shipped}))
    key = (folder / "secrets" / "LITELLM_MASTER_KEY").read_text().strip()
    with steady_traffic(URL, key, rate=RATE, streams=0) as running:
        yield running
    NOW.play("molecule/shared/destroy.yml")


def lost_nothing(traffic: Traffic, at_least: int, but: int = 0) -> None:
    seen = traffic.report()["requests"]
    assert seen["sent"] >= at_least
    assert seen["failed"] <= but, seen


def test_the_host_is_taken_over_and_clients_lose_nothing(traffic: Traffic) -> None:
    traffic.steady()
    assert NOW.play("playbooks/deploy.yml") > 0
    lost_nothing(traffic, at_least=10 * RATE)


def test_then_nothing_is_left_to_do(traffic: Traffic) -> None:
    assert NOW.play("playbooks/deploy.yml") == 0


def test_the_way_back_leads_to_what_the_older_state_deployed(traffic: Traffic) -> None:
    traffic.steady()
    assert NOW.play("playbooks/rollback.yml") > 0
    # The edge of the older state does not wait for an engine that loads its model, which takes a part of a second.
    lost_nothing(traffic, at_least=2 * RATE, but=RATE)


def test_and_forward_again(traffic: Traffic) -> None:
    traffic.steady()
    assert NOW.play("playbooks/deploy.yml") > 0
    lost_nothing(traffic, at_least=2 * RATE)
