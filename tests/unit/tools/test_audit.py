"""What `make audit` says of pins: also where it could not ask, because silence would look like a proof."""

from __future__ import annotations

import json
import pathlib
import sys

import pytest

import audit
from toolcache import ROOT

PINS = [("litellm", "1.106.2"), ("requests", "2.20.0")]
RECORD = {
    "id": "PYSEC-1",
    "aliases": ["CVE-1"],
    "affected": [
        {
            "package": {"ecosystem": "PyPI", "name": "Requests"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.31.0"}]}],
        }
    ],
}


def test_what_the_database_lacks_is_not_taken_for_sound() -> None:
    answer = [
        {"name": "litellm", "skip_reason": "Dependency not found"},
        {
            "name": "requests",
            "version": "2.20.0",
            "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["2.31.0"]}],
        },
    ]
    assert audit.skipped(answer) == {"litellm"}
    assert audit.found_in(answer) == ["requests 2.20.0 has PYSEC-1, CVE-1, fixed in 2.31.0"]


def test_two_versions_of_a_package_are_asked_one_after_the_other() -> None:
    pins = [("a", "1"), ("a", "2"), ("b", "1")]
    assert audit.rounds(pins) == [[("a", "1"), ("b", "1")], [("a", "2")]]


@pytest.mark.parametrize(
    ("events", "inside", "outside"),
    [
        ([{"introduced": "0"}, {"fixed": "1.84.0"}], ["0.1", "1.83.9"], ["1.84.0", "1.106.2"]),
        ([{"introduced": "1.2"}, {"last_affected": "1.4"}], ["1.2", "1.4"], ["1.1", "1.4.1"]),
        ([{"introduced": "1"}, {"fixed": "2"}, {"introduced": "3"}, {"fixed": "4"}], ["1.5", "3.5"], ["2.5", "4"]),
        ([{"introduced": "1"}], ["1", "99"], ["0.9"]),
    ],
)
def test_a_range_of_a_record_is_read(events: list[dict[str, str]], inside: list[str], outside: list[str]) -> None:
    entry = {"ranges": [{"type": "ECOSYSTEM", "events": events}]}
    assert [version for version in [*inside, *outside] if audit.affects(entry, version)] == inside


def test_a_folder_of_records_is_a_database(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(RECORD))
    (tmp_path / "b.yaml").write_text(json.dumps({**RECORD, "id": "PYSEC-2", "withdrawn": "2026-01-01T00:00:00Z"}))
    assert list(audit.in_folder(tmp_path, PINS)) == ["requests 2.20.0 has PYSEC-1, CVE-1"]


def test_a_folder_without_records_is_no_database(tmp_path: pathlib.Path) -> None:
    with pytest.raises(SystemExit, match="holds no OSV records"):
        list(audit.in_folder(tmp_path, PINS))


@pytest.mark.parametrize(
    ("found", "unknown", "code"), [([], set(), 0), (["x"], set(), 1), ([], {PINS[0]}, 3), (["x"], {PINS[0]}, 1)]
)
def test_its_exit_code_tells_found_from_not_asked(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    found: list[str],
    unknown: set[tuple[str, str]],
    code: int,
) -> None:
    monkeypatch.setattr(audit, "online", lambda pins, service: (found, unknown))
    monkeypatch.setattr(sys, "argv", ["audit.py"])
    with pytest.raises(SystemExit) as ended:
        audit.main()
    assert ended.value.code == code
    assert ("were compared only with" in capsys.readouterr().err) == bool(unknown)


def test_all_locks_are_looked_at() -> None:
    named = {lock for locks in audit.all_pins().values() for lock in locks}
    assert "roles/litellm/files/litellm.lock" in named
    assert named >= {str(path.relative_to(ROOT)) for path in (ROOT / "requirements").glob("*.txt")}
