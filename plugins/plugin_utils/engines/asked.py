# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Engines without measurements of their own: the exporter of their host asks them."""

from __future__ import annotations

from typing import ClassVar


class Asked:
    """An engine that the exporter asks."""

    # How it is asked: a name that the exporter knows (module_utils/measuring).
    ASKED_AS: ClassVar[str]
