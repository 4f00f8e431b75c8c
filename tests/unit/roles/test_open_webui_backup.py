# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The copies of Open WebUI's databases: made before another version runs, complete, few, and brought back."""

from __future__ import annotations

import importlib.util
import pathlib
import sqlite3
import types
from contextlib import closing

import pytest

FILE = pathlib.Path(__file__).resolve().parents[3] / "roles/open_webui/files/backup.py"


def script() -> types.ModuleType:
    spec = importlib.util.spec_from_file_location("open_webui_backup", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


BACKUP = script()


def write(folder: pathlib.Path, text: str, name: str = "webui.db") -> None:
    path = folder / "data" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("create table if not exists chat (text)")
        database.execute("insert into chat values (?)", (text,))


def read(path: pathlib.Path) -> list[str]:
    with closing(sqlite3.connect(path)) as database:
        return [text for (text,) in database.execute("select text from chat")]


def copies(folder: pathlib.Path) -> list[pathlib.Path]:
    return sorted((folder / "backups").iterdir()) if (folder / "backups").exists() else []


@pytest.fixture
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """A state folder whose first version has run; each copy gets a second of its own."""
    seconds = iter(range(100))
    monkeypatch.setattr(BACKUP.time, "strftime", lambda *_: f"2026-01-01T00-00-{next(seconds):02}Z")
    BACKUP.main(["make", str(tmp_path), "one", "3"])
    write(tmp_path, "first")
    write(tmp_path, "vector", "vector_db/chroma.sqlite3")
    return tmp_path


def test_the_first_start_and_a_restart_copy_nothing(folder: pathlib.Path) -> None:
    BACKUP.main(["make", str(folder), "one", "3"])
    assert copies(folder) == []


def test_another_version_copies_all_databases_before(folder: pathlib.Path) -> None:
    BACKUP.main(["make", str(folder), "two", "3"])
    (copy,) = copies(folder)
    assert copy.name.endswith("-one")
    assert read(copy / "webui.db") == ["first"]
    assert read(copy / "vector_db/chroma.sqlite3") == ["vector"]
    assert (folder / "version").read_text() == "two\n"


def test_what_is_only_in_the_log_of_a_database_is_copied(folder: pathlib.Path) -> None:
    """A server that was killed leaves it there."""
    database = sqlite3.connect(folder / "data/webui.db")
    database.execute("pragma journal_mode = wal")
    with database:
        database.execute("insert into chat values ('late')")
    BACKUP.main(["make", str(folder), "two", "3"])
    database.close()
    assert read(copies(folder)[0] / "webui.db") == ["first", "late"]


def test_only_the_newest_are_kept(folder: pathlib.Path) -> None:
    for version in ("two", "three", "four", "five"):
        BACKUP.main(["make", str(folder), version, "2"])
    assert [copy.name.rpartition("-")[2] for copy in copies(folder)] == ["three", "four"]


def test_a_damaged_database_stops_the_start_and_leaves_the_version(folder: pathlib.Path) -> None:
    (folder / "data/webui.db").write_bytes(b"no database" * 1000)
    with pytest.raises(sqlite3.DatabaseError):
        BACKUP.main(["make", str(folder), "two", "3"])
    assert (folder / "version").read_text() == "one\n"
    assert not [copy for copy in copies(folder) if not copy.name.startswith(".")]


def test_a_copy_is_brought_back_and_what_was_there_is_a_copy_then(folder: pathlib.Path) -> None:
    BACKUP.main(["make", str(folder), "two", "3"])
    write(folder, "second")
    (copy,) = copies(folder)
    BACKUP.main(["restore", str(folder), copy.name])
    assert read(folder / "data/webui.db") == ["first"]
    assert (folder / "version").read_text() == "one\n"
    assert read(copies(folder)[-1] / "webui.db") == ["first", "second"]


@pytest.mark.parametrize("words", [[], ["make"], ["restore", "/nowhere"], ["remove", "/x", "y"]])
def test_other_words_are_refused(words: list[str]) -> None:
    with pytest.raises(SystemExit, match=r"backup\.py make"):
        BACKUP.main(words)


def test_an_unknown_copy_is_refused_with_those_there_are(folder: pathlib.Path) -> None:
    BACKUP.main(["make", str(folder), "two", "3"])
    with pytest.raises(SystemExit, match=copies(folder)[0].name):
        BACKUP.main(["restore", str(folder), "old"])
