# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Templates of the registry that fail: each is a finding, and none shows a value."""

from __future__ import annotations

from collections import UserDict

import pytest

from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry.templates import rendered_parts


class Lazy(UserDict[str, object]):
    """A mapping that renders what it is asked for, as Ansible's do."""

    def __getitem__(self, key: str) -> object:
        value = super().__getitem__(key)
        if isinstance(value, Exception):
            raise value
        return value


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        ("'nosuch' is undefined", "cannot be rendered: 'nosuch' is undefined"),
        ("Error: 'house.key' is undefined near abc", "cannot be rendered: 'house.key' is undefined"),
        ("Attempting to decrypt but no vault secrets found: abc", "cannot be decrypted"),
        ("the lookup failed with the value abc", "has a template that cannot be rendered"),
    ],
)
def test_a_finding_says_what_is_sure_to_be_no_value(error: str, problem: str) -> None:
    plain, (finding,) = rendered_parts(Lazy(cache=Lazy(ttl=LookupError(error), database=1)))
    assert plain == {"cache": {"ttl": "(redacted)", "database": 1}}
    assert (finding.path, finding.problem) == ("ai_backend_cache.ttl", problem)
    assert "abc" not in str(finding)


def test_what_can_be_rendered_is_as_it_was() -> None:
    assert rendered_parts(Lazy(routing={"patterns": [{"a": 1}]})) == ({"routing": {"patterns": [{"a": 1}]}}, [])
    assert rendered_parts(None) == (None, [])
