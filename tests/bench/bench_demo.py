"""What a first `make demo` takes: a copy of the checkout, an empty cache, no host image. Docker itself is there.

Prints what was downloaded and built, and `demo_cold: seconds` last.
"""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
IMAGES = ("lab-ai-backend-host:trixie", "lab-ai-backend-base:trixie")


def copy_of_the_checkout(folder: pathlib.Path) -> None:
    """What git would commit."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name, follow_symlinks=False)


def megabytes(path: pathlib.Path) -> int:
    """Of all files below a path."""
    return int(subprocess.run(["du", "-sm", path], check=True, stdout=subprocess.PIPE, text=True).stdout.split()[0])


def main() -> None:
    """Measure and print."""
    subprocess.run(["docker", "image", "rm", "--force", *IMAGES], stdout=subprocess.DEVNULL, check=False)
    with tempfile.TemporaryDirectory() as name:
        folder, cache = pathlib.Path(name, "checkout"), pathlib.Path(name, "cache")
        folder.mkdir()
        copy_of_the_checkout(folder)
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "MAKE", "MFLAGS"))}
        environment = {**kept, "AI_BACKEND_CACHE": str(cache), "DEMO_PORT": os.environ.get("DEMO_PORT", "4000")}
        begin = time.monotonic()
        done = subprocess.run(
            ["make", "demo"], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
        wall = time.monotonic() - begin
        text = done.stdout.decode()
        if done.returncode:
            sys.exit(text)
        print(*re.findall(r"^  (?:question|answer) .*$", text, re.MULTILINE), sep="\n")
        for part in sorted(path for path in cache.iterdir() if path.is_dir() or path.suffix == ".gz"):
            print(f"{part.name}: {megabytes(part)} MB")
        subprocess.run(["make", "demo-clean"], cwd=folder, env=environment, stdout=subprocess.DEVNULL, check=True)
    print(f"demo_cold: {wall:.0f} s")


if __name__ == "__main__":
    main()
