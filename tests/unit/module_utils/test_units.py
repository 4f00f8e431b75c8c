# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What systemd shows of a unit, in words."""

from __future__ import annotations

import pytest

from ansible_collections.lab.ai_backend.plugins.module_utils.host.systemd import Unit


@pytest.mark.parametrize(
    ("current", "most", "words"),
    [
        ("410000000", "12000000000", "410 of 12000 MB"),
        ("410000000", "infinity", "410 MB"),
        ("[not set]", "12000000000", "-"),
        ("", "", "-"),
    ],
)
def test_the_memory_of_a_unit_is_shown_with_its_limit(current: str, most: str, words: str) -> None:
    assert Unit("x.service", {"MemoryCurrent": current, "MemoryMax": most}).memory == words
