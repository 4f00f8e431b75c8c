#!/usr/bin/env python3
"""Pack the simulator of Ollama as a release of Ollama is packed: `bin/ollama`, `lib/ollama/` next to it, and zstd.

No package holds Ollama, and tests must not depend on a release page. Prints the path of the archive; beside it lies
<archive>.sha256. The same simulator gives the same archive.
"""

from __future__ import annotations

import io
import os
import pathlib
import subprocess
import tarfile

from toolcache import ROOT, cache_dir, key_of, only_one, sha256_of

SIMULATOR = ROOT / "tests/simulators/ollama.py"
# The real one is found by `bin/ollama` next to itself alone, and so is this.
ENGINE = b"#!/bin/sh\necho 'the engine is simulated by bin/ollama' >&2\nexit 1\n"
MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


def packed(files: dict[str, bytes], before: str = "./") -> bytes:
    """A tar archive, the same bytes for the same content: sorted, no dates, no owners. `before` begins each path."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name in sorted(files):
            info = tarfile.TarInfo(f"{before}{name}")
            info.size, info.mode = len(files[name]), 0o755
            tar.addfile(info, io.BytesIO(files[name]))
    return made.getvalue()


def main() -> None:
    """Print the path of the archive, made now if this simulator was never packed."""
    files = {"bin/ollama": SIMULATOR.read_bytes(), "lib/ollama/llama-server": ENGINE}
    key = key_of(pathlib.Path(__file__).read_bytes(), *files.values())
    archive = cache_dir() / f"ollama-simulator-{key}-linux-{MACHINES[os.uname().machine]}.tar.zst"
    with only_one("ollama"):
        if not archive.exists():
            done = subprocess.run(["zstd", "-q", "-19"], input=packed(files), stdout=subprocess.PIPE, check=True)
            archive.with_suffix(".new").write_bytes(done.stdout)
            archive.with_suffix(".new").rename(archive)
            pathlib.Path(f"{archive}.sha256").write_text(f"{sha256_of(archive)}  {archive.name}\n")
    print(archive)


if __name__ == "__main__":
    main()
