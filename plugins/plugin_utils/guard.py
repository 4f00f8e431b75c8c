# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The border between Ansible's filters and the library: late imports, and one kind of error.

The filters hand in Ansible's error class, so that the library itself never imports Ansible.
"""

from __future__ import annotations

from typing import Any

PIP = "pip install 'pydantic>=2.7,<3' 'netaddr>=1.2,<2'"


def call(error: type[Exception], entry: str, *arguments: object) -> Any:
    """Run an entry of `entries.py` and return its plain result.

    Raises `error` with the findings' text and without a cause: a cause would be printed with its values.
    """
    try:
        # Late, so that a missing library is reported with its remedy; Ansible itself would report "No filter named".
        from . import entries
        from .findings.findings import RegistryError
        from .findings.origins import ansible_origin, located
    except ImportError as missing:
        raise error(_needs(missing)) from None
    try:
        return getattr(entries, entry)(*arguments)
    except RegistryError as wrong:
        text = RegistryError(located(wrong.findings, arguments[0], ansible_origin())).text()
    raise error(text)


def validate(
    registry: object,
    groups: object,
    addresses: object = None,
    gpu_memory: object = None,
    only: object = None,
    variables: object = None,
) -> Any:
    """Run the entry `validate`: all errors are in its result, so that the caller can report them once.

    ansible-core 2.19 and newer print the text of a filter's error three times.
    """
    try:
        from . import entries
        from .findings.origins import ansible_origin
    except ImportError as missing:
        row = {"check": "schema", "severity": "critical", "path": "python", "file": None, "line": None}
        row |= {"message": _needs(missing), "hint": PIP, "docs": "docs/quick-start.md"}
        return {
            "report": {"schema": 1, "critical": 1, "warning": 0, "findings": [row]},
            "lines": [_needs(missing)],
            "plan": None,
        }
    return entries.validate(registry, groups, addresses, gpu_memory, only, ansible_origin(), variables)


def unreadable(places: list[str]) -> Any:
    """The report of a run that stopped before the registry was read: why its files are not YAML.

    `places` are inventories and folders of playbooks; the files of variables are in the same folders.
    """
    from . import entries

    return entries.unreadable(places)


def unreadable_lines(places: list[str]) -> list[str]:
    """The same as lines of text; nothing if a library is missing, which is reported in another place."""
    try:
        from . import entries
    except ImportError:
        return []
    return entries.unreadable_lines(places)


def _needs(missing: ImportError) -> str:
    return f"lab.ai_backend needs {missing.name or 'a Python library'} in the Python that runs Ansible: {PIP}"
