"""What stands in the way on a user's machine is one line that names the way out, before anything is downloaded."""

from __future__ import annotations

import os
import pathlib
import socket
import subprocess
import sys

import pytest

from toolcache import ROOT

BOOTSTRAP = ROOT / "tests" / "tools" / "bootstrap"
DEMO = ROOT / "tests" / "demo" / "demo.py"
# A machine where the command says this: what it is called, and its lines.
DOCKER_OF_OTHERS = 'echo "permission denied while trying to connect to the Docker daemon socket" >&2; exit 1'
NOBODY_SPECIAL = "case $1 in -u) echo 1000 ;; *) echo lab ;; esac"


def said(folder: pathlib.Path, *argv: str | pathlib.Path, path: str = "", **environment: str) -> tuple[int, str]:
    """(exit code, all that was said) of a command on a machine whose own commands stand in folder/bin."""
    given = {"AI_BACKEND_CACHE": str(folder / "cache"), "PATH": f"{folder}/bin:{path or os.environ['PATH']}"}
    done = subprocess.run(
        argv, env={**os.environ, **given, **environment}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    return done.returncode, done.stdout.decode()


def command(folder: pathlib.Path, name: str, lines: str) -> None:
    """A command of that machine."""
    (folder / "bin").mkdir(exist_ok=True)
    (folder / "bin" / name).write_text(f"#!/bin/bash\n{lines}\n")
    (folder / "bin" / name).chmod(0o755)


def test_docker_is_there_but_not_for_this_user(tmp_path: pathlib.Path) -> None:
    command(tmp_path, "docker", DOCKER_OF_OTHERS)
    command(tmp_path, "id", NOBODY_SPECIAL)
    code, text = said(tmp_path, BOOTSTRAP, "docker")
    assert code == 1
    assert text.splitlines() == [
        "bootstrap: Docker runs here, but not for lab: `sudo usermod -aG docker lab` and log in anew, "
        "or run this as root"
    ]


@pytest.mark.parametrize(
    ("sudo", "words"),
    [
        ("", "installing docker.io iptables needs root, and there is no sudo here: run this as root"),
        ("exit 1", "installing docker.io iptables needs root, and sudo would ask for a password: `sudo -v` first"),
    ],
)
def test_packages_are_needed_and_sudo_does_not_help(tmp_path: pathlib.Path, sudo: str, words: str) -> None:
    needed = ["bash", "cat", "cut", "dirname", "env", "grep", "mkdir", "python3", "readlink", "sed", "tail", "apt-get"]
    for name in needed:
        found = subprocess.run(["which", name], capture_output=True, text=True, check=True).stdout.strip()
        command(tmp_path, name, f'exec {found} "$@"')
    command(tmp_path, "id", NOBODY_SPECIAL)
    if sudo:
        command(tmp_path, "sudo", sudo)
    code, text = said(tmp_path, "/bin/bash", BOOTSTRAP, "docker", path="/nowhere")
    assert code == 1
    assert f"bootstrap: {words}" in text


def test_too_little_space_is_said_before_anything_is_fetched(tmp_path: pathlib.Path) -> None:
    command(tmp_path, "df", 'printf "Avail\\n700\\n"')
    code, text = said(tmp_path, BOOTSTRAP, "demo-space")
    assert code == 1
    assert f"needs up to 800 MB below {tmp_path}/cache, 700 MB are free" in text
    assert f"too little space below {tmp_path}/cache: make room, or name another folder (AI_BACKEND_CACHE=…)" in text


def test_the_demos_port_is_taken(tmp_path: pathlib.Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, text = said(tmp_path, sys.executable, DEMO, "check", DEMO_PORT=port, path="/nowhere")
    assert (code, text.count("\n")) == (1, 1)
    assert f"port {port} can't be had (Address already in use): choose another, DEMO_PORT=4100 make demo" in text


def test_a_proxy_on_loopback_is_out_of_the_containers_reach(tmp_path: pathlib.Path) -> None:
    free = {"DEMO_PORT": "0", "HTTPS_PROXY": "http://127.0.0.1:3128"}
    code, text = said(tmp_path, sys.executable, DEMO, "check", **free)
    assert (code, text.count("\n")) == (1, 1)
    assert "HTTPS_PROXY names a proxy on 127.0.0.1, which the demo's container can't reach" in text


def test_what_can_not_be_fetched_ends_the_target(tmp_path: pathlib.Path) -> None:
    """`eval "$(tests/tools/bootstrap env)"` went on with nothing when bootstrap failed."""
    bootstrap = tmp_path / "tests" / "tools" / "bootstrap"
    bootstrap.parent.mkdir(parents=True)
    bootstrap.write_text('#!/bin/sh\n[ "$1" != env ] || { echo "bootstrap: no index" >&2; exit 1; }\n')
    bootstrap.chmod(0o755)
    command(tmp_path, "python", 'echo "$@ was started"')
    code, text = said(tmp_path, "make", "--file", str(ROOT / "Makefile"), "--directory", str(tmp_path), "demo")
    assert code != 0
    assert "bootstrap: no index" in text
    assert "demo.py up was started" not in text
    assert "demo.py check was started" in text
