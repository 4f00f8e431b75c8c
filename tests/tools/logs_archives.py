#!/usr/bin/env python3
"""Pack the stand-ins of Grafana, Loki and Alloy as their releases are packed; prints a line for each: NAME PATH.

No package holds them, and tests must not depend on a release page. Beside each archive lies <archive>.sha256. The
libraries that the stand-ins read files with (PyYAML, lark) are packed with them.
"""

from __future__ import annotations

import gzip
import io
import os
import pathlib
import zipfile

import lark
import yaml
from ollama_archive import MACHINES, packed

from toolcache import ROOT, cache_dir, key_of, only_one, sha256_of

SIMULATORS = ROOT / "tests/simulators"
MACHINE = MACHINES[os.uname().machine]
# All archives of one content have the same bytes.
DATE = (1980, 1, 1, 0, 0, 0)


def library(package: pathlib.Path) -> dict[str, bytes]:
    """{path: content} of a pure package, below `lib`."""
    files = sorted(package.rglob("*.py")) + sorted(package.rglob("*.lark"))
    return {f"lib/{file.relative_to(package.parent)}": file.read_bytes() for file in files}


def grafana() -> bytes:
    """A tar.gz with one folder, as Grafana's."""
    files = {
        "bin/grafana": (SIMULATORS / "grafana.py").read_bytes(),
        "conf/defaults.ini": b"; what a release has\n",
        **library(pathlib.Path(yaml.__file__).parent),
    }
    return gzip.compress(packed(files, "grafana-12.0.0/"), mtime=0)


def zipped(name: str, files: dict[str, bytes]) -> bytes:
    """A zip whose program is in its first folder, as Loki's and Alloy's."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in sorted({f"{name}-linux-{MACHINE}": program(name), **files}.items()):
            info = zipfile.ZipInfo(path, DATE)
            info.external_attr = 0o100755 << 16
            archive.writestr(info, content, zipfile.ZIP_DEFLATED)
    return made.getvalue()


def program(name: str) -> bytes:
    """The stand-in."""
    return (SIMULATORS / f"{name}.py").read_bytes()


def main() -> None:
    """Print the archives, made now if these stand-ins were never packed."""
    reads = {**library(pathlib.Path(lark.__file__).parent), "lib/alloy_syntax.py": program("alloy_syntax")}
    makers = {
        "grafana": (grafana, "tar.gz"),
        "loki": (lambda: zipped("loki", library(pathlib.Path(yaml.__file__).parent)), "zip"),
        "alloy": (lambda: zipped("alloy", reads), "zip"),
    }
    sources = [path.read_bytes() for path in sorted(SIMULATORS.glob("*.py"))]
    key = key_of(pathlib.Path(__file__).read_bytes(), lark.__version__.encode(), yaml.__version__.encode(), *sources)
    with only_one("logs-archives"):
        for name, (make, ending) in makers.items():
            archive = cache_dir() / f"{name}-simulator-{key}-linux-{MACHINE}.{ending}"
            if not archive.exists():
                archive.with_suffix(".new").write_bytes(make())
                archive.with_suffix(".new").rename(archive)
                pathlib.Path(f"{archive}.sha256").write_text(f"{sha256_of(archive)}  {archive.name}\n")
            print(name, archive)


if __name__ == "__main__":
    main()
