# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Wheels of locks, for the Python and the processor of this host."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from typing import Any

from ..fetching.wheel_file import DOWNLOAD_SECONDS, EXACTLY, WheelError, pip_of
from ..host.systemd import Run
from ..releases.file_list import sha256_of
from .packages import BundleError


def row_of(path: str) -> dict[str, Any]:
    name, version = os.path.basename(path).split("-")[:2]
    return {"name": name.lower().replace("_", "-"), "version": version, "sha256": sha256_of(path)}


def collect(locks: Sequence[str], python: str, work: str, target: str, run: Run) -> list[dict[str, Any]]:
    """Download the wheels of each lock, whose sums pip checks. Returns what the folder has. Raises BundleError."""
    os.makedirs(target)
    if not locks:
        return []
    with tempfile.TemporaryDirectory(dir=work) as folder:
        try:
            pip = pip_of(python, folder, run)
        except WheelError as error:
            raise BundleError(f"{error}. Install python3-venv there") from error
        for number, lock in enumerate(locks):
            pins = os.path.join(folder, f"{number}.txt")
            with open(pins, "w", encoding="utf-8") as handle:
                handle.write(lock)
            code, output = run([*pip, *EXACTLY, "--dest", target, "--requirement", pins], DOWNLOAD_SECONDS)
            if code:
                raise BundleError(f"pip can't download a lock: {output.strip()[-1500:]}")
    return [row_of(os.path.join(target, name)) for name in sorted(os.listdir(target))]
