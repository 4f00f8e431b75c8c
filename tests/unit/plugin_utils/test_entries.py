# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the filters hand to the library reaches it: places, scopes, other hosts' addresses, two registries."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.lab.ai_backend.plugins.plugin_utils import entries
from ansible_collections.lab.ai_backend.plugins.plugin_utils import guard as edge
from ansible_collections.lab.ai_backend.plugins.plugin_utils.findings.findings import RegistryError
from ansible_collections.lab.ai_backend.plugins.plugin_utils.plan import fleet
from ansible_collections.lab.ai_backend.plugins.plugin_utils.validation import validation

Raw = dict[str, Any]
GROUPS = {"gateway": ["one"], "redis": ["one"], "llama_cpp": ["two"]}
ADDRESSES = {"one": "10.0.0.1", "two": "10.0.0.2"}


class Placed(str):
    """A text that knows where it stands, as ansible-core tags them."""

    def __new__(cls, text: str, place: str) -> Placed:
        made = super().__new__(cls, text)
        made.place = place
        return made

    place: str


def origin_of(value: object) -> str | None:
    return getattr(value, "place", None)


def test_a_finding_has_the_place_of_its_key(lab: Callable[..., Raw]) -> None:
    raw = lab(cache={Placed("ttl", "all.yml:7"): 0})
    (row,) = entries.validate(raw, GROUPS, ADDRESSES, None, None, origin_of)["report"]["findings"]
    assert (row["path"], row["file"], row["line"]) == ("ai_backend_cache.ttl", "all.yml", 7)


def test_keys_that_stand_twice_are_looked_for_in_the_files_the_values_come_from(
    lab: Callable[..., Raw], tmp_path: Path
) -> None:
    file = tmp_path / "cache.yml"
    file.write_text("ai_backend_cache:\n  ttl: 1\n  ttl: 2\n")
    raw = lab(cache={Placed("ttl", f"{file}:3"): 2})
    outcome = entries.validate(raw, GROUPS, ADDRESSES, None, None, origin_of)
    (row,) = outcome["report"]["findings"]
    assert (row["check"], row["path"], row["file"], row["line"]) == ("yaml", "ai_backend_cache.ttl", str(file), 3)
    assert outcome["plan"] is None
    # The value's own place leads there too.
    raw = lab(cache={"ttl": 2, "namespace": Placed("x", f"{file}:9")}, gateway=Placed("", f"{tmp_path}/gone.yml:1"))
    assert entries.validate(raw, GROUPS, ADDRESSES, None, None, origin_of)["report"]["critical"] >= 1


def test_memory_and_addresses_reach_their_checks(lab: Callable[..., Raw]) -> None:
    raw = lab()
    raw["providers"]["native"]["models"] = [{"name": "m:70b", "path": "/m.gguf"}]
    (row,) = entries.validate(raw, GROUPS, ADDRESSES, {"two": 8}, None, origin_of)["report"]["findings"]
    assert (row["check"], row["severity"]) == ("capacity", "warning")
    lacking = entries.validate(raw, GROUPS, {"one": "10.0.0.1"}, None, None, origin_of)["report"]["findings"]
    assert {row["path"] for row in lacking} == {"inventory.two"}
    config = entries.litellm_config(raw, GROUPS, ADDRESSES, "one")
    assert "http://127.68.204.254:8080/v1" in config


def test_memory_that_was_found_is_held_against_the_models_as_declared_memory_is(lab: Callable[..., Raw]) -> None:
    raw = lab()
    raw["providers"]["native"]["models"] = [{"name": "m:70b", "path": "/m.gguf"}]
    engines = entries.plan(raw, GROUPS, ADDRESSES)["hosts"]["two"]["in_memory"]

    def found(*cards: int, host: int = 0) -> list[Raw]:
        rows: list[Raw] = entries.live_capacity(engines, "two", list(cards), host)
        return rows

    (row,) = found(12288, 12288)
    assert (row["check"], row["severity"], row["host"]) == ("capacity", "warning", "two")
    assert row["path"] == "ai_backend_providers.native.models[0]"
    assert row["message"].startswith("host 'two' has 24 GiB of GPU memory, its models need about ")
    assert entries.live_report([row], None, None)["report"]["warning"] == 1
    assert found(81920) == found(81920, host=4096) == []
    assert found() == []
    # Without a card the models are in the memory of the host.
    (row,) = found(host=16384)
    assert row["message"].startswith("host 'two' has 16 GiB of memory, its models need about ")
    assert found(host=131072) == []


