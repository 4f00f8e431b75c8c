"""An edit of a file changes the lines of one provider, and no other byte."""

from __future__ import annotations

import difflib

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.lab.ai_backend.plugins.plugin_utils.editing.provider_text import added, removed, with_status
from ansible_collections.lab.ai_backend.plugins.plugin_utils.findings.findings import RegistryError

TEXT = """\
---
# The engines of the lab.
ai_backend_other: 1   # ours

ai_backend_providers:   # what answers
  # Old card, slow.
  ollama:
    type: ollama
    models:
    - llama3.1:8b
    -   name: qwen   # odd blanks stay

  # In the other room.
  vllm:
    base_url: "http://10.0.0.9:8001"   # wired
    type: vllm
    notes: |
      two
      lines

  openai: {type: openai, models: [gpt-4o]}
ai_backend_ports: {}
"""


def changed(before: str, after: str) -> list[str]:
    """The lines that differ, with - or +."""
    lines = difflib.ndiff(before.splitlines(), after.splitlines())
    return [f"{line[0]}{line[2:]}" for line in lines if line[0] in "-+"]


def test_a_provider_is_added_after_the_others() -> None:
    text = added("p.yml", TEXT, "mine", {"type": "ollama", "managed": False, "models": ["a", "b"]})
    assert changed(TEXT, text) == ["+", "+  mine:", "+    type: ollama", "+    managed: false", "+    models: [a, b]"]
    assert list(yaml.safe_load(text)["ai_backend_providers"]) == ["ollama", "vllm", "openai", "mine"]


@pytest.mark.parametrize("empty", ["ai_backend_providers: {}  # none\n", "ai_backend_providers:  # none\n"])
def test_the_first_provider_is_added_below_the_variable(empty: str) -> None:
    text = added("p.yml", f"a: 1\n{empty}b: 2\n", "mine", {"type": "ollama"})
    assert yaml.safe_load(text) == {"a": 1, "ai_backend_providers": {"mine": {"type": "ollama"}}, "b": 2}
    assert "# none" in text


def test_a_provider_is_removed_with_the_comment_right_above_it() -> None:
    assert changed(TEXT, removed("p.yml", TEXT, "vllm")) == [
        "-  # In the other room.",
        "-  vllm:",
        '-    base_url: "http://10.0.0.9:8001"   # wired',
        "-    type: vllm",
        "-    notes: |",
        "-      two",
        "-      lines",
        "-",
    ]


def test_a_comment_right_below_the_variable_may_be_about_all_and_stays() -> None:
    text = removed("p.yml", TEXT, "ollama")
    assert "# Old card, slow." in text
    assert "llama3.1:8b" not in text


def test_the_last_one_leaves_an_empty_mapping() -> None:
    text = removed("p.yml", "ai_backend_providers:   # what answers\n  a: {type: ollama}\nb: 1\n", "a")
    assert text == "ai_backend_providers: {}   # what answers\nb: 1\n"


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("ollama", ["+    status: inactive"]),
        (
            "openai",
            [
                "-  openai: {type: openai, models: [gpt-4o]}",
                "+  openai: {status: inactive, type: openai, models: [gpt-4o]}",
            ],
        ),
    ],
)
def test_a_status_is_written_where_there_is_none(name: str, lines: list[str]) -> None:
    assert changed(TEXT, with_status("p.yml", TEXT, name, "inactive")) == lines


def test_a_status_that_is_there_is_replaced_with_its_comment_kept() -> None:
    text = TEXT.replace("    type: vllm\n", "    type: vllm\n    status:   'template'  # later\n")
    again = with_status("p.yml", text, "vllm", "active")
    assert changed(text, again) == ["-    status:   'template'  # later", "+    status:   active  # later"]


def test_line_ends_and_a_missing_last_one_stay() -> None:
    text = "ai_backend_providers:\r\n  a: {type: ollama}\r\n  b:\r\n    type: vllm"
    more = added("p.yml", text, "c", {"type": "openai"})
    assert more == text + "\r\n  c:\r\n    type: openai\r\n" or more == text + "\r\n  c: {type: openai}\r\n"
    assert with_status("p.yml", text, "b", "inactive").endswith("  b:\r\n    status: inactive\r\n    type: vllm")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ai_backend_providers: {a: {type: ollama}}\n", "write each one on lines of its own"),
        ("ai_backend_cache: {}\n", "is not in this file"),
        ("x: &x {type: ollama}\nai_backend_providers:\n  a: *x\n", "write `status:` by hand"),
        ("ai_backend_providers:\n  b: {type: ollama}\n", "write a name that is there"),
        ("ai_backend_providers: [\n", "is not YAML"),
    ],
)
def test_what_is_written_in_another_way_is_left_alone_with_the_reason(text: str, words: str) -> None:
    with pytest.raises(RegistryError, match=words):
        with_status("p.yml", text, "a", "inactive")


PLAIN = st.text(alphabet="abz: #'\"-é", min_size=0, max_size=12)
ENTRY = st.dictionaries(
    st.sampled_from(["type", "base_url", "notes", "models"]),
    st.one_of(PLAIN, st.booleans(), st.lists(PLAIN, max_size=3), st.dictionaries(PLAIN, PLAIN, max_size=2)),
    max_size=4,
)


@given(
    entries=st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), ENTRY, max_size=4),
    flow=st.sampled_from([None, False]),
    entry=ENTRY,
)
def test_whatever_the_file_holds_the_others_stay_and_the_way_back_is_exact(
    entries: dict[str, object], flow: bool | None, entry: dict[str, object]
) -> None:
    data = {"ai_backend_providers": entries, "ai_backend_cache": {"ttl": 1}}
    text = yaml.safe_dump(data, sort_keys=False, default_flow_style=flow, allow_unicode=True)
    more = added("p.yml", text, "mine", entry)  # type: ignore[arg-type]
    assert yaml.safe_load(more) == {**data, "ai_backend_providers": {**entries, "mine": entry}}
    assert yaml.safe_load(removed("p.yml", more, "mine")) == data
