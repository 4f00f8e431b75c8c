# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The registry's templates, rendered one by one: one that fails is a finding and hides no other error.

Ansible itself would stop there and show the lines of the file around it: the line above may be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..data.plain import Plain, to_plain
from ..findings.findings import Finding
from ..findings.paths import join
from ..schema.secrets import REDACTED

# Of Ansible's messages only this part is known to contain only names.
_UNDEFINED = re.compile(r"'[\w.]+' is undefined")


def rendered_parts(raw: object) -> tuple[Plain, list[Finding]]:
    """{part: value} as plain data, and a finding for each template that fails; its value is handled as not known."""
    findings: list[Finding] = []
    if not isinstance(raw, Mapping):
        return to_plain(raw), findings
    return {str(name): _item(raw, name, f"ai_backend_{name}", findings) for name in list(raw)}, findings


def _item(holder: Any, key: object, path: str, findings: list[Finding]) -> Plain:
    try:
        value = holder[key]
        if isinstance(value, Mapping):
            return {str(name): _item(value, name, join(path, str(name)), findings) for name in list(value)}
        if isinstance(value, Sequence) and not isinstance(value, str | bytes):
            return [_item(value, index, join(path, index), findings) for index in range(len(value))]
        return to_plain(value)
    except Exception as error:  # Ansible has many, and their texts may contain values
        findings.append(_finding(path, str(error)))
        return REDACTED


def _finding(path: str, text: str) -> Finding:
    undefined = _UNDEFINED.search(text)
    if undefined:
        return Finding(path, f"cannot be rendered: {undefined[0]}", "define it, or write the value itself")
    if re.search("vault|decrypt", text, re.IGNORECASE):
        return Finding(path, "cannot be decrypted", "give the vault's password: --ask-vault-pass or --vault-id")
    return Finding(path, "has a template that cannot be rendered", "check what it looks up, or write the value itself")
