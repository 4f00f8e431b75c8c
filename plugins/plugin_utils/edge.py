# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The edge between Ansible's filters and the library: late imports, and one kind of error.

The filters hand in Ansible's error class, so that the library itself never imports Ansible.
"""

from __future__ import annotations

from typing import Any

PIP = "pip install 'pydantic>=2.7,<3' 'netaddr>=1.2,<2'"


def call(error: type[Exception], entry: str, *arguments: object) -> Any:
    """Run an entry of `entries.py` and return its plain result.

    Raises `error` with the findings' text, and nothing behind it: a cause would be printed with its values.
    """
    result, lines, text = _run(entry, arguments)
    if lines:
        raise error(text)
    return result


def attempt(entry: str, *arguments: object) -> tuple[Any, list[str]]:
    """Run an entry of `entries.py`: its plain result and no line, or None and a line for each finding.

    ansible-core 2.19 and newer print the text of a filter's error three times; who takes the lines says them once.
    """
    result, lines, _text = _run(entry, arguments)
    return result, lines


def _run(entry: str, arguments: tuple[object, ...]) -> tuple[Any, list[str], str]:
    """(result, findings as lines, findings as one text)."""
    try:
        # Late, so that a missing library is told with its remedy; Ansible itself would say "No filter named".
        from ansible_collections.lab.ai_backend.plugins.plugin_utils import entries
        from ansible_collections.lab.ai_backend.plugins.plugin_utils.findings import RegistryError
        from ansible_collections.lab.ai_backend.plugins.plugin_utils.origins import ansible_origin, located
    except ImportError as missing:
        name = missing.name or "a Python library"
        text = f"lab.ai_backend needs {name} in the Python that runs Ansible: {PIP}"
        return None, [text], text
    try:
        return getattr(entries, entry)(*arguments), [], ""
    except RegistryError as wrong:
        found = RegistryError(located(wrong.findings, arguments[0], ansible_origin()))
        return None, [str(finding) for finding in found.findings], found.text()
