#!/usr/bin/env python3
"""From an empty host to the first answer: by the playbook, and beside it by one plain shell script.

The script makes the same installs (same packages, archive, lock, model) and starts the same services on the same kind
of fresh host, with none of the checks, users, units or ways back. Their ratio is the figure.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import time

import httpx
from bench_host import ADDRESS, CONTAINER, ROOT, Clock, empty_host, play

sys.path.insert(0, str(ROOT / ".cache" / "collections"))
from ansible_collections.lab.ai_backend.plugins.modules.tiny_model import build

SCRIPT = pathlib.Path(__file__).with_name("plain_install.sh")
PLAIN_KEY = "sk-bench-plain-script"  # pragma: allowlist secret
DEADLINE = 600


def first_answer(key: str) -> None:
    """Ask until there is an answer; a host that gives none within the deadline ends the program."""
    end = time.monotonic() + DEADLINE
    body = {"model": "lab-tiny", "max_tokens": 4, "messages": [{"role": "user", "content": "first"}]}
    headers = {"Authorization": f"Bearer {key}"}
    while time.monotonic() < end:
        try:
            url = f"http://{ADDRESS}:4000/v1/chat/completions"
            if httpx.post(url, json=body, headers=headers, timeout=30).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    sys.exit(f"no answer within {DEADLINE} s")


def by_playbook() -> float:
    """Seconds from an empty host to the first answer."""
    with empty_host() as secrets:
        clock = Clock()
        play("playbooks/deploy.yml")
        first_answer((secrets / "LITELLM_MASTER_KEY").read_text().strip())
        return clock.wall


def by_script(folder: pathlib.Path) -> float:
    """The same by hand."""
    archive = os.environ["AI_BACKEND_LLAMA_ARCHIVE_URL"].removeprefix("file://")
    (folder / "lab-tiny.gguf").write_bytes(build())
    lock = ROOT / "roles" / "litellm" / "files" / "litellm.lock"
    with empty_host():
        clock = Clock()
        for source, name in (
            (archive, "llama.tar.gz"),
            (folder / "lab-tiny.gguf", "lab-tiny.gguf"),
            (lock, "litellm.lock"),
            (SCRIPT, "install.sh"),
        ):
            subprocess.run(["docker", "cp", "-q", str(source), f"{CONTAINER}:/root/{name}"], check=True)
        subprocess.run(["docker", "exec", CONTAINER, "sh", "/root/install.sh", PLAIN_KEY], check=True)
        first_answer(PLAIN_KEY)
        return clock.wall


def main() -> None:
    """Measure pairs, one after the other, and print the median of their ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=3, help="measured pairs (default 3)")
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path(os.environ.get("TMPDIR", "/tmp")))
    arguments = parser.parse_args()
    pairs = []
    for index in range(arguments.pairs):
        pairs.append((by_playbook(), by_script(arguments.folder)))
        print(f"pair {index + 1}: playbook {pairs[-1][0]:.1f} s, script {pairs[-1][1]:.1f} s", flush=True)
    ours, plain = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"cold_playbook: {ours:.1f} s")
    print(f"cold_script: {plain:.1f} s")
    print(f"cold_ratio: {statistics.median(a / b for a, b in pairs):.2f} playbook/script")


if __name__ == "__main__":
    main()