def test_what_the_files_of_models_tell_is_held_against_what_is_known_of_the_memory(lab: Callable[..., Raw]) -> None:
    raw = lab()
    options = {"gpu_layers": "all"}
    raw["providers"]["native"]["models"] = [
        {"name": "m", "path": "/m.gguf", "context_length": 4096, "options": options}
    ]
    host = entries.plan(raw, GROUPS, ADDRESSES)["hosts"]["two"]
    layer = {"bytes": 20 << 30, "experts": 0, "k": 1024, "v": 1024, "window": 0, "state": 0}
    shape = {"context": 4096, "width": 64, "heads": 4, "vocabulary": 64, "picture_bytes": 0}
    size = {"bytes": 20 << 30, "input_bytes": 0, "output_bytes": 0, "layers": [layer]}
    models = {"/m.gguf": {"problem": "", **shape, **size}}
    assert host["model_files"] == ["/m.gguf"]

    def found(cards: list[int], declared: object, models: Raw) -> list[Raw]:
        rows: list[Raw] = entries.live_capacity(host["in_memory"], "two", cards, 0, declared, models)
        return rows

    (row,) = found([16384], "", models)
    assert (row["check"], row["severity"], row["path"]) == (
        "capacity",
        "critical",
        "ai_backend_providers.native.models[0]",
    )
    assert row["message"].startswith("host 'two' has 16 GiB of GPU memory, weights and cache of its models need 20.0 (")
    assert found([32768], "16", models) == [], "what the cards tell is what they have"
    # Without a tool that tells it, the inventory does; what it declares was compared with names before.
    (row,) = found([], 16, models)
    assert (row["severity"], row["message"][:24]) == ("critical", "host 'two' declares 16 G")
    assert found([], 16, {}) == found([], "", models) == found([], None, models) == []
    (row,) = found([], "", {"/m.gguf": {**models["/m.gguf"], "problem": "is cut off"}})
    assert (row["severity"], row["message"]) == ("warning", "/m.gguf is cut off")


def test_what_cannot_be_read_is_a_report_with_the_reason(tmp_path: Path) -> None:
    broken, whole = tmp_path / "group_vars" / "all" / "a.yml", tmp_path / "host_vars" / "b.yml"
    for file in (broken, whole):
        file.parent.mkdir(parents=True)
    broken.write_text("x: [")
    whole.write_text("x: 1")
    (row,) = entries.unreadable([str(tmp_path)])["findings"]
    assert (row["check"], row["file"]) == ("yaml", str(broken))
    (row,) = entries.unreadable([str(whole)])["findings"]
    assert (row["check"], row["path"], row["message"]) == ("yaml", "registry", "Ansible stopped before it was read")
    assert row["hint"] == "see its standard error"
    assert edge.unreadable([str(whole)])["critical"] == 1


def test_two_registries_are_compared_in_the_order_they_are_given(lab: Callable[..., Raw]) -> None:
    more = lab()
    more["providers"]["openai"]["models"] = ["gpt-4o-mini", "gpt-4o", "gpt-5"]
    assert entries.routing_diff(lab(), more, GROUPS, ADDRESSES)["added"] == ["gpt-5"]
    assert entries.routing_diff(more, lab(), GROUPS, ADDRESSES)["removed"] == ["gpt-5"]
    for pair in ((lab(cache={"ttl": 0}), lab()), (lab(), lab(cache={"ttl": 0}))):
        with pytest.raises(RegistryError, match=r"ai_backend_cache\.ttl"):
            entries.routing_diff(*pair, GROUPS, ADDRESSES)


def test_without_the_library_the_report_has_its_usual_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def without(name: str, *arguments: Any, **more: Any) -> Any:
        if not name and "entries" in (arguments[2] or ()):
            raise ImportError("No module named 'netaddr'", name="netaddr")
        return original(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    text = f"lab.ai_backend needs netaddr in the Python that runs Ansible: {edge.PIP}"
    row = {"check": "schema", "severity": "critical", "path": "python", "file": None, "line": None}
    row |= {"message": text, "hint": edge.PIP, "docs": "docs/quick-start.md"}
    assert edge.validate({}, {}, None, None, None) == {
        "report": {"schema": 1, "critical": 1, "warning": 0, "findings": [row]},
        "lines": [text],
        "plan": None,
    }


def test_an_error_has_its_findings_with_their_places(lab: Callable[..., Raw]) -> None:
    with pytest.raises(LookupError, match=r"The registry has 1 problem:\n  ai_backend_cache\.ttl: ") as caught:
        edge.call(LookupError, "plan", lab(cache={"ttl": 0}), GROUPS, ADDRESSES)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "ask",
    [
        lambda raw: entries.plan(raw, GROUPS, ADDRESSES),
        lambda raw: entries.litellm_config(raw, GROUPS, ADDRESSES, "one"),
        lambda raw: entries.explain(raw, "gpt-4o", GROUPS, ADDRESSES, ()),
        lambda raw: entries.validate(raw, GROUPS, ADDRESSES, None, None, lambda value: None),
    ],
    ids=["plan", "litellm_config", "explain", "validate"],
)
def test_hosts_are_placed_and_the_plan_is_made_once_a_call(
    lab: Callable[..., Raw], monkeypatch: pytest.MonkeyPatch, ask: Callable[[Raw], Any]
) -> None:
    made: list[str] = []

    def counted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *arguments: (made.append(name), function(*arguments))[1]

    monkeypatch.setattr(fleet, "place", counted("placed", fleet.place))
    monkeypatch.setattr(fleet, "reach_of", counted("reached", fleet.reach_of))
    monkeypatch.setattr(validation, "plan_of", counted("planned", validation.plan_of))
    ask(lab())
    assert sorted(made) == ["placed", "planned", "reached"]


def test_a_sound_registry_is_one_line(lab: Callable[..., Raw]) -> None:
    outcome = entries.validate(lab(), GROUPS, ADDRESSES, None, None, origin_of)
    models, providers = (len(outcome["plan"][name]) for name in ("models", "providers"))
    assert outcome["lines"] == [f"12 checks, {models} models, {providers} providers: sound"]
    (line,) = entries.validate(lab(), GROUPS, ADDRESSES, None, "routes", origin_of)["lines"]
    assert line.startswith("1 check, ")
    assert "sound" not in str(entries.validate(lab(), GROUPS, {}, None, None, origin_of)["lines"])
