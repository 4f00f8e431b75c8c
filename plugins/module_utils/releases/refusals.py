# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which release of each service was refused last, and when: a candidate that is refused opens no generation."""

from __future__ import annotations

import contextlib
import os

from ..host.layout import Layout, service_of, write_atomic


def note_refusal(layout: Layout, instance: str, release: str) -> None:
    """A release that an instance had to give up."""
    # What refused it may be a full disk, and what ran before must be restored all the same.
    with contextlib.suppress(OSError):
        write_atomic(os.path.join(layout.refused, service_of(instance)), f"{release}\n")


def moments(layout: Layout) -> dict[str, float]:
    """{service: seconds since 1970} of the last refusal of each."""
    folder = layout.refused
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    return {name: os.stat(os.path.join(folder, name)).st_mtime for name in names if not name.startswith(".")}
