# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A bundle: what it has is named with sums, and one that is not whole, or is for others, says so."""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import signal
import tarfile
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from ansible.errors import AnsibleLookupError

from ansible_collections.lab.ai_backend.plugins.lookup.bundle import LookupModule
from ansible_collections.lab.ai_backend.plugins.module_utils.bundling import manifest, part
from ansible_collections.lab.ai_backend.plugins.module_utils.bundling.packages import BundleError
from ansible_collections.lab.ai_backend.plugins.module_utils.fetching import background
from ansible_collections.lab.ai_backend.plugins.module_utils.fetching.looking import FetchError
from ansible_collections.lab.ai_backend.plugins.module_utils.fetching.state import DONE, FAILED, RUNNING, Reporter
from ansible_collections.lab.ai_backend.plugins.module_utils.host.waiting import wait_until
from ansible_collections.lab.ai_backend.plugins.modules import bundle_file

PLATFORM = "debian-trixie-x86_64-python3.13"
HOST = {"distribution": "debian", "codename": "trixie", "architecture": "x86_64", "python": "3.13"}
URL = "https://example.org/models/model.gguf?download=true"
SHA256 = hashlib.sha256(b"GGUF").hexdigest()
PACKAGE = {"name": "redis-server", "version": "5:8.0", "architecture": "amd64", "sha256": "a" * 64}
WHEEL = {"name": "litellm", "version": "1.108.6", "sha256": "b" * 64}
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    """A whole bundle."""
    for place, content in {manifest.place_of(URL, SHA256): b"GGUF", manifest.place_of_part(PLATFORM): b"tar"}.items():
        (tmp_path / place).parent.mkdir()
        (tmp_path / place).write_bytes(content)
    manifest.write(
        str(tmp_path),
        [{"platform": PLATFORM, "packages": [PACKAGE], "wheels": [WHEEL]}],
        [{"url": URL, "sha256": SHA256}],
    )
    return tmp_path


def commands(tmp_path: pathlib.Path, *, broken: str = "") -> Run:
    """A stand-in for apt, dpkg and pip: each brings one file, or fails if it is the broken one."""

    def run(argv: Sequence[str], _timeout: float = 0) -> tuple[int, str]:
        words = " ".join(argv)
        if broken and broken in words:
            return 1, "no route to host"
        if "--download-only" in argv:
            (archives,) = (word.partition("=")[2] for word in argv if word.startswith("-oDir::Cache::archives="))
            pathlib.Path(archives, "redis-server_5%3a8.0_amd64.deb").write_bytes(b"deb")
        if "--field" in argv:
            return 0, "Package: redis-server\nVersion: 5:8.0\nArchitecture: amd64\nDescription: a\n b\n"
        if "download" in argv:
            pathlib.Path(argv[argv.index("--dest") + 1], "typing_extensions-4.15.0-py3-none-any.whl").write_bytes(b"w")
        return 0, "3.13"

    return run


def test_a_part_has_an_index_that_apt_reads_and_the_wheels(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "part.tar"
    found = part.make(["redis-server"], ["a==1"], "/usr/bin/python3", str(path), commands(tmp_path))
    assert [row["name"] for row in found["packages"]] == ["redis-server"]
    assert [(row["name"], row["version"]) for row in found["wheels"]] == [("typing-extensions", "4.15.0")]
    with tarfile.open(path) as tar:
        names = sorted(tar.getnames())
        index = tar.extractfile("packages/Packages")
        assert index is not None
        text = index.read().decode()
    assert names == [
        "packages",
        "packages/Packages",
        "packages/redis-server_5-8.0_amd64.deb",
        "wheels",
        "wheels/typing_extensions-4.15.0-py3-none-any.whl",
    ]
    assert text.endswith(
        f"Filename: ./redis-server_5-8.0_amd64.deb\nSize: 3\nSHA256: {hashlib.sha256(b'deb').hexdigest()}\n"
    )
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ("update", "apt can't read its sources: no route to host"),
        ("--download-only", "apt can't download python3-apt, redis-server: no route to host"),
        ("venv", "Install python3-venv there"),
        ("pip", "pip can't download a lock: no route to host"),
    ],
)
def test_a_part_that_can_not_be_made_leaves_nothing(tmp_path: pathlib.Path, broken: str, words: str) -> None:
    run = commands(tmp_path, broken=f"-m {broken}" if broken in ("venv",) else broken)
    if broken == "pip":
        run = commands(tmp_path, broken="pip --disable-pip-version-check --no-input download")
    with pytest.raises(BundleError, match=words):
        part.make(["redis-server"], ["a==1"], "/usr/bin/python3", str(tmp_path / "part.tar"), run)
    assert list(tmp_path.iterdir()) == []


def test_the_manifest_has_sums_and_a_bill(folder: pathlib.Path) -> None:
    sums = dict(reversed(line.split("  ")) for line in (folder / "SHA256SUMS").read_text().splitlines())
    assert sums[manifest.place_of(URL, SHA256)] == SHA256
    assert sums[manifest.place_of_part(PLATFORM)] == hashlib.sha256(b"tar").hexdigest()
    text = (folder / "sbom.cdx.json").read_text()
    assert {row["name"] for row in json.loads(text)["components"]} == {
        "redis-server",
        "litellm",
        f"{SHA256[:12]}-model.gguf",
    }


def test_what_does_not_belong_to_it_is_named_and_stays(folder: pathlib.Path) -> None:
    (folder / "files" / "older.gguf").write_text("x")
    _rows, foreign = manifest.write(str(folder), [], [{"url": URL, "sha256": SHA256}])
    assert foreign == ["files/older.gguf", manifest.place_of_part(PLATFORM)]
    assert (folder / "files" / "older.gguf").exists()


