"""What the library says and makes is what it said and made, unless somebody read the difference and meant it."""

from __future__ import annotations

import pytest
from golden import HERE, all_of_it

MAKERS = all_of_it()


@pytest.mark.parametrize("file", MAKERS)
def test_nothing_has_changed_unread(file: str) -> None:
    expected = (HERE / "expected" / file).read_text()
    assert MAKERS[file]() == expected, f"run `make golden` and read the diff of tests/golden/expected/{file}"


def test_every_file_is_still_made() -> None:
    assert {path.name for path in (HERE / "expected").iterdir()} == set(MAKERS)
