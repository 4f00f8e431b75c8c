"""Whose groups an inventory holds: ours are found among those of others, and nobody else's host is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from ansible_collections.lab.ai_backend.plugins.plugin_utils.plan.our_groups import groups_used, our_groups, our_hosts

ALL = ["gw", "gpu", "web", "queue"]
PLAIN = {"all": ALL, "gateway": ["gw"], "redis": ["gw"], "llama_cpp": ["gpu"]}
COMPANY = {"all": ALL, "gateway": ["web"], "redis": ["queue"], "ollama": ["queue"]}
OURS = {"ai_backend_gateway": ["gw"], "ai_backend_redis": ["gw"], "ai_backend_llama_cpp": ["gpu"]}


def test_plain_groups_are_read_as_they_stand() -> None:
    assert our_groups(PLAIN, {}) == PLAIN
    assert our_hosts(PLAIN, {}, []) == ["gw", "gpu"]


def test_a_prefixed_group_is_looked_for_first() -> None:
    read = our_groups({**COMPANY, **OURS}, {})
    assert (read["gateway"], read["redis"], read["llama_cpp"]) == (["gw"], ["gw"], ["gpu"])
    assert our_hosts({**COMPANY, **OURS}, {}, []) == ["gw", "gpu"]


def test_a_plain_group_is_somebody_elses_once_a_prefixed_one_is_there() -> None:
    groups = {**COMPANY, "ai_backend_gateway": ["gw"]}
    assert our_groups(groups, {})["redis"] == []
    assert our_hosts(groups, {}, []) == ["gw"]


def test_what_a_provider_names_is_ours_also_without_a_prefix() -> None:
    groups = {**COMPANY, "ai_backend_gateway": ["gw"], "cards": ["gpu"]}
    assert our_groups(groups, {})["cards"] == ["gpu"]
    assert our_hosts(groups, {}, ["cards"]) == ["gw", "gpu"]


def test_a_setting_names_any_other_group() -> None:
    groups = {**COMPANY, "llm": ["gw"], "cards": ["gpu"]}
    named = {"gateway": "llm", "redis": "llm", "llama_cpp": "cards"}
    assert our_groups(groups, named)["gateway"] == ["gw"]
    assert our_hosts({**groups, **OURS}, {"redis": "nowhere"}, []) == ["gw", "gpu"]


@pytest.mark.parametrize("made", ["ours", "planned", "members", "all"])
def test_what_the_playbooks_make_themselves_is_no_word(made: str) -> None:
    groups = {**PLAIN, f"ai_backend_{made}": ["web"]}
    assert our_groups(groups, {}).get(made) == PLAIN.get(made)
    assert our_hosts(groups, {}, []) == ["gw", "gpu"]


def test_an_inventory_without_groups_is_a_list_of_our_hosts() -> None:
    assert our_hosts({"all": ["gw"], "ungrouped": ["gw"]}, {}, []) == ["gw"]


class Broken(Mapping[str, object]):
    """Providers one of which is a template that fails."""

    def __getitem__(self, key: str) -> object:
        if key == "broken":
            raise ValueError("undefined")
        return {"hosts": "cards"}

    def __iter__(self) -> Iterator[str]:
        return iter(("broken", "whole"))

    def __len__(self) -> int:
        return 2


@pytest.mark.parametrize(
    ("providers", "found"),
    [(Broken(), ["cards"]), ({"a": {"hosts": 1}, "b": {}, "c": "x"}, []), (["x"], []), (None, []), ("", [])],
)
def test_of_a_broken_registry_what_can_be_read_counts(providers: object, found: list[str]) -> None:
    assert groups_used(providers) == found
