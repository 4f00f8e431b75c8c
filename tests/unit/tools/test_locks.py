"""Which releases a lock may contain: none that is denied, and none younger than a week."""

from __future__ import annotations

import datetime
import hashlib
import http.server
import io
import json
import pathlib
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator

import pytest

import locks
from toolcache import ROOT

TROJANISED = {"package": "litellm", "versions": ["==1.82.7", "==1.82.8"], "ids": ["MAL-2026-2144"], "why": "trojanised"}
NAME, TODAY = "a_package", datetime.datetime.now(datetime.UTC)


def test_a_pin_is_read_with_its_extras_markers_and_old_spellings() -> None:
    lock = "LiteLLM[proxy]==1.82.7 \\\n    --hash=sha256:00\n"
    lock += 'ansible_core==2.19.14 ; python_version < "3.12" \\\n    # via x\n'
    assert locks.pins_of(lock) == [("ansible-core", "2.19.14"), ("litellm", "1.82.7")]


def test_a_denied_release_is_named_with_its_reason_and_the_way_out() -> None:
    (line,) = locks.refused([("litellm", "1.82.7"), ("litellm", "1.106.2"), ("other", "1.82.7")], [TROJANISED])
    assert line == ("litellm 1.82.7 is denied (MAL-2026-2144): trojanised → exclude it in the .in file, run make lock")


def test_a_release_before_a_fix_is_denied_also_where_it_is_a_candidate() -> None:
    entry = {**TROJANISED, "versions": ["<1.84.0"]}
    versions = ["1.83.9", "1.84.0rc1", "1.84.0", "1.106.2"]
    lines = [bool(list(locks.refused([("litellm", version)], [entry]))) for version in versions]
    # PEP 440: a candidate of a release is not before it in `<`.
    assert lines == [True, False, False, False]


def test_the_trojanised_releases_of_the_gateway_are_in_the_list() -> None:
    lines = [list(locks.refused([("litellm", version)], locks.denied_releases())) for version in ("1.82.7", "1.82.8")]
    assert all("MAL-2026-2144" in line for (line, *_) in lines)


def wheel(version: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        info = f"{NAME}-{version}.dist-info"
        file.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {version}\n")
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{info}/RECORD", "")
    return content.getvalue()


class Index(http.server.BaseHTTPRequestHandler):
    """A package with a release of last year and one of yesterday."""

    ages = {"1.0": 365, "2.0": 1}
    timed = True

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        if self.path.endswith(".whl"):
            self.answer(wheel(self.path.split("-")[1]), "application/octet-stream")
            return
        files = []
        for version, days in self.ages.items():
            file = f"{NAME}-{version}-py3-none-any.whl"
            sums = {"sha256": hashlib.sha256(wheel(version)).hexdigest()}
            entry = {"filename": file, "url": f"/files/{file}", "hashes": sums}
            if self.timed:
                entry["upload-time"] = (TODAY - datetime.timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
            files.append(entry)
        page = {"meta": {"api-version": "1.1"}, "name": NAME, "files": files, "versions": list(self.ages)}
        self.answer(json.dumps(page).encode(), "application/vnd.pypi.simple.v1+json")

    def answer(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Nothing: a test's output is its own."""


@pytest.fixture
def index(request: pytest.FixtureRequest) -> Iterator[str]:
    """Its address; the parameter says whether it gives upload times."""
    handler = type("OfOne", (Index,), {"timed": request.param})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/simple"
    server.shutdown()


def locked(folder: pathlib.Path, index: str, *options: str, denied: str = "denied = []") -> tuple[int, str, str]:
    """(exit code, words, lock) of the lock maker for one source in a checkout of its own."""
    for name in ("lock.py", "locks.py", "toolcache.py", "failures.py"):
        target = folder / "tests" / "tools" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text((ROOT / "tests" / "tools" / name).read_text())
    (folder / "requirements").mkdir(exist_ok=True)
    (folder / "requirements" / "denied.toml").write_text(denied)
    (folder / "requirements" / "deploy.in").write_text(f"{NAME}\n")
    done = subprocess.run(
        [sys.executable, folder / "tests/tools/lock.py", *options, "requirements/deploy.in"],
        env={"PATH": str(pathlib.Path(sys.executable).parent), "UV_DEFAULT_INDEX": index, "UV_NO_CACHE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    lock = folder / "requirements" / "deploy.txt"
    return done.returncode, done.stdout + done.stderr, lock.read_text() if lock.exists() else ""


@pytest.mark.parametrize("index", [True], indirect=True)
def test_a_release_younger_than_a_week_is_not_taken(tmp_path: pathlib.Path, index: str) -> None:
    code, words, lock = locked(tmp_path, index)
    assert (code, words, locks.pins_of(lock)) == (0, "", [("a-package", "1.0")])


@pytest.mark.parametrize("index", [True], indirect=True)
def test_an_urgent_fix_is_taken_when_asked_for(tmp_path: pathlib.Path, index: str) -> None:
    assert locks.pins_of(locked(tmp_path, index, "--days=0")[2]) == [("a-package", "2.0")]


@pytest.mark.parametrize("index", [False], indirect=True)
def test_an_index_without_upload_times_is_said(tmp_path: pathlib.Path, index: str) -> None:
    code, words, lock = locked(tmp_path, index)
    assert (code, locks.pins_of(lock)) == (0, [("a-package", "2.0")])
    assert "lock: the package index gives no upload time for a_package-1.0-py3-none-any.whl and 1 more files" in words
    assert "nobody has checked whether requirements/deploy.txt takes a release younger than 7 days" in words


@pytest.mark.parametrize("index", [True], indirect=True)
def test_a_lock_with_a_denied_release_is_not_written(tmp_path: pathlib.Path, index: str) -> None:
    entry = '[[denied]]\npackage = "A.Package"\nversions = ["==1.0"]\nids = ["X-1"]\nwhy = "it is bad"\n'
    code, words, lock = locked(tmp_path, index, denied=entry)
    assert (code, lock) == (1, "")
    assert "lock: requirements/deploy.txt was not written: a-package 1.0 is denied (X-1): it is bad" in words
