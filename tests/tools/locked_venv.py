#!/usr/bin/env python3
"""Make a virtual environment from a hash lock, and print its folder. Usage: locked_venv.py NAME LOCK

Kept in the cache, named by the lock and the interpreter that runs this; made once. Needs only the standard library,
because it makes the environment that everything else runs in.
"""

from __future__ import annotations

import pathlib
import shutil
import sys

from toolcache import PIP, cache_dir, key_of, only_one, run, say

# A lock names every package. Resolving it again lets pip find a newer one and stop (pip < 24 does where a package asks
# for another with an extra), so pip is told to look at nothing else, and asked afterwards whether all fits.
INSTALL = (*PIP, "install", "-q", "--no-deps", "--require-hashes", "--only-binary", ":all:")
CHECK = (*PIP, "check")


def install(python: pathlib.Path, lock: pathlib.Path, *options: str) -> None:
    """Install what the lock names, and nothing else, into the environment of that Python."""
    run(str(python), *INSTALL, *options, "-r", str(lock))
    run(str(python), *CHECK)


def locked_venv(name: str, lock: pathlib.Path, *options: str) -> pathlib.Path:
    """The environment's folder, made now if this lock's was never made; options go to pip."""
    venv = cache_dir() / f"{name}-{key_of(sys.version, sys.base_prefix, lock.read_bytes())}"
    with only_one(name):
        if not (venv / ".complete").exists():
            say(f"making {name} with Python {sys.version.split()[0]} from {lock.name}")
            shutil.rmtree(venv, ignore_errors=True)
            run(sys.executable, "-m", "venv", str(venv))
            install(venv / "bin/python", lock, *options)
            (venv / ".complete").touch()
    return venv


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    print(locked_venv(sys.argv[1], pathlib.Path(sys.argv[2])))


if __name__ == "__main__":
    main()
