#!/usr/bin/env python3
"""Build an archive of llama-server that runs on every Debian, for tests that must not depend on a release page.

Debian packages llama.cpp in forky only. This takes the binary and every library it needs from there (apt with its own
root folder; the machine's own packages are not touched) and packs one flat folder, laid out as upstream's release
archives are. Its `llama-server` is a link to a launcher that starts the program with the packed dynamic loader: the
loader's path inside an ELF file must be absolute, and an archive that is unpacked under a hashed name cannot know it.

Prints the path of the archive; beside it lies <archive>.sha256. Made once for the same package versions.
"""

from __future__ import annotations

import gzip
import io
import os
import pathlib
import re
import shutil
import sys
import tarfile
import tempfile
import time

from toolcache import cache_dir, key_of, only_one, run, say, sha256_of

SUITE = "forky"
PACKAGES = (
    "libc6",
    "libgcc-s1",
    "libggml0",
    "libgomp1",
    "libllama0",
    "libssl3t64",
    "libstdc++6",
    "libzstd1",
    "llama.cpp-tools",
    "zlib1g",
)
LISTS_AGE_SECONDS = 24 * 3600
# To start a process for each of several models, llama-server runs what this link of the kernel names: with the packed
# loader, that is the loader. In its place it reads a link in its own folder, with a path of the same length.
SELF, LINK = b"/proc/self/exe", b"./llama-server"
LAUNCHER = """\
#!/bin/sh
# The packed loader and libraries are used whatever the host's are; exec keeps the process id and the signals.
dir=$(dirname "$(readlink -f "$0")")
cd "$dir" || exit
exec "$dir/{loader}" --argv0 "$0" --library-path "$dir" "$dir/llama-server.bin" "$@"
"""


def mirror() -> str:
    """The Debian mirror that this machine's own apt uses, unless DEBIAN_MIRROR names another."""
    if given := os.environ.get("DEBIAN_MIRROR"):
        return given
    found = run("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Label: Debian").split()
    if not found:
        sys.exit("llama_archive: this machine's apt has no Debian source: set DEBIAN_MIRROR to the URL of a mirror")
    return sorted(found)[0]


class Apt:
    """An apt of another suite in its own root folder."""

    def __init__(self, root: pathlib.Path) -> None:
        self.root = root
        for folder in ("etc/apt/preferences.d", "var/lib/apt/lists/partial", "var/lib/dpkg", "var/cache/apt"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        (root / "var/lib/dpkg/status").touch()
        keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
        (root / "etc/apt/sources.list").write_text(f"deb [signed-by={keyring}] {mirror()} {SUITE} main\n")
        # The suite's own release file may be past its date on a frozen mirror; its signature still counts.
        self.options = [f"-oDir={root}", f"-oDir::State::status={root}/var/lib/dpkg/status"]
        self.options += ["-oAcquire::Check-Valid-Until=false", "-oAPT::Sandbox::User=root", "-q"]

    def refresh(self) -> None:
        """Fetch the package lists, at most once a day; without a network yesterday's will do."""
        stamp = self.root / "refreshed"
        if not stamp.exists() or time.time() - stamp.stat().st_mtime > LISTS_AGE_SECONDS:
            try:
                run("apt-get", *self.options, "update", "--error-on=any")
                stamp.touch()
            except SystemExit as error:
                if not stamp.exists():
                    raise
                say(f"going on with the package lists of the last time ({error})")

    def records(self) -> list[str]:
        """`package version sha256` of the newest of each package."""
        text = run("apt-cache", *self.options, "--no-all-versions", "show", *PACKAGES)
        fields = ("Package", "Version", "SHA256")
        records = [[re.search(rf"^{f}: (.*)$", block, re.M) for f in fields] for block in text.strip().split("\n\n")]
        return sorted(" ".join(m[1] for m in found if m) for found in records)

    def unpack(self, into: pathlib.Path) -> None:
        """Download the packages, whose hashes apt checks, and unpack them."""
        with tempfile.TemporaryDirectory(dir=self.root) as tmp:
            run("apt-get", *self.options, "download", *PACKAGES, cwd=tmp)
            for deb in pathlib.Path(tmp).glob("*.deb"):
                run("dpkg-deb", "-x", str(deb), str(into))


def collect(tree: pathlib.Path) -> dict[str, bytes]:
    """File name → content of the flat folder: the server, its engines for each processor, and what they load."""
    libraries: dict[str, pathlib.Path] = {}
    for path in sorted(tree.glob("usr/lib/**/*.so*")):
        libraries.setdefault(path.name, path)
    server = tree / "usr/bin/llama-server"
    (loader,) = [name for name in libraries if name.startswith("ld-linux")]
    wanted = {name: path for name, path in libraries.items() if name == loader or name.startswith("libggml-cpu-")}
    folders = ":".join(sorted({str(path.parent) for path in libraries.values()}))
    for file in (server, *wanted.values()):
        if file.name != loader:
            listed = run(str(libraries[loader]), "--library-path", folders, "--list", str(file))
            for path in re.findall(r" => (\S+) \(", listed):
                if not path.startswith(str(tree)):
                    sys.exit(f"llama_archive: {file.name} would take {path} from this machine")
                wanted[pathlib.Path(path).name] = pathlib.Path(path)
    files = {name: path.resolve().read_bytes() for name, path in wanted.items()}
    implementation = files["libllama-server-impl.so"]
    if SELF not in implementation or len(SELF) != len(LINK):
        sys.exit(
            "llama_archive: this llama-server finds its own program in another way: several models would not start"
        )
    files["libllama-server-impl.so"] = implementation.replace(SELF, LINK)
    files["llama-server.bin"] = server.read_bytes()
    files["launch"] = LAUNCHER.format(loader=loader).encode()
    return files


def pack(files: dict[str, bytes], folder: str, archive: pathlib.Path) -> None:
    """Write the same bytes for the same content: sorted, no dates, no owners."""
    with (
        archive.open("wb") as raw,
        gzip.GzipFile("", "wb", 6, raw, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for name in sorted(files):
            info = tarfile.TarInfo(f"{folder}/{name}")
            info.size = len(files[name])
            info.mode = 0o755
            tar.addfile(info, io.BytesIO(files[name]))
        link = tarfile.TarInfo(f"{folder}/llama-server")
        link.type, link.linkname = tarfile.SYMTYPE, "./launch"
        tar.addfile(link)


def main() -> None:
    """Print the path of the archive, built now if these package versions were never packed."""
    cache = cache_dir()
    with only_one("llama"):
        apt = Apt(cache / f"apt-{SUITE}")
        apt.refresh()
        records = apt.records()
        version = next(r.split()[1] for r in records if r.startswith("llama.cpp-tools "))
        folder = "llama-" + re.sub(r"^\d+:|[+-].*$", "", version)
        machine = os.uname().machine
        name = f"{folder}-bin-debian-{machine}-{key_of(pathlib.Path(__file__).read_bytes(), *records)}.tar.gz"
        archive = cache / name
        if not archive.exists():
            say(f"packing llama-server {version} of {SUITE}")
            with tempfile.TemporaryDirectory(dir=cache) as tmp:
                tree = pathlib.Path(tmp, "tree")
                tree.mkdir()
                apt.unpack(tree)
                built = pathlib.Path(tmp, name)
                pack(collect(tree), folder, built)
                (cache / f"{name}.sha256").write_text(f"{sha256_of(built)}  {name}\n")
                shutil.move(built, archive)
    print(archive)


if __name__ == "__main__":
    main()
