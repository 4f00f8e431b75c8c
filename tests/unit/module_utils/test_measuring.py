# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The exporter: what the record, the collection, cards and Ollama add up to."""

from __future__ import annotations

import json
import os
import pathlib
from typing import Any

import pytest

from ansible_collections.lab.ai_backend.plugins.module_utils.host.haproxy import AdminSocket
from ansible_collections.lab.ai_backend.plugins.module_utils.host.host import Host
from ansible_collections.lab.ai_backend.plugins.module_utils.host.layout import Layout
from ansible_collections.lab.ai_backend.plugins.module_utils.host.systemd import Systemd
from ansible_collections.lab.ai_backend.plugins.module_utils.measuring.card_readings import card_readings
from ansible_collections.lab.ai_backend.plugins.module_utils.measuring.exporter import Exporter
from ansible_collections.lab.ai_backend.plugins.module_utils.measuring.families import Family, exposition
from ansible_collections.lab.ai_backend.plugins.module_utils.measuring.follow import Followed
from ansible_collections.lab.ai_backend.plugins.module_utils.measuring.tally import Tally
from ansible_collections.lab.ai_backend.plugins.module_utils.releases import refusals

RECORD: dict[str, Any] = {
    "time": "2026-11-30T12:00:00.250Z",
    "id": "one",
    "client": "lab",
    "path": "chat/completions",
    "model": "best",
    "deployment": "best#1|fast@gpu1/tiny",
    "provider": "fast",
    "status": 200,
    "error": None,
    "ttft_ms": 300.0,
    "duration_ms": 2300.0,
    "overhead_ms": 12.0,
    "stream": True,
    "tokens_in": 10,
    "tokens_out": 20,
    "cost": 0.5,
    "cache_hit": False,
    "fallbacks": [{"provider": "slow", "deployment": "x", "reason": "timeout"}],
    "slow": False,
}


def counted(*records: dict[str, Any], seconds: float = 5) -> str:
    tally = Tally(["best"], ["fast"], seconds)
    for record in records:
        tally.take(json.dumps({**RECORD, **record}))
    return exposition(tally.families())


def test_a_request_counts_for_its_model_its_client_and_all_providers_that_were_asked() -> None:
    text = counted({})
    for line in (
        'ai_backend_requests_total{error="",model="best",provider="fast",status="200"} 1',
        'ai_backend_client_requests_total{client="lab",status="200"} 1',
        'ai_backend_tokens_total{direction="out",model="best",provider="fast"} 20',
        'ai_backend_client_tokens_total{client="lab",direction="in"} 10',
        'ai_backend_cost_dollars_total{model="best",provider="fast"} 0.5',
        'ai_backend_provider_calls_total{provider="fast",result="answered"} 1',
        'ai_backend_provider_calls_total{provider="slow",result="failed"} 1',
        'ai_backend_fallbacks_total{provider="slow",reason="timeout"} 1',
        'ai_backend_first_token_seconds_bucket{le="0.25",model="best",provider="fast"} 0',
        'ai_backend_first_token_seconds_bucket{le="0.5",model="best",provider="fast"} 1',
        'ai_backend_request_duration_seconds_bucket{le="+Inf",model="best",provider="fast"} 1',
        'ai_backend_generation_seconds_total{model="best",provider="fast"} 2',
        "ai_backend_record_last_timestamp_seconds 1796040000.25",
    ):
        assert f"\n{line}\n" in text


def test_series_begin_with_zero_so_that_a_first_failure_is_an_increase() -> None:
    text = counted()
    assert '\nai_backend_requests_total{error="engine_error",model="best",provider="",status="500"} 0\n' in text
    assert '\nai_backend_provider_calls_total{provider="fast",result="failed"} 0\n' in text


