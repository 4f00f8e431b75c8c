# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The status page: the window of the last minutes, the operator's key, and the page as a person reads it."""

from __future__ import annotations

import base64
import dataclasses
import html.parser
import json
import pathlib
from typing import Any

import pytest

from ansible_collections.lab.ai_backend.plugins.module_utils.host.haproxy import AdminSocket
from ansible_collections.lab.ai_backend.plugins.module_utils.host.host import Host
from ansible_collections.lab.ai_backend.plugins.module_utils.host.layout import Layout
from ansible_collections.lab.ai_backend.plugins.module_utils.host.systemd import Systemd
from ansible_collections.lab.ai_backend.plugins.module_utils.inspection.cooldowns import Cooldown
from ansible_collections.lab.ai_backend.plugins.module_utils.measuring import window as windows
from ansible_collections.lab.ai_backend.plugins.module_utils.measuring.exporter import Exporter
from ansible_collections.lab.ai_backend.plugins.module_utils.measuring.families import Family
from ansible_collections.lab.ai_backend.plugins.module_utils.measuring.operator_key import OperatorKey
from ansible_collections.lab.ai_backend.plugins.module_utils.measuring.served import Status, answer
from ansible_collections.lab.ai_backend.plugins.module_utils.measuring.status_data import (
    Card,
    Model,
    Picture,
    Provider,
    Service,
    picture,
    providers,
    services,
)
from ansible_collections.lab.ai_backend.plugins.module_utils.measuring.status_page import page, seconds, size
from ansible_collections.lab.ai_backend.plugins.module_utils.measuring.window import Window, percentile, step_of

RECORD: dict[str, Any] = {
    "time": "2026-11-30T12:00:00.250Z",
    "model": "best",
    "provider": "fast",
    "status": 200,
    "error": None,
    "ttft_ms": 300.0,
    "duration_ms": 2000.0,
    "cache_hit": False,
    "fallbacks": [],
}


class Clock:
    """A time that the tests set."""

    def __init__(self) -> None:
        self.now = 1_796_040_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def window(clock: Clock) -> Window:
    return Window(clock)


def take(window: Window, **changed: Any) -> None:
    window.take(json.dumps({**RECORD, **changed}))


def test_percentiles_are_within_half_a_step_of_the_truth(window: Window) -> None:
    for milliseconds in range(1, 1001):
        take(window, duration_ms=milliseconds)
    counts = window.models()["best"].whole
    for share in (0.5, 0.95, 0.99):
        assert percentile(counts, share) == pytest.approx(share, rel=0.045)
    assert percentile([0] * windows.COUNTS, 0.5) is None


@pytest.mark.parametrize(("milliseconds", "step"), [(0, 0), (1, 0), (2, 8), (1024, 80), (1e9, windows.COUNTS - 1)])
def test_each_duration_has_a_step(milliseconds: float, step: int) -> None:
    assert step_of(milliseconds) == step


def test_what_is_older_than_fifteen_minutes_is_forgotten(window: Window, clock: Clock) -> None:
    take(window)
    clock.now += 14 * 60
    take(window)
    assert window.models()["best"].requests == 2
    clock.now += 60
    assert window.models()["best"].requests == 1
    clock.now += 14 * 60
    assert (window.models(), window.providers()) == ({}, {})


def test_it_keeps_fifteen_minutes_and_no_more(window: Window, clock: Clock) -> None:
    for _ in range(60):
        take(window)
        clock.now += 60
    assert len(window.minutes) == windows.MINUTES


def test_a_clock_that_goes_back_leaves_nothing_of_the_future(window: Window, clock: Clock) -> None:
    take(window)
    clock.now -= 3600
    assert window.models() == {}


def test_failures_have_no_times_and_a_fault_of_the_client_is_none(window: Window) -> None:
    take(window, status=503, error="no_engine", duration_ms=9000)
    take(window, status=400, error="bad_request", duration_ms=9000)
    take(window, error="engine_error", duration_ms=9000)
    take(window)
    found = window.models()["best"]
    assert (found.requests, found.failed, sum(found.whole), sum(found.first)) == (4, 2, 1, 1)


def test_providers_count_every_call_that_a_request_caused(window: Window) -> None:
    before = [{"provider": "slow", "reason": "timeout"}, {"provider": "gone", "reason": "out_of_rotation"}]
    take(window, fallbacks=before)
    take(window, cache_hit=True)
    assert window.providers() == {"slow": (1, 1), "fast": (1, 0)}


def test_more_names_than_it_keeps_are_counted_together(window: Window) -> None:
    for number in range(windows.MOST + 100):
        take(window, model=f"model-{number}", provider=f"provider-{number}")
    models = window.models()
    assert len(models) == windows.MOST + 1
    assert models[windows.OTHERS].requests == 100
    assert window.providers()[windows.OTHERS] == (100, 0)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"status": 200, "model": "x", "duration_ms": "long"}'])
