#!/usr/bin/env python3
"""Make an environment with the locked llama-cpp-python, and print its Python, which runs the real server.

The package index has only its source. A build takes a quarter of an hour of one core, so it is made once and kept in
the cache. With `--made` nothing is built: it prints the Python only if it is there, and ends with 3 if it is not. A
library of another build does not fit: the structures that both sides share change with each month of llama.cpp.

Needs cmake, ninja and a C++ compiler. Runs with the Python of the venv.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import sys
import tempfile

from llama_source import download

from toolcache import PIP, ROOT, cache_dir, key_of, only_one, run, say
from wheelhouse import lines_for

FILES = ROOT / "roles" / "llama_cpp_python" / "files"
LOCK, BUILD_LOCK = FILES / "llama-cpp-python.lock", FILES / "llama-cpp-python-build.lock"
INSTALL = (*PIP, "install", "-q", "--no-deps", "--require-hashes", "--only-binary", ":all:")
PACKAGE = "llama-cpp-python"
NOT_MADE = 3


def pin() -> tuple[str, str]:
    """(version, sha256) of the source package in the lock."""
    words = LOCK.read_text().partition(f"{PACKAGE}==")[2].split()
    return words[0], words[2].removeprefix("--hash=sha256:")


def environment() -> pathlib.Path:
    """The folder of the environment, whether or not it was made."""
    return (
        cache_dir() / f"llama-python-{key_of(LOCK.read_bytes(), BUILD_LOCK.read_bytes(), sys.version, sys.base_prefix)}"
    )


def make(folder: pathlib.Path) -> None:
    """As roles/llama_cpp_python does it on a host."""
    python = str(folder / "bin" / "python")
    shutil.rmtree(folder, ignore_errors=True)
    run(sys.executable, "-m", "venv", str(folder))
    run(python, *INSTALL, "-r", str(BUILD_LOCK))
    pins = folder / "pins.txt"
    pins.write_text(lines_for(LOCK.read_text(), sys.version.split()[0]))
    os.environ["CMAKE_ARGS"] = "-DLLAVA_BUILD=OFF -DLLAMA_OPENSSL=OFF"
    say("building llama-cpp-python: a quarter of an hour of one core")
    run(python, *INSTALL, "--no-binary", PACKAGE, "--no-build-isolation", "-r", str(pins))
    (folder / ".complete").touch()


def packages(suite: str) -> pathlib.Path:
    """A folder with all that a host of a suite needs for the build besides its distribution's packages."""
    final = cache_dir() / f"llama-python-packages-{key_of(LOCK.read_bytes(), BUILD_LOCK.read_bytes(), suite)}"
    with only_one("llama-python-packages"):
        if not final.exists():
            with tempfile.TemporaryDirectory(dir=cache_dir()) as tmp:
                found = pathlib.Path(tmp, "packages")
                found.mkdir(mode=0o755)
                wheels = LOCK.read_text()
                start = wheels.index(f"{PACKAGE}==")
                # Its own lines end where the next package begins.
                end = wheels.index("\n", wheels.index("# via", start)) + 1
                lock = pathlib.Path(tmp, "wheels.lock")
                lock.write_text(wheels[:start] + wheels[end:] + BUILD_LOCK.read_text())
                os.environ["SUITES"] = suite
                fetched = run(sys.executable, str(ROOT / "tests/tools/wheelhouse.py"), str(lock)).strip()
                shutil.copytree(fetched, found, dirs_exist_ok=True)
                download(*pin(), found)
                (found / "pin.txt").unlink()
                found.rename(final)
    return final


def main() -> int:
    """Print the Python."""
    folder = environment()
    with only_one("llama-python"):
        if not (folder / ".complete").exists():
            if "--made" in sys.argv:
                return NOT_MADE
            make(folder)
    print(folder / "bin" / "python")
    return 0


if __name__ == "__main__":
    sys.exit(main())
