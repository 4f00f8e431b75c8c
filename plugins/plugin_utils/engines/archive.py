# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The archive that a role installs an engine from: an address and a checksum, which no file of the collection has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..findings.findings import Finding, warning

_COMMAND = "ansible-playbook playbooks/engine_source.yml"


def check_archive(role: str, title: str, host: str, given: tuple[str, str], options: str = "") -> Iterator[Finding]:
    """A warning if an engine could not be installed on a host; one that already has it does not need this.

    `title` is the engine's name for people, `given` are address and SHA-256, `options` those of the command that
    prints them.
    """
    url, sha256 = given
    if not url or not sha256:
        empty = f"{role}_archive_sha256" if url else f"{role}_archive_url"
        remedy = f"write them: `{_COMMAND}{options}` prints the lines for each host"
        yield warning(empty, f"is empty, so {title} could not be installed on host '{host}'", remedy, "references")
    elif url.startswith("file://") and not Path(url.removeprefix("file://")).is_file():
        problem = "is not a file on the machine that runs Ansible"
        yield warning(f"{role}_archive_url", problem, "put the archive there, or correct the path", "references")