def test_a_host_gets_its_part_and_the_files(folder: pathlib.Path) -> None:
    (found,) = LookupModule().run([str(folder)], host=HOST)
    assert found["part"]["path"] == str(folder / "hosts" / f"{PLATFORM}.tar")
    assert found["files"] == {SHA256: str(folder / manifest.place_of(URL, SHA256))}


def spoil_size(folder: pathlib.Path) -> None:
    (folder / manifest.place_of(URL, SHA256)).write_bytes(b"GG")


def spoil_file(folder: pathlib.Path) -> None:
    (folder / manifest.place_of_part(PLATFORM)).unlink()


def spoil_manifest(folder: pathlib.Path) -> None:
    (folder / "manifest.json").unlink()


def spoil_schema(folder: pathlib.Path) -> None:
    (folder / "manifest.json").write_text('{"schema": 0, "files": []}')


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (spoil_size, "has 2 bytes, not 4: copy the whole bundle again"),
        (spoil_file, "is not there: copy the whole bundle again"),
        (spoil_manifest, r"is no bundle: it has no manifest\.json"),
        (spoil_schema, "another version of the collection"),
    ],
)
def test_one_that_is_not_whole_is_refused(
    folder: pathlib.Path, spoil: Callable[[pathlib.Path], None], words: str
) -> None:
    spoil(folder)
    with pytest.raises(AnsibleLookupError, match=words):
        LookupModule().run([str(folder)], host=HOST)


def test_one_for_other_hosts_is_refused(folder: pathlib.Path) -> None:
    with pytest.raises(AnsibleLookupError, match=f"has packages for {PLATFORM}, and this is a debian-bookworm-x86_64"):
        LookupModule().run([str(folder)], host={**HOST, "codename": "bookworm", "python": "3.11"})


def got(folder: pathlib.Path, url: str, sha256: str = SHA256) -> dict[str, Any]:
    """What the module says in the end; each look lasts a tenth of a second."""
    params = {"url": url, "sha256": sha256, "folder": str(folder), "token": "", "mirror": {}, "wait": 0.1}
    for _look in range(100):
        found = dict(bundle_file.got(params, check_mode=False))
        if found["finished"]:
            return found
    raise AssertionError("it does not end")


def test_a_file_of_the_controller_is_copied_into_it_and_checked(tmp_path: pathlib.Path) -> None:
    source = tmp_path / "model.gguf"
    source.write_bytes(b"GGUF")
    bundle = tmp_path / "bundle"
    assert got(bundle, f"file://{source}")["changed"]
    (path,) = (bundle / "files").iterdir()
    assert path.read_bytes() == b"GGUF"
    assert not got(bundle, f"file://{source}")["changed"]
    assert [entry.name for entry in bundle.iterdir()] == ["files"]


def test_a_token_is_on_no_disk_of_the_bundle_while_it_is_used(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = tmp_path / "used"

    def run(request: dict[str, str], folder: str) -> None:
        used.write_text(request["token"])
        Reporter(folder).state(RUNNING, "12 %")
        while not os.path.exists(os.path.join(folder, "stop")):
            time.sleep(0.01)
        pathlib.Path(request["path"]).write_bytes(b"GGUF")

    monkeypatch.setattr(bundle_file, "run", run)
    bundle = tmp_path / "bundle"
    params = {"url": URL, "sha256": SHA256, "folder": str(bundle), "token": "hf-of-a-lab", "mirror": {}, "wait": 0.1}
    assert not bundle_file.got(params, check_mode=False)["finished"]
    wait_until(used.exists, 10)
    assert used.read_text() == "hf-of-a-lab"
    assert not [path for path in bundle.rglob("*") if path.is_file() and b"hf-of-a-lab" in path.read_bytes()]
    # The run ends here, and the process after it.
    (work,) = bundle.glob(".fetch-*")
    (work / "stop").touch()
    assert wait_until(lambda: not background.running(str(work)), 10)
    assert bundle_file.got(params, check_mode=False)["progress"] == "complete"
    assert [path.name for path in bundle.iterdir()] == ["files"]


def test_a_file_with_another_sum_is_not_in_it(tmp_path: pathlib.Path) -> None:
    source = tmp_path / "model.gguf"
    source.write_bytes(b"other")
    with pytest.raises(FetchError, match="Nothing of it was kept"):
        got(tmp_path / "bundle", f"file://{source}")
    assert list((tmp_path / "bundle" / "files").iterdir()) == []


def worker(folder: str) -> None:
    """Says its process id, then works until it may stop."""
    Reporter(folder).state(RUNNING, str(os.getpid()))
    while not os.path.exists(os.path.join(folder, "stop")):
        time.sleep(0.01)
    Reporter(folder).state(DONE, "done")


def told(folder: pathlib.Path, state: str) -> str:
    """The words of a state, once it has come."""
    for _look in range(500):
        found = background.outcome(str(folder))
        if found["state"] == state and found["text"] != "starting":
            return str(found["text"])
        time.sleep(0.01)
    raise AssertionError(f"{found} instead of {state}")


def test_a_process_in_the_background_is_followed_to_its_end(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "work"
    background.start(str(folder), lambda: worker(str(folder)))
    assert told(folder, RUNNING).isdecimal()
    (folder / "stop").touch()
    assert told(folder, DONE) == "done"


def test_one_that_was_killed_has_failed(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "work"
    background.start(str(folder), lambda: worker(str(folder)))
    os.kill(int(told(folder, RUNNING)), signal.SIGKILL)
    assert "ended before it was done" in told(folder, FAILED)
