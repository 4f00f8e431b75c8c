# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a rollback changes in the files of a service, for --diff."""

from __future__ import annotations

import difflib

from ..host.layout import Layout
from ..releases.releases import current_texts


def config_diff(layout: Layout, service: str, before: str, after: str) -> str:
    """Unified diff of the files of two releases, without what only names their folder."""
    old, new = (current_texts(layout, service, release) if release else {} for release in (before, after))
    lines: list[str] = []
    for name in sorted({*old, *new}):
        if name == "manifest.json" or not name.startswith("files/"):
            continue
        texts = (
            text.get(name, "").replace(release or "-", "RELEASE") for text, release in ((old, before), (new, after))
        )
        was, now = (text.splitlines(keepends=True) for text in texts)
        label = f"{service}/{name.removeprefix('files/')}"
        lines += difflib.unified_diff(was, now, f"{label} (now)", f"{label} (restored)")
    return "".join(lines)
