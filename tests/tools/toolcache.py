"""Where the tools keep what they download and build: outside the checkout, named by the hash of what went in."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import pathlib
import subprocess
import sys
from collections.abc import Iterator

from failures import explained

ROOT = pathlib.Path(__file__).resolve().parents[2]
# pip's own notice of a newer pip is no news of ours.
PIP = ("-m", "pip", "--disable-pip-version-check", "--no-input")


def cache_dir() -> pathlib.Path:
    """The cache folder, made if it is not there: $AI_BACKEND_CACHE, else lab-ai-backend in the user's cache."""
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    path = pathlib.Path(os.environ.get("AI_BACKEND_CACHE") or pathlib.Path(base) / "lab-ai-backend")
    path.mkdir(parents=True, exist_ok=True)
    return path


def key_of(*parts: bytes | str) -> str:
    """Twelve hex digits that change with any of the parts."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode() if isinstance(part, str) else part)
        digest.update(b"\0")
    return digest.hexdigest()[:12]


def sha256_of(path: pathlib.Path) -> str:
    """The sha256 of a file, in hex."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


@contextlib.contextmanager
def only_one(name: str) -> Iterator[None]:
    """Let one process at a time make the thing called name; the next one finds it made."""
    with (cache_dir() / f"{name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def run(*argv: str, cwd: str | None = None) -> str:
    """Standard output of a command; where it fails, why, or its last words, end the program."""
    done = subprocess.run(argv, text=True, capture_output=True, check=False, cwd=cwd)
    if done.returncode:
        tool = pathlib.Path(sys.argv[0]).stem
        if why := explained(done.stdout + done.stderr):
            sys.exit(f"{tool}: {why}")
        words = (done.stderr.strip() or done.stdout.strip()).splitlines()[-20:]
        sys.exit("\n".join([f"{tool}: failed: {' '.join(argv)}", *words]))
    return done.stdout


def pip_download(into: str, *what: str) -> None:
    """Fetch wheels with the pip of the running Python, configured as this machine configures pip."""
    run(sys.executable, *PIP, "download", "-q", "--only-binary", ":all:", "-d", into, *what)


def say(text: str) -> None:
    """One line of progress; standard output is for results."""
    print(f"{pathlib.Path(sys.argv[0]).stem}: {text}", file=sys.stderr)