@pytest.mark.parametrize(
    ("record", "slow"),
    [
        ({"ttft_ms": 4900.0}, False),
        ({"ttft_ms": 5100.0}, True),
        ({"ttft_ms": None, "stream": False, "duration_ms": 5100.0}, True),
        ({"ttft_ms": 5100.0, "status": 503}, False),
    ],
)
def test_an_answer_that_begins_late_is_slow(record: dict[str, Any], slow: bool) -> None:
    number = next(line[-1] for line in counted({}, record).splitlines() if line.startswith("ai_backend_slow_answers"))
    assert number == str(int(slow))


@pytest.mark.parametrize(
    ("record", "result"),
    [
        ({"status": 503, "error": "no_engine"}, "failed"),
        ({"error": "engine_error"}, "failed"),
        ({"status": 400, "error": "bad_request"}, "answered"),
        ({"cache_hit": True, "fallbacks": []}, None),
        ({"provider": None, "status": 401, "fallbacks": []}, None),
    ],
)
def test_a_fault_of_the_client_is_none_of_the_provider(record: dict[str, Any], result: str | None) -> None:
    lines = [line for line in counted(record).splitlines() if "provider_calls_total" in line and line.endswith(" 1")]
    assert [line for line in lines if "slow" not in line] == (
        [f'ai_backend_provider_calls_total{{provider="fast",result="{result}"}} 1'] if result else []
    )


def test_who_was_not_asked_has_not_failed() -> None:
    text = counted({"fallbacks": [{"provider": "slow", "deployment": None, "reason": "out_of_rotation"}]})
    assert 'ai_backend_fallbacks_total{provider="slow",reason="out_of_rotation"} 1' in text
    assert 'ai_backend_provider_calls_total{provider="slow"' not in text


def test_many_models_clients_and_a_scan_stay_within_the_budget_of_series() -> None:
    """300 models with a fallback each, 200 clients, and 5,000 requests for what nobody has."""
    models = [f"model-{number}" for number in range(300)]
    tally = Tally(models, ["first", "second"], 5)

    def ask(number: int) -> None:
        model, client = models[number % 300], f"client-{number % 200}"
        for more in ({}, {"provider": "second"}, {"status": 503, "error": "no_engine", "provider": "second"}):
            tally.take(json.dumps({**RECORD, "model": model, "client": client, "provider": "first", **more}))

    def series() -> int:
        return sum(1 for line in exposition(tally.families()).splitlines() if line[0] != "#")

    for number in range(600):
        ask(number)
    warm = series()
    for number in range(600, 1200):
        ask(number)
    refused = {"model": None, "client": None, "provider": None, "fallbacks": [], "path": "other"}
    for number in range(5000):
        status, error = ((401, "refused_key"), (404, "refused_path"), (404, "refused_model"))[number % 3]
        tally.take(json.dumps({**RECORD, **refused, "id": str(number), "status": status, "error": error}))
    assert warm <= 25_000, warm
    assert series() <= warm + 20


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"status": 200}', '{"status": 200, "time": "yesterday"}'])
def test_a_line_that_is_none_is_counted_and_stops_nothing(text: str) -> None:
    tally = Tally([], [], 5)
    tally.take(text)
    assert "\nai_backend_records_unreadable_total 1\n" in exposition(tally.families())


