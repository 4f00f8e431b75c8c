"""The managed groups of an inventory are found among those of other software, and no other host is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from ansible_collections.lab.ai_backend.plugins.plugin_utils.plan.managed_groups import (
    groups_used,
    managed_groups,
    managed_hosts,
)

ALL = ["gw", "gpu", "web", "queue"]
PLAIN = {"all": ALL, "gateway": ["gw"], "redis": ["gw"], "llama_cpp": ["gpu"]}
COMPANY = {"all": ALL, "gateway": ["web"], "redis": ["queue"], "ollama": ["queue"]}
MANAGED = {"ai_backend_gateway": ["gw"], "ai_backend_redis": ["gw"], "ai_backend_llama_cpp": ["gpu"]}


def test_plain_groups_are_read_unchanged() -> None:
    assert managed_groups(PLAIN, {}) == PLAIN
    assert managed_hosts(PLAIN, {}, []) == ["gw", "gpu"]


def test_a_prefixed_group_is_looked_for_first() -> None:
    read = managed_groups({**COMPANY, **MANAGED}, {})
    assert (read["gateway"], read["redis"], read["llama_cpp"]) == (["gw"], ["gw"], ["gpu"])
    assert managed_hosts({**COMPANY, **MANAGED}, {}, []) == ["gw", "gpu"]


def test_a_plain_group_is_foreign_once_a_prefixed_one_is_there() -> None:
    groups = {**COMPANY, "ai_backend_gateway": ["gw"]}
    assert managed_groups(groups, {})["redis"] == []
    assert managed_hosts(groups, {}, []) == ["gw"]


def test_what_a_provider_names_is_managed_also_without_a_prefix() -> None:
    groups = {**COMPANY, "ai_backend_gateway": ["gw"], "cards": ["gpu"]}
    assert managed_groups(groups, {})["cards"] == ["gpu"]
    assert managed_hosts(groups, {}, ["cards"]) == ["gw", "gpu"]


def test_a_setting_names_any_other_group() -> None:
    groups = {**COMPANY, "llm": ["gw"], "cards": ["gpu"]}
    named = {"gateway": "llm", "redis": "llm", "llama_cpp": "cards"}
    assert managed_groups(groups, named)["gateway"] == ["gw"]
    assert managed_hosts({**groups, **MANAGED}, {"redis": "nowhere"}, []) == ["gw", "gpu"]


@pytest.mark.parametrize("made", ["managed", "planned", "members", "all"])
def test_what_the_playbooks_make_themselves_is_no_word(made: str) -> None:
    groups = {**PLAIN, f"ai_backend_{made}": ["web"]}
    assert managed_groups(groups, {}).get(made) == PLAIN.get(made)
    assert managed_hosts(groups, {}, []) == ["gw", "gpu"]


def test_an_inventory_without_groups_is_a_list_of_managed_hosts() -> None:
    assert managed_hosts({"all": ["gw"], "ungrouped": ["gw"]}, {}, []) == ["gw"]


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
