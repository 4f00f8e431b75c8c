# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The file of records: each line once and whole, in a bounded number of files, whoever writes and whatever fails."""

from __future__ import annotations

import collections
import json
import os
import pathlib
import socket
import stat
import subprocess
import sys
from typing import Any

import pytest

FILES = pathlib.Path(__file__).resolve().parents[3] / "roles" / "litellm" / "files"
sys.path.insert(0, str(FILES))

from ai_backend_record_file import MOST_WAITING, Journal, RecordFile  # noqa: E402

WORKER = """
import sys
sys.path.insert(0, sys.argv[1])
from ai_backend_record_file import RecordFile
file = RecordFile(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
for number in range(int(sys.argv[6])):
    file.add(lambda number=number: {"writer": sys.argv[5], "number": number, "text": "é" * (number % 90)})
    # Sometimes this thread writes, sometimes the other one.
    if number % 7 == 0:
        file.flush()
"""


def line(number: int, **more: Any) -> dict[str, Any]:
    return {"number": number, **more}


def put(file: RecordFile, *lines: dict[str, Any]) -> None:
    for one in lines:
        file.add(lambda one=one: one)  # type: ignore[misc]
    file.flush()


def read(path: pathlib.Path) -> list[dict[str, Any]]:
    """What is in all files, the oldest first. A torn line is an error here."""
    names = sorted(path.parent.glob(f"{path.name}.[0-9]*"), key=lambda name: -int(name.suffix[1:]))
    return [json.loads(text) for name in [*names, path] for text in name.read_text().splitlines()]


def test_many_writers_at_full_speed_lose_no_line_and_tear_none(tmp_path: pathlib.Path) -> None:
    """Two slots with several workers; the file is turned over dozens of times, and every file of it is kept here."""
    path, writers, count = tmp_path / "requests.jsonl", 6, 3000
    words = [sys.executable, "-c", WORKER, str(FILES), str(path), "30000", "1000"]
    running = [subprocess.Popen([*words, str(writer), str(count)]) for writer in range(writers)]
    assert [process.wait(60) for process in running] == [0] * writers
    found = read(path)
    assert collections.Counter((one["writer"], one["number"]) for one in found) == collections.Counter(
        (str(writer), number) for writer in range(writers) for number in range(count)
    )
    assert len(list(tmp_path.glob("requests.jsonl.[0-9]*"))) > 20
    assert max(file.stat().st_size for file in tmp_path.glob("requests.jsonl*")) <= 30_000
    for writer in range(writers):
        # What a process writes stays in its order.
        numbers = [one["number"] for one in found if one["writer"] == str(writer)]
        assert numbers == sorted(numbers)


