#!/usr/bin/env python3
"""Write the hash locks anew. No lock takes a release younger than a week, or one that requirements/denied.toml names.

What a source leaves out of what its packages ask for is in a file of the same name with the ending `.excludes`.

A malicious release is usually found within days. The age is the upload time that the package index gives; an index
that gives none is named, and then nobody has checked it.

Usage: lock.py [--upgrade] [--days=7] [SOURCE…], for example requirements/litellm.in; without a source all of them.
"""

from __future__ import annotations

import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from failures import explained
from locks import LOCKS, denied_releases, pins_of, refused
from toolcache import ROOT, say

DAYS = 7
COMPILE = ("pip", "compile", "--no-config", "--universal", "--python-version", "3.11", "--generate-hashes")
QUIET = ("--no-emit-index-url", "--custom-compile-command", "make lock")
NO_TIME = re.compile(r"`([^`]+)` is missing an upload date")


def compiled(argv: list[str], days: int) -> tuple[int, str]:
    """uv's exit code and its words; with days, younger releases are not taken."""
    older = ["--exclude-newer", f"{days} days"] if days else []
    uv = shutil.which("uv", path=str(pathlib.Path(sys.executable).parent)) or "uv"
    done = subprocess.run(
        [uv, *COMPILE, *QUIET, *argv, *older], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False
    )
    return done.returncode, done.stderr.decode("utf-8", "replace")


def make(source: str, lock: str, follows: str, days: int, upgrade: bool) -> str:
    """The text of a lock, made next to the one that is there; ends the program where it can't be made."""
    with tempfile.TemporaryDirectory() as folder:
        made = pathlib.Path(folder, pathlib.Path(lock).name)
        if (ROOT / lock).exists():
            # uv keeps the versions of the lock that it writes over.
            shutil.copy(ROOT / lock, made)
        excludes = pathlib.PurePath(source).with_suffix(".excludes")
        argv = [source, "-o", str(made), *(["-c", follows] if follows else []), *(["--upgrade"] if upgrade else [])]
        argv += ["--excludes", str(excludes)] if (ROOT / excludes).exists() else []
        code, words = compiled(argv, days)
        timeless = sorted(set(NO_TIME.findall(words)))
        if timeless:
            say(
                f"the package index gives no upload time for {timeless[0]} and {len(timeless) - 1} more files: "
                f"nobody has checked whether {lock} takes a release younger than {days} days"
            )
            code, words = compiled(argv, 0)
        if code:
            sys.exit(f"lock: {lock} can't be made: {explained(words) or words.strip()}")
        return made.read_text()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--upgrade", action="store_true", help="take newer versions")
    parser.add_argument("--days", type=int, default=DAYS, help="youngest age of a release; 0 for an urgent fix")
    parser.add_argument("sources", nargs="*", metavar="SOURCE", help="default: all")
    options = parser.parse_args()
    for source in options.sources or LOCKS:
        lock, follows = LOCKS[source]
        text = make(source, lock, follows, options.days, options.upgrade)
        if lines := list(refused(pins_of(text), denied_releases())):
            sys.exit("\n".join(f"lock: {lock} was not written: {line}" for line in lines))
        (ROOT / lock).write_text(text)


if __name__ == "__main__":
    main()
