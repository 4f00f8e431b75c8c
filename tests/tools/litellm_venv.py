#!/usr/bin/env python3
"""Make an environment with the locked LiteLLM for tests that ask the real one, and print its Python.

It is kept beside the other downloads, named by the lock and the interpreter; every wheel is checked against the lock's
hashes. Runs with the Python of the venv.
"""

from __future__ import annotations

import pathlib
import shutil
import sys

from toolcache import ROOT, cache_dir, key_of, only_one, run, say

TOOLS = pathlib.Path(__file__).resolve().parent


def main() -> None:
    """Print the Python of the environment, made now if this lock's was never made."""
    lock = ROOT / "roles/litellm/files/litellm.lock"
    venv = cache_dir() / f"litellm-{key_of(lock.read_bytes(), sys.version, sys.base_prefix)}"
    python = venv / "bin/python"
    with only_one("litellm-venv"):
        if not (venv / ".complete").exists():
            wheels = run(sys.executable, str(TOOLS / "wheelhouse.py")).strip()
            say("making the environment with the locked LiteLLM")
            shutil.rmtree(venv, ignore_errors=True)
            run(sys.executable, "-m", "venv", str(venv))
            options = ["-q", "--disable-pip-version-check", "--no-index", "--find-links", wheels, "--require-hashes"]
            run(str(python), "-m", "pip", "install", *options, "-r", str(lock))
            (venv / ".complete").touch()
    print(python)


if __name__ == "__main__":
    main()
