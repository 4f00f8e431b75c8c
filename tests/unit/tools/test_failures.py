"""What a user reads when a download fails: one line that names the way out. pip and the faults are real."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest
from index_stand_in import index

import toolcache
from failures import explained

PIN = "a-package==1.0 --hash=sha256:" + "0" * 64 + "\n"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """pip asks nobody but the stand-in, once and for a second."""
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_CONSTRAINT", "PIP_DEFAULT_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_TIMEOUT", "1")
    monkeypatch.setenv("PIP_RETRIES", "1")
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    monkeypatch.setattr(sys, "argv", ["locked_venv.py"])


def refusal(folder: pathlib.Path, address: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines that end the program."""
    monkeypatch.setenv("PIP_INDEX_URL", address)
    (folder / "pin.txt").write_text(PIN)
    with pytest.raises(SystemExit) as caught:
        toolcache.pip_download(str(folder / "into"), "--no-deps", "--require-hashes", "-r", str(folder / "pin.txt"))
    return str(caught.value.code).splitlines()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("slow", "the package index answers too slowly → run it again"),
        ("cut off", "run it again"),
        ("other bytes", "what came is not the file that the lock names"),
    ],
)
def test_a_download_that_fails_is_one_line(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, fault: str, words: str
) -> None:
    with index(fault) as address:
        (line,) = refusal(tmp_path, address, monkeypatch)
    assert line.startswith("locked_venv: ")
    assert words in line


def test_an_index_that_is_not_there_is_one_line(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with index("") as address:
        pass
    (line,) = refusal(tmp_path, address, monkeypatch)
    assert "the package index can't be reached → check the network" in line


def test_a_proxy_that_is_not_there_is_one_line(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with index("") as gone:
        pass
    monkeypatch.setenv("https_proxy", gone.removesuffix("/simple"))
    monkeypatch.setenv("no_proxy", "")
    (line,) = refusal(tmp_path, "https://index.example.com/simple", monkeypatch)
    assert "the proxy that the environment names" in line


def test_a_failure_of_ours_keeps_its_own_words() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "raise ValueError('ours')"], capture_output=True, text=True, check=False
    )
    assert explained(done.stderr) == ""
