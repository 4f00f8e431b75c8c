"""A lock installs as it is written, whatever is published after it, with the oldest pip that counts and the newest.

"After it" is an index in a folder: for each package of the lock a stand-in of the pinned version, with the real one's
metadata and no content, and a higher version beside it.
"""

from __future__ import annotations

import email
import email.message
import functools
import hashlib
import importlib.metadata
import json
import pathlib
import subprocess
import sys
import tempfile
import tomllib
import zipfile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import locked_venv
import locks
from toolcache import ROOT, cache_dir, key_of, pip_download, run, sha256_of
from wheelhouse import lines_for

HIGHER = "9999"
PIPS = {
    entry["pip"]: entry["sha256"] for entry in tomllib.loads((ROOT / "requirements/downloads.toml").read_text())["pips"]
}
OLDEST = "23.0.1"
Pins = dict[str, str]
Metadata = dict[str, email.message.Message]
LOCKS = [ROOT / lock for lock, _follows in locks.LOCKS.values() if lock not in locks.LARGE]


def pins_of(lock: pathlib.Path) -> Pins:
    """Package -> version, those that this Python takes."""
    text = lines_for(lock.read_text(), sys.version.split()[0])
    requirements = [Requirement(line.split(" \\")[0]) for line in text.splitlines() if line[:1].isalnum()]
    return {canonicalize_name(r.name): str(r.specifier).removeprefix("==") for r in requirements}


def metadata_in(folder: pathlib.Path) -> Metadata:
    """Package -> what its wheel says of itself."""
    found: Metadata = {}
    for file in sorted(folder.glob("*.whl")):
        with zipfile.ZipFile(file) as wheel:
            (name,) = [
                name for name in wheel.namelist() if name.count("/") == 1 and name.endswith(".dist-info/METADATA")
            ]
            message = email.message_from_bytes(wheel.read(name))
        found[canonicalize_name(message["Name"])] = message
    return found


def installed_here() -> Metadata:
    """Package -> what it says of itself, of the environment that runs the tests."""
    return {
        canonicalize_name(dist.name): email.message_from_string(dist.read_text("METADATA") or "")
        for dist in importlib.metadata.distributions()
    }


def fetched(lock: pathlib.Path, names: frozenset[str]) -> pathlib.Path:
    """A folder of these packages' wheels, kept in the cache."""
    final = cache_dir() / f"metadata-{key_of(lock.read_bytes(), *sorted(names))}"
    if names and not final.exists():
        with tempfile.TemporaryDirectory(dir=cache_dir()) as tmp:
            pinned = pins_of(lock)
            pip_download(f"{tmp}/wheels", "--no-deps", *(f"{name}=={pinned[name]}" for name in sorted(names)))
            pathlib.Path(tmp, "wheels").rename(final)
    return final


@functools.cache
def metadata_of(lock: pathlib.Path) -> Metadata:
    """Package -> the real metadata of its pinned version."""
    pinned = pins_of(lock)
    known = installed_here()
    if lock.suffix == ".lock":
        known = metadata_in(pathlib.Path(run(sys.executable, str(ROOT / "tests/tools/wheelhouse.py")).strip()))
    known = {name: said for name, said in known.items() if said["Version"] == pinned.get(name)}
    return {**known, **metadata_in(fetched(lock, frozenset(pinned.keys() - known.keys())))}


def stand_in(folder: pathlib.Path, name: str, version: str, said: email.message.Message) -> pathlib.Path:
    """A wheel without content that asks for what the real one asks for."""
    base = f"{name.replace('-', '_')}-{version}"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"{key}: {value}" for key in ("Requires-Dist", "Provides-Extra") for value in said.get_all(key, [])]
    file = folder / f"{base}-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as wheel:
        wheel.writestr(f"{base}.dist-info/METADATA", "\n".join(lines) + "\n")
        wheel.writestr(f"{base}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{base}.dist-info/RECORD", "")
    return file


@pytest.fixture(scope="session")
def tomorrow(tmp_path_factory: pytest.TempPathFactory) -> dict[pathlib.Path, tuple[pathlib.Path, pathlib.Path]]:
    """Lock -> (the index, the lock with the sums of what is in it; nothing else is changed)."""
    made = {}
    for lock in LOCKS:
        folder = tmp_path_factory.mktemp("index")
        text = []
        for name, version in sorted(pins_of(lock).items()):
            said = metadata_of(lock)[name]
            stand_in(folder, name, HIGHER, said)
            digest = hashlib.sha256(stand_in(folder, name, version, said).read_bytes()).hexdigest()
            text.append(f"{name}=={version} --hash=sha256:{digest}\n")
        (folder / "lock.txt").write_text("".join(text))
        made[lock] = folder, folder / "lock.txt"
    return made


@pytest.fixture(params=PIPS)
def python(request: pytest.FixtureRequest, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """The Python of an empty environment, whose pip is of that version."""
    return empty_environment(request.param, tmp_path, monkeypatch)


def empty_environment(pip: str, folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """An environment without packages; pip runs out of its wheel, and knows no index but the one it is given."""
    wheels = cache_dir() / f"pip-{PIPS[pip][:12]}"
    if not wheels.exists():
        with tempfile.TemporaryDirectory(dir=cache_dir()) as tmp:
            pip_download(f"{tmp}/wheels", "--no-deps", f"pip=={pip}")
            pathlib.Path(tmp, "wheels").rename(wheels)
    (wheel,) = wheels.glob("*.whl")
    assert sha256_of(wheel) == PIPS[pip]
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_CONSTRAINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    monkeypatch.setenv("PYTHONPATH", str(wheel))
    return folder / "venv" / "bin" / "python"


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_installs_what_it_says(
    lock: pathlib.Path,
    tomorrow: dict[pathlib.Path, tuple[pathlib.Path, pathlib.Path]],
    python: pathlib.Path,
) -> None:
    index, copy = tomorrow[lock]
    locked_venv.install(python, copy, "--no-index", "--find-links", str(index))
    listed = json.loads(run(str(python), "-m", "pip", "list", "--format", "json", "--exclude", "pip"))
    pinned = pins_of(lock)
    pinned.pop("pip", None)
    assert {canonicalize_name(package["name"]): package["version"] for package in listed} == pinned


def test_the_index_tempts(
    tomorrow: dict[pathlib.Path, tuple[pathlib.Path, pathlib.Path]],
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Installed without `--no-deps`, the lock of the tests stops at a package that is asked for with an extra."""
    python = empty_environment(OLDEST, tmp_path, monkeypatch)
    index, copy = tomorrow[ROOT / "requirements" / "dev.txt"]
    command = [python, "-m", "pip", "install", "--require-hashes", "--no-index", "--find-links", index, "-r", copy]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode
    assert "all requirements must have their versions pinned" in done.stderr
