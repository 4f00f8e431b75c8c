"""docs/adding-a-service.md: a service is a row and a role. A copy of the collection gets both from the page."""

import os
import re
import shutil
import subprocess

import pytest
from fleet import INVENTORY, PROJECT, Run, play

PAGE = (PROJECT / "docs" / "adding-a-service.md").read_text()
URL = "http://127.0.0.1:7007/index.html"
NOT_COPIED = shutil.ignore_patterns(".git", ".cache", ".venv*", "build", "tests", "molecule", "__pycache__")


def block(language):
    """The page's code in a language."""
    return re.search(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[1]


@pytest.fixture(scope="module")
def with_hello(tmp_path_factory):
    """Runs a playbook of a collection that has the page's row and role."""
    folder = tmp_path_factory.mktemp("collections")
    ours = folder / "ansible_collections" / "lab" / "ai_backend"
    shutil.copytree(PROJECT, ours, ignore=NOT_COPIED)
    others = PROJECT / ".cache" / "collections" / "ansible_collections" / "community"
    shutil.copytree(others, ours.parents[1] / "community")
    (ours / "plugins/plugin_utils/plan/services/hello.py").write_text(block("python"))
    (ours / "roles/hello/tasks").mkdir(parents=True)
    (ours / "roles/hello/tasks/main.yml").write_text(f"---\n{block('yaml')}")

    def run(playbook, *arguments):
        words = ["ansible-playbook", "-i", str(INVENTORY), f"lab.ai_backend.{playbook}", *arguments]
        environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(folder)}
        environment |= {"ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg")}
        done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        return Run(done.returncode, done.stdout + done.stderr)

    yield run
    assert play("deploy").code == 0


def test_the_service_is_applied_and_shown(with_hello, gateway):
    first = with_hello("deploy")
    assert first.code == 0, first.output
    assert gateway.fetch(URL, "").stdout.strip() == "hello from gpu1"
    again = with_hello("deploy")
    assert (again.code, again.changed) == (0, 0), again.output
    status = play("status")
    assert re.search(r"gpu1 +hello +active", status.output), status.output


def test_tags_choose_it(with_hello, gateway):
    gateway.run("systemctl stop ai-backend-hello.service")
    others = with_hello("deploy", "--tags", "redis")
    assert (others.code, others.changed) == (0, 0), others.output
    chosen = with_hello("deploy", "--tags", "hello")
    assert chosen.code == 0, chosen.output
    assert gateway.fetch(URL, "").stdout.strip() == "hello from gpu1"


def test_it_is_retired_and_comes_back_with_a_rollback(with_hello, gateway):
    gone = play("deploy")
    assert gone.code == 0, gone.output
    assert gateway.host.run("systemctl is-active ai-backend-hello.service").stdout.strip() != "active"
    assert not gateway.host.file("/opt/ai-backend/instances/hello").exists
    back = play("rollback")
    assert back.code == 0, back.output
    assert gateway.fetch(URL, "").stdout.strip() == "hello from gpu1"


@pytest.mark.parametrize("role", ["edge", "llama_cpp", "ollama", "redis", "litellm", "vllm"])
def test_the_play_in_a_roles_readme_runs_in_check_mode(role):
    words = ["ansible-playbook", "-i", str(INVENTORY), "--check", str(PROJECT / f"roles/{role}/examples/play.yml")]
    done = subprocess.run(words, cwd=PROJECT, env=os.environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
