"""The commands and snippets of the pages that a newcomer follows, as they stand there.

A fenced block that can't be run here says so in the line above it: `<!-- not run: why -->`.
"""

from __future__ import annotations

import pathlib
import re
from dataclasses import dataclass

from toolcache import ROOT

PAGES = (
    "README.md",
    "docs/quick-start.md",
    "docs/adding-providers.md",
    "docs/consuming-api.md",
    "docs/deployment-checklist.md",
)
FENCE = re.compile(r"(?:^<!-- not run: (?P<reason>.+?) -->\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.M | re.S)
# The first command of a row of a checklist: | 4 | `command` | … |
ROW = re.compile(r"^\| \d+ \| `(?P<text>[^`]+)`", re.M)


@dataclass(frozen=True)
class Block:
    """A fenced block, or a command in a row of a checklist."""

    page: str
    line: int
    language: str
    text: str
    reason: str
    """Why it isn't run, or empty."""

    @property
    def place(self) -> str:
        """Where it stands."""
        return f"{self.page}:{self.line}"


def blocks(page: str) -> list[Block]:
    """All of a page, in its order."""
    text = (ROOT / page).read_text()
    found = [
        Block(page, text.count("\n", 0, m.start("text")) + 1, m["language"], m["text"], m["reason"] or "")
        for m in FENCE.finditer(text)
    ]
    found += [Block(page, text.count("\n", 0, m.start()) + 1, "sh", m["text"] + "\n", "") for m in ROW.finditer(text)]
    return sorted(found, key=lambda block: block.line)


def every_block() -> list[Block]:
    """Those of all pages."""
    return [block for page in PAGES for block in blocks(page)]


def commands(page: str) -> pathlib.PurePath:
    """Where the host keeps a page's commands."""
    return pathlib.PurePath("/root", f"{pathlib.PurePath(page).stem}.sh")
