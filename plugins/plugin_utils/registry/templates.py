# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The registry's templates, rendered one by one: one that fails is a finding and hides no other error.

Ansible itself would stop there and show the lines of the file around it: the line above may be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
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


def differing(
    rendered: Plain, written: Mapping[str, Plain], hosts: object, members: Collection[str]
) -> Iterator[Finding]:
    """A finding for each part of the registry whose templates give something else on another host.

    rendered: the registry that is used, {part: value}. written: the same with templates as text. hosts: {host: its
    variables}; only `members` count. Secrets are not compared: to read them would open vaults for each host.
    """
    if not isinstance(rendered, Mapping) or not isinstance(hosts, Mapping):
        return
    for part in sorted(set(rendered) & set(written) - {"secrets"}):
        if _has_template(written[part]):
            for host in (name for name in hosts if name in members):
                path = _difference(rendered[part], _on(hosts[host], part, rendered[part]), f"ai_backend_{part}")
                if path is not None:
                    problem = f"is another value on host '{host}', but there is one registry for all hosts"
                    remedy = "write it without a variable of the host; `hosts:` gives each host its own engine"
                    yield Finding(path, problem, remedy, check="references")
                    break


def _has_template(value: Plain) -> bool:
    if isinstance(value, str):
        return "{{" in value or "{%" in value
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(map(_has_template, inside))


def _on(variables: Any, part: str, used: Plain) -> Plain:
    """A part as another host has it; the same if it fails there: a variable may be one of gateways alone."""
    try:
        return to_plain(variables[f"ai_backend_{part}"])
    except Exception:
        return used


def _difference(one: Plain, other: Plain, path: str) -> str | None:
    """The path of the first difference, or None."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        found = (_difference(one[key], other[key], join(path, key)) for key in one)
        return next((place for place in found if place is not None), None)
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        found = (_difference(*pair, join(path, index)) for index, pair in enumerate(zip(one, other, strict=True)))
        return next((place for place in found if place is not None), None)
    return None if one == other else path


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