def test_a_line_that_is_none_stops_nothing(window: Window, text: str) -> None:
    window.take(text)
    take(window)
    assert window.models()["best"].requests == 1


def basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


@pytest.mark.parametrize("header", ["Bearer sk-1", "bearer  sk-1 ", basic("admin:sk-1"), basic(":sk-1")])
def test_the_key_opens_as_a_bearer_and_as_a_password(header: str) -> None:
    assert OperatorKey("sk-1").opens(header)


@pytest.mark.parametrize(
    "header",
    [
        *("", "sk-1", "Bearer", "Bearer sk-2", "Bearer sk-1x", "Bearer ü", "Basic", "Basic sk-1", "Basic ü"),
        *(basic("sk-1"), basic("sk-1:"), basic("admin:sk-1:"), basic("admin:SK-1"), "Digest sk-1"),
    ],
)
def test_nothing_else_opens(header: str) -> None:
    assert not OperatorKey("sk-1").opens(header)


def test_a_key_with_a_colon_is_a_password_too() -> None:
    assert OperatorKey("a:b").opens(basic("admin:a:b"))


def test_an_empty_key_opens_nothing() -> None:
    with pytest.raises(ValueError, match="empty"):
        OperatorKey("")


def test_without_a_page_and_on_other_paths_there_is_nothing() -> None:
    status = Status(OperatorKey("sk-1"), lambda: "page")
    assert answer("/status", "Bearer sk-1", str, None).status == 404
    assert answer("/status/", "Bearer sk-1", str, status).status == 404
    assert answer("/status?x=1", "Bearer sk-1", str, status).body == b"page"
    assert answer("/metrics", "", lambda: "numbers", status).body == b"numbers"


EMPTY = Picture("gpu1", 1_796_040_000, 1_796_039_000, True, (), (), (), (), None, (), ())
OUT = Cooldown("best", "fast", "gpu1", 34, "503 engine <is> gone")
FULL = dataclasses.replace(
    EMPTY,
    services=(Service("redis", "down", False, "abc", None, 3), Service("edge", "runs", True, "def", 12e6, 0)),
    providers=(Provider("fast", (OUT,), 10, 5), Provider("slow", (), 0, 0)),
    models=(Model("best", 10, 5, 0.34, 12.3, None),),
    cards=(Card("0", "RTX 4090", {"memory_used_bytes": 1e9, "memory_total_bytes": 24e9, "utilization_ratio": 0.5}),),
    card_driver=True,
)


class Reader(html.parser.HTMLParser):
    """What a browser makes of a page: its tags with their attributes, and its words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.inside: list[str] = []
        self.feed(text)
        self.close()
        assert self.inside == [], "every tag is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag != "meta":
            self.inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.inside.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.inside and self.inside[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.words)


def test_it_tells_everything_in_words() -> None:
    words = Reader(page(FULL)).text
    for part in (
        *("down: redis", "out of rotation: fast", "5 of 10 requests failed"),
        *("best: for 34 s more, after 503 engine <is> gone", "in rotation"),
        *("0.34 s", "12 s", "0: RTX 4090", "1.0 GB of 24.0 GB", "50%", "last 15 minutes", "2026-11-30 12:00:00 UTC"),
    ):
        assert part in words


def test_where_there_is_nothing_it_tells_so() -> None:
    words = Reader(page(EMPTY)).text
    for part in ("There were no requests yet.", "This host has no NVIDIA card.", "Nothing was deployed yet."):
        assert part in words
    assert "Requests are not recorded" in Reader(page(dataclasses.replace(EMPTY, recorded=False))).text
    assert "its driver does not answer" in Reader(page(dataclasses.replace(EMPTY, card_driver=False))).text
    assert "could not be read: cards" in Reader(page(dataclasses.replace(EMPTY, unread=("cards",)))).text


def test_a_window_that_is_not_full_tells_since_when() -> None:
    words = Reader(page(dataclasses.replace(EMPTY, since=EMPTY.made - 60))).text
    assert "since 2026-11-30 11:59:00 UTC, at most 15 minutes" in words


def test_it_loads_nothing_and_runs_nothing() -> None:
    found = Reader(page(FULL)).tags
    assert not {tag for tag, _ in found} & {"script", "link", "img", "iframe", "a", "form", "object", "svg"}
    assert not [name for _, names in found for name in names if name in ("src", "href") or name.startswith("on")]
    assert "url(" not in page(FULL) and "@import" not in page(FULL)
    assert ("meta", {"http-equiv": "refresh", "content": "15"}) in found


HOSTILE = """"'><script>alert(1)</script><img src=x onerror=alert(2)>&amp;</style>"""


