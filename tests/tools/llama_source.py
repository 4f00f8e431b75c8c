#!/usr/bin/env python3
"""Build llama-server out of the source that llama-cpp-python carries, for where Debian gives none.

Debian has llama.cpp in a suite that moves, and may drop it. The source package llama-cpp-python holds llama.cpp's whole
tree. The program is linked statically, so that it runs on every Debian, and packed as llama_archive.py packs its own.
CPU only: tests need no more. Wants cmake, ninja and a C++ compiler; some 23 minutes of one core, made once.

Prints the path of the archive; beside it lies <archive>.sha256. Runs with the Python of the venv.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import sys
import tarfile
import tempfile
import tomllib

from llama_archive import pack

from toolcache import PIP, ROOT, cache_dir, key_of, only_one, run, say, sha256_of

FLAGS = (
    "-DCMAKE_BUILD_TYPE=Release",
    "-DCMAKE_EXE_LINKER_FLAGS=-static",
    "-DBUILD_SHARED_LIBS=OFF",
    "-DGGML_NATIVE=OFF",
    "-DGGML_OPENMP=OFF",  # its static library is not everywhere; ggml has threads of its own
    "-DLLAMA_BUILD_TESTS=OFF",
    "-DLLAMA_BUILD_EXAMPLES=OFF",
    "-DLLAMA_CURL=OFF",
    "-DLLAMA_OPENSSL=OFF",
    # Else the build fetches a web interface from a model hub.
    "-DLLAMA_BUILD_UI=OFF",
    "-DLLAMA_USE_PREBUILT_UI=OFF",
)


def download(version: str, sha256: str, into: pathlib.Path) -> pathlib.Path:
    """The source package; pip checks its sum before it looks into it."""
    pin = into / "pin.txt"
    pin.write_text(f"llama-cpp-python=={version} --hash=sha256:{sha256}\n")
    options = ["--no-deps", "--require-hashes", "--no-binary", "llama-cpp-python", "-d", str(into)]
    run(sys.executable, *PIP, "download", "-q", *options, "-r", str(pin))
    (archive,) = into.glob("*.tar.gz")
    return archive


def build(archive: pathlib.Path, tree: pathlib.Path) -> pathlib.Path:
    """Path of the llama-server that was built."""
    with tarfile.open(archive) as tar:
        tar.extractall(tree, filter="data")
    (source,) = tree.glob("*/vendor/llama.cpp")
    run("cmake", "-G", "Ninja", "-S", str(source), "-B", str(tree / "build"), *FLAGS)
    run("cmake", "--build", str(tree / "build"), "--target", "llama-server")
    server = tree / "build" / "bin" / "llama-server"
    run("strip", str(server))
    return server


def main() -> None:
    """Print the path of the archive, built now if this version was never built."""
    entry = tomllib.loads((ROOT / "requirements/downloads.toml").read_text())["llama_cpp_source"]
    cache = cache_dir()
    key = key_of(entry["sha256"], *FLAGS)
    name = f"llama-source-{entry['llama-cpp-python']}-{os.uname().machine}-{key}.tar.gz"
    with only_one("llama-source"):
        if not (cache / name).exists():
            say(f"building llama-server of llama-cpp-python {entry['llama-cpp-python']}: some 23 minutes of one core")
            with tempfile.TemporaryDirectory(dir=cache) as tmp:
                folder = pathlib.Path(tmp)
                server = build(download(entry["llama-cpp-python"], entry["sha256"], folder), folder / "tree")
                pack({"llama-server": server.read_bytes()}, name.removesuffix(".tar.gz"), folder / name)
                (cache / f"{name}.sha256").write_text(f"{sha256_of(folder / name)}  {name}\n")
                shutil.move(folder / name, cache / name)
    print(cache / name)


if __name__ == "__main__":
    main()
