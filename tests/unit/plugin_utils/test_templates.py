"""There is one registry: a template that gives another value on another host is found, with the path of the value."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry.templates import differing

WRITTEN: Any = {"providers": {"a": {"base_url": "http://{{ ansible_host }}:1", "models": ["m"]}}, "cache": {"ttl": 5}}


class Failing(dict[str, Any]):
    """Variables of a host where the template can't be rendered."""

    def __getitem__(self, name: str) -> Any:
        raise KeyError(name)


def registry(address: str) -> Any:
    return {"providers": {"a": {"base_url": f"http://{address}:1", "models": ["m"]}}, "cache": {"ttl": 5}}


def on_host(address: str, **parts: Any) -> Any:
    return {f"ai_backend_{part}": value for part, value in {**registry(address), **parts}.items()}


def found(hosts: Any, members: Any = ("one", "two")) -> list[str]:
    return [str(finding) for finding in differing(registry("x"), WRITTEN, hosts, members)]


def test_a_value_that_differs_is_named_with_its_path_and_the_host() -> None:
    (finding,) = found({"one": on_host("x"), "two": on_host("y")})
    assert finding.startswith(
        "ai_backend_providers.a.base_url: is another value on host 'two', but there is one registry"
    )


@pytest.mark.parametrize(
    "hosts",
    [
        {"one": on_host("x"), "two": on_host("x")},
        {"one": on_host("x"), "stranger": on_host("y")},
        {"one": on_host("x"), "two": Failing()},
        # Without a template, files are compared: registry/variable_files.py.
        {"one": on_host("x"), "two": on_host("x", cache={"ttl": 6})},
    ],
    ids=["the same", "a host that is not managed", "no such variable there", "no template"],
)
def test_what_is_the_same_or_is_not_asked_is_not_a_finding(hosts: Any) -> None:
    assert found(hosts) == []


def test_a_list_of_another_length_is_named_as_a_whole() -> None:
    providers = {"a": {"base_url": "http://x:1", "models": ["m", "n"]}}
    (finding,) = found({"one": on_host("x", providers=providers)})
    assert finding.startswith("ai_backend_providers.a.models: ")


def test_secrets_are_not_compared() -> None:
    written = {**WRITTEN, "secrets": {"A": "{{ vaulted }}"}}
    hosts = {"one": on_host("x", secrets={"A": "1"}), "two": on_host("x", secrets={"A": "2"})}
    assert list(differing({**registry("x"), "secrets": {"A": "1"}}, written, hosts, ["one", "two"])) == []