def test_no_name_becomes_a_tag_or_an_attribute() -> None:
    generation: Any = {"number": 7, "created": HOSTILE, "complete": True, "summary": [HOSTILE], "touched": [HOSTILE]}
    generation["refused"] = {HOSTILE: HOSTILE}
    seen = dataclasses.replace(
        FULL,
        host=HOSTILE,
        services=(Service(HOSTILE, "runs", True, HOSTILE, 1.0, 0),),
        providers=(Provider(HOSTILE, (Cooldown(HOSTILE, HOSTILE, HOSTILE, 1, HOSTILE),), 1, 0),),
        models=(Model(HOSTILE, 1, 0, 0.1, 0.1, 0.1),),
        cards=(Card(HOSTILE, HOSTILE, {}),),
        changes=(generation,),
        unread=(HOSTILE,),
    )
    reader = Reader(page(seen))
    assert {tag for tag, _ in reader.tags} <= {tag for tag, _ in Reader(page(FULL)).tags}
    assert reader.text.count(HOSTILE) >= 13
    assert {name for _, names in reader.tags for name in names} <= {
        *("lang", "charset", "http-equiv", "content", "name", "class", "scope", "data-label")
    }


@pytest.mark.parametrize(("value", "shown"), [(None, "-"), (0.341, "0.34 s"), (3.21, "3.2 s"), (61.4, "61 s")])
def test_seconds_are_short(value: float | None, shown: str) -> None:
    assert seconds(value) == shown


@pytest.mark.parametrize(("value", "shown"), [(None, "-"), (5.2e6, "5 MB"), (23.94e9, "23.9 GB")])
def test_sizes_are_short(value: float | None, shown: str) -> None:
    assert size(value) == shown


def families(**series: dict[tuple[tuple[str, str], ...], float]) -> dict[str, Family]:
    return {
        f"ai_backend_{name}": Family(f"ai_backend_{name}", "gauge", "", dict(them)) for name, them in series.items()
    }


def test_every_state_of_a_unit_has_its_words() -> None:
    names = ("litellm@blue", "litellm@green", "llama-cpp@tiny", "redis", "edge")
    unit = {name: (("unit", name),) for name in names}
    found = services(
        families(
            release_info={(("release", "r"), ("unit", name)): 1.0 for name in names},
            unit_up={unit["litellm@blue"]: 1, unit["llama-cpp@tiny"]: 1, unit["redis"]: 0, unit["edge"]: 1},
            engine_asleep={(("provider", "tiny"), ("unit", "llama-cpp@tiny")): 1},
            slot_active={(("slot", "blue"),): 1, (("slot", "green"),): 0},
            slot_draining={(("slot", "green"),): 0},
        )
    )
    assert [(one.name, one.state) for one in found] == [
        ("redis", "down"),
        ("edge", "runs"),
        ("litellm@blue", "serves"),
        ("litellm@green", "idle slot"),
        ("llama-cpp@tiny", "asleep"),
    ]


def test_providers_are_those_of_the_registry_and_those_that_were_asked(window: Window) -> None:
    take(window, provider="other")
    found = providers(["fast", "slow"], [OUT], window)
    assert [(one.name, one.calls, len(one.out)) for one in found] == [("fast", 0, 1), ("other", 1, 0), ("slow", 0, 0)]


WATCHED: dict[str, Any] = {"host": "gpu1", "models": [], "providers": [], "first_token_seconds": 5, "engines": {}}


def test_the_exporter_makes_the_page_from_the_record(tmp_path: pathlib.Path) -> None:
    record = tmp_path / "requests.jsonl"
    host = Host(Layout(str(tmp_path)), Systemd(lambda _argv, _timeout=0: (0, "")), AdminSocket(""))
    exporter = Exporter(host, {**WATCHED, "record": str(record)})
    record.write_text(json.dumps(RECORD) + "\n")
    exporter.count()
    exporter.look()
    words = Reader(exporter.status).text
    assert "best" in words and "2.0 s" in words and "0 of 1 requests failed" in words


def test_a_page_that_could_not_be_made_replaces_the_old_one(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    host = Host(Layout(str(tmp_path)), Systemd(lambda _argv, _timeout=0: (0, "")), AdminSocket(""))
    exporter = Exporter(host, {**WATCHED, "record": ""})
    exporter.look()
    assert "Requests are not recorded" in exporter.status
    monkeypatch.setattr(f"{picture.__module__}.last_changes", lambda _layout: 1 / 0)
    exporter.look()
    assert "could not be made" in Reader(exporter.status).text
    assert "ZeroDivisionError" in capsys.readouterr().err
