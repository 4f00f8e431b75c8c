# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keys of LiteLLM's config that it reads, by section, out of keys.ini."""

from __future__ import annotations

from collections.abc import Mapping
from configparser import ConfigParser
from pathlib import Path

_FILE = ConfigParser(interpolation=None)
_FILE.read_string(Path(__file__).with_name("keys.ini").read_text(encoding="utf-8"))

VERSION = _FILE["locked"]["version"]
# Section -> its keys and the simple types of their values; an empty type is not checked.
KEYS: Mapping[str, Mapping[str, str]] = {
    section: dict((word + "=").split("=")[:2] for word in _FILE[section]["keys"].split())
    for section in _FILE.sections()
    if section != "locked"
}
