"""The pages' commands, as they stand there, on a host that has nothing but a copy of the checkout.

The host gets what the pages say one must bring: an archive of llama.cpp with its sum, and a mirror. Its registry is the
shipped one, so what answers in the end is the model that the pages name.
"""

from __future__ import annotations

import functools
import os
import pathlib
import re
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator
from typing import Any

import pytest

from checkout import tracked
from pages import PAGES, Block, blocks, every_block
from toolcache import ROOT, run

HERE = pathlib.Path(__file__).resolve().parent
CONTAINER = "lab-ai-backend-documents-gpu1"
HOME = "/root/ai_backend"
# An operator's answers: the sudo password that root's sudo does not ask for, and the editor.
ENVIRONMENT = {"EDITOR": "true", "PIP_CERT": "/etc/ssl/certs/ca-certificates.crt"}
# What `source` and variables of one block mean for the next, as in one terminal.
KEEP = 'PATH="{home}/.venv/bin:$PATH"; KEY=$(cat ~/.config/lab.ai_backend/local/LITELLM_MASTER_KEY 2>/dev/null || :)\n'
GREETING = re.compile(r"hello|welcome", re.IGNORECASE)
RECAP = re.compile(r"^\S+ +: ok=.*$", re.MULTILINE)


def play(path: str) -> None:
    command = [str(pathlib.Path(sys.executable).with_name("ansible-playbook")), "-i", str(HERE / "inventory"), path]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@functools.cache
def here(script: str) -> str:
    """All that a script says in the checkout, in an environment as a user has it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "MAKE", "MFLAGS"))}
    options: dict[str, Any] = {"cwd": ROOT, "env": kept, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    done = subprocess.run(["bash", "-ec", script], text=True, check=False, **options)
    assert done.returncode == 0, done.stdout
    return str(done.stdout)


def on_host(script: str, stdin: str = "") -> str:
    """All that a script says on the host; it stops at the first command that fails."""
    options = [f"--env={name}={value}" for name, value in ENVIRONMENT.items()]
    argv = ["docker", "exec", "-i", *options, "--workdir", HOME, CONTAINER, "bash", "-o", "pipefail", "-ec", script]
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


@pytest.fixture(scope="module", autouse=True)
def host() -> Iterator[None]:
    """A newcomer's host: a Debian, the checkout, and what the pages say one must bring."""
    archive = pathlib.Path(urllib.parse.urlsplit(os.environ["AI_BACKEND_LLAMA_ARCHIVE_URL"]).path)
    os.environ["AI_BACKEND_LLAMA_FOLDER"] = str(archive.parent)
    os.environ["AI_BACKEND_MODEL_WHEEL"] = run(sys.executable, str(ROOT / "tests/tools/model_wheel.py")).strip()
    play("molecule/shared/destroy.yml")
    play("molecule/shared/create.yml")
    subprocess.run(["docker", "exec", CONTAINER, "mkdir", HOME], check=True)
    names = "\0".join(str(path.relative_to(ROOT)) for path in tracked())
    with subprocess.Popen(
        ["tar", "-C", str(ROOT), "--null", "-T-", "-cf-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as tar:
        unpack = subprocess.Popen(["docker", "exec", "-i", CONTAINER, "tar", "-C", HOME, "-xf-"], stdin=tar.stdout)
        assert tar.stdin
        tar.stdin.write(names.encode())
        tar.stdin.close()
        assert unpack.wait() == 0
    on_host("apt-get -q update && apt-get -qy install --no-install-recommends make curl python3-venv")
    brought = f"""\
llama_cpp_archive_url: file:///mnt/llama/{archive.name}
llama_cpp_archive_sha256: {os.environ["AI_BACKEND_LLAMA_ARCHIVE_SHA256"]}
ai_backend_download_environment: {{PIP_NO_INDEX: "1", PIP_FIND_LINKS: /mnt/wheelhouse /mnt/model}}
"""
    on_host("cat > group_vars/all/brought.yml", stdin=brought)
    yield
    play("molecule/shared/destroy.yml")


def told(block: Block) -> str:
    """What is said when a page's block is run as it stands: on the host, or here if it needs Docker."""
    if "make demo" in block.text:
        return here(block.text)
    text = f"python - <<'EOF'\n{block.text}EOF\n" if block.language == "python" else block.text
    return on_host(KEEP.format(home=HOME) + text, stdin="\n" * 9)


def runnable() -> list[Block]:
    """In the order in which a newcomer comes to them."""
    return [b for page in PAGES for b in blocks(page) if b.language in ("sh", "python") and not b.reason]


@pytest.mark.parametrize("block", runnable(), ids=lambda block: block.place)
def test_a_command_runs_as_it_stands(block: Block, request: pytest.FixtureRequest) -> None:
    said = told(block)
    for recap in RECAP.findall(said):
        assert "unreachable=0" in recap and "failed=0" in recap
    assert bool(RECAP.search(said)) == ("ansible-playbook" in block.text or "make demo" in block.text)


def test_the_demo_speaks_english() -> None:
    """Its answer was noise: a newcomer could not see that anything worked."""
    (demo,) = [block for block in blocks("README.md") if "make demo" in block.text]
    said = told(demo)
    assert len(re.findall(rf"^  (answer|streamed) +.*({GREETING.pattern})", said, re.MULTILINE | re.IGNORECASE)) == 2


def test_the_endpoint_answers_in_words() -> None:
    (asked,) = [b for b in blocks("docs/quick-start.md") if "chat/completions" in b.text]
    assert GREETING.search(told(asked))


def test_after_all_that_nothing_is_left_to_do() -> None:
    said = on_host(KEEP.format(home=HOME) + "ansible-playbook playbooks/deploy.yml")
    assert re.search(r"changed=0 .*failed=0", said)


def test_what_is_not_run_says_why() -> None:
    left_out = [block for block in every_block() if block.reason]
    print(
        f"\nnot run: {len(left_out)} of {len(every_block())}", *(f"{b.place}: {b.reason}" for b in left_out), sep="\n  "
    )
    assert len(left_out) <= 2
