#!/usr/bin/env python3
"""Make an environment with the locked LiteLLM for tests that ask the real one, and print its Python.

It is kept beside the other downloads, named by the lock and the interpreter; every wheel is checked against the lock's
hashes. Runs with the Python of the venv.
"""

from __future__ import annotations

import pathlib
import sys

from locked_venv import locked_venv
from toolcache import ROOT, run

TOOLS = pathlib.Path(__file__).resolve().parent


def main() -> None:
    """Print the Python of the environment, made now if this lock's was never made."""
    wheels = run(sys.executable, str(TOOLS / "wheelhouse.py")).strip()
    venv = locked_venv("litellm", ROOT / "roles/litellm/files/litellm.lock", "--no-index", "--find-links", wheels)
    print(venv / "bin/python")


if __name__ == "__main__":
    main()
