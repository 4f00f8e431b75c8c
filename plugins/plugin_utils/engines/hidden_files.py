# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files that an engine cannot see: its unit has no home directories, and its own /tmp."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..findings.findings import Finding
from ..findings.paths import join
from .provider import Provider

# ProtectHome= and PrivateTmp= in roles/service/files/hardening.conf.
HIDDEN = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")  # noqa: S108  # nothing is written there
_PROBLEM = "is below {}, which the engine's unit cannot see"
_REMEDY = "put the file in another folder, such as /var/lib/ai-backend/models"


def check_paths(providers: Mapping[str, Provider]) -> Iterator[Finding]:
    """A finding for each file of a managed engine that its unit could not open."""
    for name, provider in providers.items():
        if not provider.is_managed or not provider.active:
            continue
        for place, path in provider.opened.items():
            if (folder := _hidden(path)) is not None:
                yield Finding(join("ai_backend_providers", name, *place), _PROBLEM.format(folder), _REMEDY)


def _hidden(path: str) -> str | None:
    return next((folder for folder in HIDDEN if path == folder or path.startswith(f"{folder}/")), None)
