"""What a first `make demo` takes: a copy of the checkout, an empty cache, no host image. Docker itself is there.

Prints what was downloaded and built, and `demo_cold: seconds` last.
"""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

from checkout import copy_to

IMAGES = ("lab-ai-backend-host:trixie", "lab-ai-backend-base:trixie")


def megabytes(path: pathlib.Path) -> int:
    """Of all files below a path."""
    return int(subprocess.run(["du", "-sm", path], check=True, stdout=subprocess.PIPE, text=True).stdout.split()[0])


def received() -> int:
    """Bytes that came in so far through the interface of the default route."""
    routes = pathlib.Path("/proc/net/route").read_text().splitlines()[1:]
    interface = next(name for name, destination, *_ in map(str.split, routes) if destination == "00000000")
    return int(pathlib.Path("/sys/class/net", interface, "statistics/rx_bytes").read_text())


def main() -> None:
    """Measure and print."""
    subprocess.run(["docker", "image", "rm", "--force", *IMAGES], stdout=subprocess.DEVNULL, check=False)
    with tempfile.TemporaryDirectory() as name:
        folder, cache = pathlib.Path(name, "checkout"), pathlib.Path(name, "cache")
        folder.mkdir()
        copy_to(folder)
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "MAKE", "MFLAGS"))}
        environment = {**kept, "AI_BACKEND_CACHE": str(cache), "DEMO_PORT": os.environ.get("DEMO_PORT", "4000")}
        begin, before = time.monotonic(), received()
        done = subprocess.run(
            ["make", "demo"], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
        wall, came = time.monotonic() - begin, received() - before
        text = done.stdout.decode()
        if done.returncode:
            sys.exit(text)
        print(*re.findall(r"^  (?:question|answer) .*$", text, re.MULTILINE), sep="\n")
        for part in sorted(path for path in cache.iterdir() if path.is_dir() or path.suffix == ".gz"):
            print(f"{part.name}: {megabytes(part)} MB")
        print(f"received: {came / 1e6:.0f} MB (what comes out of folders of this machine's pip is not in it)")
        subprocess.run(["make", "demo-clean"], cwd=folder, env=environment, stdout=subprocess.DEVNULL, check=True)
    print(f"demo_cold: {wall:.0f} s")


if __name__ == "__main__":
    main()
