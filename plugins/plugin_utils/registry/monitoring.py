# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What `ai_backend_monitoring` needs of the other parts of a registry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..findings.findings import Finding
from ..findings.paths import join
from ..schema.alerts import secrets_of
from ..schema.monitoring import Monitoring
from ..schema.secrets import missing
from .lenient import Reading


def check_monitoring(monitoring: Reading[Monitoring], present: Mapping[str, bool]) -> Iterator[Finding]:
    """Secrets of receivers have values: without one nobody would be told, and nobody would notice."""
    if monitoring.value is None or not monitoring.value.enabled:
        return
    for receiver, name in secrets_of(monitoring.value.receivers).items():
        if missing(name, present):
            remedy = f"write `{name}: \"{{{{ lookup('ansible.builtin.env', '{name}') }}}}\"` below ai_backend_secrets"
            place = join("ai_backend_secrets", name)
            yield Finding(place, f"has no value, the receiver '{receiver}' needs it", remedy, check="secrets")