def test_the_files_are_bounded_in_number_and_size(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "requests.jsonl"
    for name in (".3", ".4", ".5"):
        # There were more of them once.
        path.with_name(path.name + name).write_text("{}\n")
    file = RecordFile(str(path), 200, 3)
    put(file, *(line(number) for number in range(100)))
    assert sorted(one.name for one in tmp_path.iterdir() if one.suffix != ".lock") == [
        "requests.jsonl",
        "requests.jsonl.1",
        "requests.jsonl.2",
    ]
    assert sum(one.stat().st_size for one in tmp_path.iterdir()) <= 600
    numbers = [one["number"] for one in read(path)]
    assert numbers == list(range(numbers[0], 100))


def test_one_file_of_a_line_that_is_larger_than_it_may_be(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "requests.jsonl"
    file = RecordFile(str(path), 50, 3)
    put(file, line(1, text="x" * 80), line(2))
    assert [one["number"] for one in read(path)] == [1, 2]


def test_a_file_that_is_gone_is_made_again_and_one_that_was_replaced_is_noticed(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "requests.jsonl"
    file = RecordFile(str(path), 10_000, 3)
    put(file, line(1))
    path.rename(tmp_path / "taken away")
    put(file, line(2))
    path.with_name("another").write_text("")
    path.with_name("another").replace(path)
    put(file, line(3))
    assert [one["number"] for one in read(path)] == [3]
    assert (tmp_path / "taken away").read_text().count("\n") == 1


def test_the_group_reads_it_and_nobody_else(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "requests.jsonl"
    before = os.umask(0o077)
    try:
        put(RecordFile(str(path), 10_000, 3), line(1))
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert stat.S_IMODE(path.with_name("requests.jsonl.lock").stat().st_mode) == 0o600


def test_a_link_is_not_followed(tmp_path: pathlib.Path) -> None:
    path, elsewhere = tmp_path / "requests.jsonl", tmp_path / "elsewhere"
    elsewhere.write_text("")
    path.symlink_to(elsewhere)
    file = RecordFile(str(path), 10_000, 3)
    put(file, line(1))
    assert (elsewhere.read_text(), file.lost) == ("", 1)


def test_what_cannot_be_written_is_counted_in_the_next_line_and_told_once(
    tmp_path: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "folder" / "requests.jsonl"
    file = RecordFile(str(path), 10_000, 3)
    put(file, line(1), line(2))
    put(file, line(3))
    path.parent.mkdir()
    put(file, line(4), line(5))
    assert read(path) == [{"number": 4, "lost": 3}, {"number": 5}]
    assert capfd.readouterr().err.count("can't be written") == 1


def test_a_full_disk_leaves_no_part_of_a_line(tmp_path: pathlib.Path) -> None:
    """A limit of the process stands for the disk: of the line that crosses it, the kernel writes a part."""
    path = tmp_path / "requests.jsonl"
    script = (
        "import resource, signal, sys; sys.path.insert(0, sys.argv[1])\n"
        "from ai_backend_record_file import RecordFile\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))\n"
        "file = RecordFile(sys.argv[2], 10000, 3)\n"
        "for number in range(9):\n"
        "    file.add(lambda number=number: {'number': number, 'text': 'x' * 20})\n"
        "    file.flush()\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)\n"
        "file.add(lambda: {'number': 9})\n"
        "file.flush()\n"
    )
    subprocess.run([sys.executable, "-c", script, str(FILES), str(path)], check=True, capture_output=True)
    found = read(path)
    assert [one["number"] for one in found] == [0, 1, 9]
    assert found[-1]["lost"] == 7


def test_lines_that_wait_for_a_disk_are_bounded(tmp_path: pathlib.Path) -> None:
    file = RecordFile(str(tmp_path / "requests.jsonl"), 10**9, 3)
    with file.mutex:
        # The disk hangs.
        for number in range(MOST_WAITING + 5):
            file.add(lambda number=number: line(number))  # type: ignore[misc]
        assert file.lost == 5
    file.flush()
    # The thread may have been the first.
    assert sum(one.get("lost", 0) for one in read(tmp_path / "requests.jsonl")) == 5


def test_the_journal_has_fields_to_look_for_and_no_text(tmp_path: pathlib.Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journald:
        journald.bind(str(tmp_path / "journal"))
        journald.settimeout(5)
        common = {"client": "ci", "path": "chat/completions", "model": "alpha", "deployment": None, "provider": "local"}
        record = {
            "id": "abc",
            "status": 502,
            "error": "engine_error",
            "duration_ms": 12.3,
            **common,
            "prompt": "secret",
        }
        Journal(str(tmp_path / "journal")).send(record)
        fields = dict(one.split("=", 1) for one in journald.recv(65536).decode().splitlines())
    assert fields["AI_BACKEND_REQUEST"] == "abc"
    assert fields["MESSAGE"] == "request abc: 502 chat/completions alpha for ci in 12 ms by local engine_error"
    assert (fields["AI_BACKEND_STATUS"], "AI_BACKEND_DEPLOYMENT" in fields) == ("502", False)
    assert "secret" not in str(fields)


def test_without_a_journal_the_file_is_written(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "requests.jsonl"
    journal = Journal(str(tmp_path / "nobody"))
    record = {"id": "abc", "status": 200, "error": None, "duration_ms": 1.0, "client": None, "path": "other"}
    put(RecordFile(str(path), 10_000, 3, journal), {**record, "model": None, "deployment": None, "provider": None})
    assert len(read(path)) == 1