def test_the_file_is_read_over_its_renaming_without_a_loss(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "requests.jsonl"
    path.write_text("before\n")
    followed = Followed(str(path))
    with path.open("a") as first:
        first.write("1\n2")
        first.flush()
        assert list(followed.lines()) == ["1"]
        path.rename(tmp_path / "requests.jsonl.1")
        path.write_text("4\n")
        first.write("\n3\n")
        first.flush()
        assert list(followed.lines()) == ["2", "3", "4"]
    assert list(followed.lines()) == []


def test_a_file_that_comes_later_is_read_from_its_beginning(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "requests.jsonl"
    followed = Followed(str(path))
    assert list(followed.lines()) == []
    path.write_text("1\n")
    assert list(followed.lines()) == ["1"]


UNITS = """ActiveState=active
NRestarts=2
MemoryCurrent=1000

ActiveState=inactive
NRestarts=0
MemoryCurrent=[not set]
"""


def systemctl(argv: list[str], timeout: float = 0) -> tuple[int, str]:
    return (0, UNITS) if argv[0] == "systemctl" else (127, "")


@pytest.fixture
def host(tmp_path: pathlib.Path) -> Host:
    """A host with an edge that runs and a cache that does not, in a generation that has not ended."""
    layout = Layout(str(tmp_path))
    for name in ("edge", "redis"):
        release = pathlib.Path(layout.release(name, "abc"))
        release.mkdir(parents=True)
        (release / "manifest.json").write_text(json.dumps({"ports": {}, "probes": [], "listener": "", "slots": []}))
        os.makedirs(layout.instances, exist_ok=True)
        os.symlink(release, layout.instance(name))
    os.makedirs(layout.generations)
    generation = {"complete": False, "created": "2026-11-30T12:00:00Z"}
    refusals.note_refusal(layout, "redis", "def")
    pathlib.Path(layout.generations, "7.json").write_text(json.dumps(generation))
    return Host(layout, Systemd(systemctl), AdminSocket(""))


WATCHED: dict[str, Any] = {
    "host": "gpu1",
    "record": "",
    "models": [],
    "providers": ["fast"],
    "first_token_seconds": 5,
    "engines": {},
}


def test_it_tells_what_the_collection_knows(host: Host) -> None:
    text = Exporter(host, WATCHED).page()
    for line in (
        "ai_backend_generation_number 7",
        "ai_backend_generation_complete 0",
        'ai_backend_instance_changing{provider="",unit="edge"} 0',
        'ai_backend_unit_up{unit="edge"} 1',
        'ai_backend_unit_up{unit="redis"} 0',
        'ai_backend_unit_restarts_total{unit="edge"} 2',
        'ai_backend_unit_memory_bytes{unit="edge"} 1000',
        'ai_backend_release_info{release="abc",unit="edge"} 1',
        'ai_backend_provider_cooldown{provider="fast"} 0',
        'ai_backend_collector_up{collector="collection"} 1',
    ):
        assert f"\n{line}\n" in f"\n{text}"
    assert 'ai_backend_refused_timestamp_seconds{service="redis"}' in text


def test_a_part_that_fails_is_told_and_the_others_go_on(host: Host) -> None:
    def broken() -> list[Family]:
        raise OSError("no answer")

    text = Exporter(host, WATCHED, {"broken": broken}).page()
    assert 'ai_backend_collector_up{collector="broken"} 0' in text
    assert "ai_backend_generation_number 7" in text


def test_cards_are_read_with_the_units_of_the_base(host: Host) -> None:
    device = pathlib.Path(host.layout.path("sys/bus/pci/devices/0"))
    device.mkdir(parents=True)
    (device / "class").write_text("0x030000\n")
    (device / "vendor").write_text("0x10de\n")
    answer = "0, NVIDIA GeForce RTX 4090, 1024, 24564, 50, 61, 220.5\n1, NVIDIA T4, [N/A], 15360, 0, 40, [N/A]\n"
    text = exposition(card_readings(host.layout, lambda _argv, _timeout: (0, answer)))
    assert 'ai_backend_card_memory_used_bytes{card="0",name="NVIDIA GeForce RTX 4090"} 1073741824\n' in text
    assert 'ai_backend_card_utilization_ratio{card="0",name="NVIDIA GeForce RTX 4090"} 0.5\n' in text
    assert 'ai_backend_card_memory_used_bytes{card="1"' not in text
    silent = exposition(card_readings(host.layout, lambda _argv, _timeout: (124, "")))
    assert silent.endswith("ai_backend_cards_readable 0\n")


def test_without_a_card_there_is_no_series_of_one(host: Host) -> None:
    assert list(card_readings(host.layout, lambda _argv, _timeout: (0, ""))) == []
