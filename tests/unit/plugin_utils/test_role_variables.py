# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a role would refuse on a host is refused before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry.role_variables import (
    check_engines,
    check_templates,
    check_values,
    values_on,
)


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("llama_cpp_gpu", "nvidia", "write cuda for it (possible are none, cuda, vulkan)"),
        ("llama_cpp_gpu", "yes please", "write one of none, cuda, vulkan"),
        ("llama_cpp_install", "pip", "write one of archive, package, source"),
        ("litellm_strategy", "blue", "write one of beside, restart"),
        ("litellm_timeout", "4m", "write a whole number, such as 240"),
        ("redis_timeout", True, "write a whole number, such as 30"),
    ],
)
def test_a_value_of_another_kind_says_what_there_is(name: str, value: str, remedy: str) -> None:
    (finding,) = check_values({"gpu1": {name: value}, "gpu2": {name: value}})
    assert (finding.path, finding.remedy) == (name, remedy)
    assert finding.problem == "has a value on host 'gpu1' that the role does not accept"


def test_sound_values_give_no_finding() -> None:
    values = {"llama_cpp_gpu": "cuda", "litellm_timeout": "240", "edge_timeout": 5, "litellm_strategy": "restart"}
    assert list(check_values({"gpu1": values})) == []


class Hidden(Mapping[str, object]):
    """Variables of a host of which only some may be opened."""

    def __getitem__(self, name: str) -> object:
        if name == "edge_timeout":
            raise LookupError("a template that cannot be rendered here")
        assert name == "llama_cpp_gpu", f"{name} was opened"  # neither a secret nor what is nobody's of ours
        return "cuda"

    def __contains__(self, name: object) -> bool:
        return name in list(self)

    def __iter__(self) -> Iterator[str]:
        return iter(["llama_cpp_gpu", "edge_timeout", "host_secrets", "vaulted"])

    def __len__(self) -> int:
        return 4


class Templates(dict[str, object]):
    """Variables of a host; exceptions among them are what their templates end with."""

    def __getitem__(self, name: str) -> object:
        value = super().__getitem__(name)
        if isinstance(value, Exception):
            raise value
        return value


def test_a_template_that_fails_is_said_without_its_text() -> None:
    hosts = {
        "gpu1": Templates(
            host_python=LookupError("'nosuch' is undefined"),
            ai_backend_fleet=ValueError("could not make a number of sk-123"),
            litellm_timeout=240,
        ),
        "gpu2": Templates(host_python=LookupError("'nosuch' is undefined")),
    }
    assert [(finding.path, finding.problem) for finding in check_templates(hosts)] == [
        ("ai_backend_fleet", "can't be rendered on host 'gpu1': its template fails"),
        ("host_python", "can't be rendered on host 'gpu1': there is no variable nosuch"),
    ]


@pytest.mark.parametrize("later", ["ai_backend_host", "ai_backend_slice", "ansible_facts"])
def test_a_template_may_use_what_is_known_only_in_the_run(later: str) -> None:
    assert list(check_templates({"gpu1": Templates(host_python=LookupError(f"'{later}' is undefined"))})) == []


def test_no_other_variable_is_opened() -> None:
    assert values_on({"gpu1": Hidden()}) == {"gpu1": {"llama_cpp_gpu": "cuda"}}
    assert [finding.path for finding in check_templates({"gpu1": Hidden()})] == ["edge_timeout"]
    assert values_on(None) == {}


PLAN = {
    "providers": [{"name": "fast", "type": "llama_cpp"}],
    "hosts": {
        "gpu1": {"services": [{"provider": "fast", "service": "llama-cpp"}]},
        "gateway1": {"services": [{"provider": "", "service": "edge"}]},
    },
}
HERE = {"llama_cpp_archive_sha256": "2c26"}


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({}, "is empty, so llama.cpp could not be installed on host 'gpu1'"),
        ({"llama_cpp_install": "source"}, "is empty, so llama.cpp could not be installed on host 'gpu1'"),
        ({"llama_cpp_archive_url": "https://x/y"}, "is empty, so llama.cpp could not be installed on host 'gpu1'"),
        ({**HERE, "llama_cpp_archive_url": "file:///nowhere"}, "is not a file on the machine that runs Ansible"),
        ({**HERE, "llama_cpp_archive_url": f"file://{__file__}"}, ""),
        ({**HERE, "llama_cpp_archive_url": "https://x/y"}, ""),
        ({"llama_cpp_install": "package"}, ""),
    ],
)
def test_what_an_engine_could_not_be_installed_from_is_a_warning(values: dict[str, str], problem: str) -> None:
    found = list(check_engines({"gateway1": {}, "gpu1": dict(values)}, PLAN))
    assert [finding.problem for finding in found] == ([problem] if problem else [])
    assert list(check_engines({"gpu1": {}}, None)) == []


def test_a_host_with_the_python_server_alone_needs_no_archive() -> None:
    services = [{"provider": "fast", "service": "llama-cpp-python"}]
    assert list(check_engines({"gpu1": {}}, {**PLAN, "hosts": {"gpu1": {"services": services}}})) == []
