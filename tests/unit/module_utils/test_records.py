"""The records of requests, read again: filtered, followed over a change of files, and counted."""

from __future__ import annotations

import json
import pathlib
import time
from typing import Any

import pytest

from ansible_collections.lab.ai_backend.plugins.module_utils.records.reading import (
    RecordsError,
    Tail,
    Wanted,
    backwards,
    found,
    moment,
    opened,
)
from ansible_collections.lab.ai_backend.plugins.module_utils.records.summary import quantile, summary
from ansible_collections.lab.ai_backend.plugins.module_utils.records.words import line_of, summary_lines

NOW = 1_790_000_000


def record(number: int, **more: Any) -> dict[str, Any]:
    """One of the second `number` of the test."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(NOW + number))
    common = {"time": f"{stamp}.250Z", "id": f"r{number}", "client": "ci", "model": "alpha", "provider": "local"}
    common |= {"status": 200, "error": None, "duration_ms": 100.0 + number, "ttft_ms": None, "slow": False}
    return {**common, "tokens_in": 9, "tokens_out": 1, "cost": None, "cache_hit": False, "fallbacks": [], **more}


def write(path: pathlib.Path, *records: dict[str, Any]) -> None:
    with path.open("a") as file:
        file.writelines(json.dumps(one) + "\n" for one in records)


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "requests.jsonl"


def ids(records: list[dict[str, Any]]) -> list[str]:
    return [one["id"] for one in records]


def test_all_files_are_read_in_the_order_of_time(path: pathlib.Path) -> None:
    for suffix, numbers in ((".2", (1, 2)), (".1", (4, 3)), ("", (5, 6))):
        write(path.with_name(path.name + suffix), *map(record, numbers))
    assert ids(found(str(path), Wanted())) == ["r1", "r2", "r3", "r4", "r5", "r6"]
    assert ids(found(str(path), Wanted(), 2)) == ["r5", "r6"]
    assert ids(found(str(path), Wanted(since=NOW + 4))) == ["r4", "r5", "r6"]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Wanted(model="beta"), ["r2"]),
        (Wanted(client="page"), ["r3"]),
        (Wanted(id="r1"), ["r1"]),
        (Wanted(slow=True), ["r3"]),
        (Wanted(errors=True), ["r4"]),
        (Wanted(errors=True, model="beta"), []),
    ],
)
def test_filters_are_all_true_of_what_is_shown(path: pathlib.Path, wanted: Wanted, expected: list[str]) -> None:
    write(path, record(1), record(2, model="beta"), record(3, client="page", slow=True), record(4, error="timeout"))
    assert ids(found(str(path), wanted)) == expected


def test_what_is_no_record_is_left_out(path: pathlib.Path) -> None:
    write(path, record(1))
    with path.open("ab") as file:
        file.write(b'\xff\xfe\n{}\n[1]\n"text"\n\n{"time": "odd", "id": "x"}\n{"time": "2026')
    assert ids(found(str(path), Wanted(since=NOW))) == ["r1"]


def test_lines_longer_than_a_block_are_whole(path: pathlib.Path) -> None:
    write(path, *(record(number, prompt="x" * 70_000) for number in range(3)))
    descriptor = opened(str(path))
    assert [json.loads(line)["id"] for line in backwards(descriptor)] == ["r2", "r1", "r0"]


def test_a_tail_goes_on_in_the_next_file_and_loses_nothing(path: pathlib.Path) -> None:
    write(path, record(0))
    tail = Tail(str(path))
    assert tail.new() == []
    with path.open("a") as file:
        whole = json.dumps(record(1)) + "\n"
        file.write(whole[:20])
        file.flush()
        assert tail.new() == []
        file.write(whole[20:])
    assert ids(tail.new()) == ["r1"]
    write(path, record(2))
    path.rename(f"{path}.1")
    # Between two files there may be none.
    assert ids(tail.new()) == ["r2"]
    write(path, record(3))
    assert ids(tail.new()) == ["r3"]
    tail.close()


def test_there_may_be_no_file_or_none_that_one_may_read(path: pathlib.Path) -> None:
    with pytest.raises(RecordsError, match="no records yet"):
        found(str(path), Wanted())
    target = path.with_name("elsewhere")
    write(target, record(1))
    path.symlink_to(target)
    with pytest.raises(RecordsError):
        Tail(str(path))


def test_times_are_of_the_clock() -> None:
    assert moment(record(7)) == NOW + 7.25
    assert moment({"time": None}) == 0


def test_quantiles_are_values_that_were_measured() -> None:
    assert [quantile([10.0, 20.0, 30.0, 40.0], share) for share in (0.5, 0.95, 0.99)] == [20.0, 40.0, 40.0]
    assert quantile([7.0], 0.5) == 7.0
    assert quantile([], 0.5) is None


def test_a_summary_counts_by_model_client_and_provider() -> None:
    records = [record(number, ttft_ms=5.0) for number in range(4)]
    records += [record(9, model="beta", client=None, error="timeout", duration_ms=9000.0, cost=0.5, tokens_in=None)]
    total = summary(records)
    assert (total["all"]["requests"], total["all"]["errors"], total["errors"]) == (5, 1, {"timeout": 1})
    assert [(row["name"], row["requests"], row["errors"]) for row in total["model"]] == [
        ("alpha", 4, 0),
        ("beta", 1, 1),
    ]
    assert [row["name"] for row in total["client"]] == ["ci", "-"]
    alpha, beta = total["model"]
    assert (alpha["p50_ms"], alpha["p99_ms"], alpha["ttft_p50_ms"], alpha["tokens_in"]) == (101.0, 103.0, 5.0, 36)
    # How long a failure took tells nothing of a model's speed.
    assert (beta["p50_ms"], beta["cost"]) == (None, 0.5)
    # Of a provider that is asked first and never answers, this is all there is.
    total = summary([record(1, fallbacks=[{"provider": "first", "reason": "no_engine"}])])
    assert [(row["name"], row["requests"], row["went_on"]) for row in total["provider"]] == [
        ("local", 1, 0),
        ("first", 0, 1),
    ]
    assert (total["all"]["went_on"], total["model"][0]["went_on"]) == (1, 1)
    words = "\n".join(summary_lines(summary(records)))
    assert "by provider" in words
    assert "errors: 1 timeout" in words


def test_a_line_tells_what_happened_and_changes_no_terminal() -> None:
    line = line_of(
        record(1, slow=True, error="engine_error", status=502, fallbacks=[{"provider": "first", "reason": "timeout"}])
    )
    for words in ("502", "101 ms", "ci", "alpha", "by local", "9+1 tokens", "SLOW", "engine_error", "r1"):
        assert words in line
    assert "after first (timeout)" in line
    assert "\x1b" not in line_of(record(1, model="\x1b[2J", id="a\nb"))
