#!/usr/bin/env python3
"""Fetch the wheels of a lock for the test hosts, and print the folder that holds them.

Tests mount the folder read-only into their hosts, which then build the environment without a network. The
Python of each suite of $SUITES (default: all of them) is meant, on this machine's processor; every wheel is checked
against the lock's hashes. Runs with the Python of the venv.

Usage: wheelhouse.py [LOCK], by default the gateway's.
"""

from __future__ import annotations

import os
import pathlib
import re
import sys
import tempfile

from packaging.requirements import Requirement

from toolcache import ROOT, cache_dir, key_of, only_one, pip_download, say

LOCK = ROOT / "roles/litellm/files/litellm.lock"
PYTHONS = {"bookworm": "3.11.2", "trixie": "3.13.5"}
GLIBCS = (17, 24, 27, 28, 31, 34, 36)  # of the manylinux tags that both take


def lines_for(lock: str, python: str) -> str:
    """The pins of a universal lock that hold on a Debian with that Python, without their markers.

    pip judges markers by the Python it runs with, also when it downloads for another one.
    """
    environment = {
        "implementation_name": "cpython",
        "platform_machine": os.uname().machine,
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": python,
        "python_version": python.rpartition(".")[0],
        "sys_platform": "linux",
    }
    kept = []
    for pin in re.split(r"^(?=\w)", re.sub(r"^ *#.*\n", "", lock, flags=re.M), flags=re.M):
        head, _, hashes = pin.partition(" \\\n")
        if not head.strip():
            continue
        requirement = Requirement(head)
        if requirement.marker is None or requirement.marker.evaluate(environment):
            requirement.marker = None
            kept.append(f"{requirement} \\\n{hashes}")
    return "".join(kept)


def main() -> None:
    """Print the folder, filled now if this lock's wheels were never fetched."""
    file = pathlib.Path(sys.argv[1] if sys.argv[1:] else LOCK)
    lock = file.read_text()
    machine = os.uname().machine
    pythons = [PYTHONS[suite] for suite in os.environ.get("SUITES", " ".join(PYTHONS)).split()]
    final = cache_dir() / f"wheelhouse-{key_of(pathlib.Path(__file__).read_bytes(), lock, machine, *pythons)}"
    with only_one("wheelhouse"):
        if not final.exists():
            with tempfile.TemporaryDirectory(dir=cache_dir()) as tmp:
                wheels, pins = pathlib.Path(tmp, "wheels"), pathlib.Path(tmp, "pins.txt")
                wheels.mkdir(mode=0o755)
                for python in pythons:
                    say(f"fetching the wheels of {file.name} for Python {python}")
                    pins.write_text(lines_for(lock, python))
                    tags = [t for g in GLIBCS for t in ("--platform", f"manylinux_2_{g}_{machine}")]
                    tags += ["--platform", f"manylinux2014_{machine}", "--python-version", python]
                    pip_download(str(wheels), "--no-deps", "--require-hashes", *tags, "-r", str(pins))
                wheels.rename(final)
    print(final)


if __name__ == "__main__":
    main()
