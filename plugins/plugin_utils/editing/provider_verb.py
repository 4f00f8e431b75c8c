# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One verb for one provider of a registry: the file as it will be, and lines for the user. Nothing is written here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..data.plain import Plain, to_plain
from ..data.table import table
from ..findings.findings import Finding, RegistryError
from ..findings.origins import OriginOf, file_of
from ..registry.templates import rendered_parts
from ..validation.validation import Inventory, validate
from .provider_edit import EDITS, Wish, edited, summary, wish_of
from .provider_text import VARIABLE
from .recognition import Answers

_NOTHING: dict[str, Any] = {"file": "", "text": "", "mode": "", "changed": False}


def provider_verb(
    raw: Any, inventory: Inventory, given: object, answers: object, origin_of: OriginOf
) -> dict[str, Any]:
    """`{file, text, mode, changed, lines}`: the file as it must be written, and lines for the user.

    Raises RegistryError if it can't be done, or if the registry would not be sound after it.
    """
    plain_given = to_plain(given)
    wish = wish_of(plain_given if isinstance(plain_given, dict) else {})
    plain, _broken = rendered_parts(raw)
    registry = plain if isinstance(plain, dict) else {}
    found = registry.get("providers")
    providers = found if isinstance(found, dict) else {}
    if wish.verb not in EDITS:
        rows: list[Plain] = [_row(name, entry, raw, origin_of) for name, entry in providers.items()]
        return {**_NOTHING, "lines": table(rows).splitlines()}
    file, text = _source(raw, wish, origin_of)
    new_text, after = edited(wish, providers, file, text, _answers(answers))
    warnings = _newly_wrong(registry, after, inventory, wish)
    path = os.path.abspath(file)
    mode = f"0{os.stat(path).st_mode & 0o777:o}"
    changed = new_text != text
    lines = [summary(wish, file, changed), *(str(finding) for finding in warnings)]
    return {"file": path, "text": new_text, "mode": mode, "changed": changed, "lines": lines}


def _source(raw: Any, wish: Wish, origin_of: OriginOf) -> tuple[str, str]:
    """The file with the provider, or where a new one belongs, and its text."""
    file = file_of(raw["providers"], wish.provider, origin_of)
    remedy = "edit it by hand, where it comes from"
    if not file or not Path(file).is_file():
        raise RegistryError([Finding(VARIABLE, "does not come from a file of variables", remedy)])
    text = Path(file).read_bytes().decode()
    if text.startswith("$ANSIBLE_VAULT"):
        raise RegistryError([Finding(VARIABLE, f"is encrypted in {file}", "edit it with `ansible-vault edit`")])
    return file, text


def _newly_wrong(registry: Mapping[str, Plain], providers: Plain, inventory: Inventory, wish: Wish) -> list[Finding]:
    """Warnings that the edit brings; raises RegistryError with the errors that it brings."""
    before = {str(finding) for finding in validate(registry, inventory).findings}
    after = validate({**registry, "providers": providers}, inventory).findings
    new = [finding for finding in after if str(finding) not in before]
    wrong = [finding for finding in new if finding.severity == "critical"]
    if wrong and wish.verb == "remove":
        # What is wrong there is right now: the rule must go first, or lead to another provider.
        remedy = "take it out, or name another provider, and then remove this one"
        named = f"'{wish.provider}'"
        wrong = [replace(f, problem=f"still names {named}", remedy=remedy) if named in f.problem else f for f in wrong]
    if wrong:
        raise RegistryError(wrong)
    return new


def _answers(results: object) -> Answers:
    """Answers by the end of their address, from the results of a loop of `uri`."""
    plain = to_plain(results)
    rows: list[Any] = plain if isinstance(plain, list) else []
    # A question that was not needed has no status.
    return {str(row["item"]): (int(row["status"]), row.get("json")) for row in rows if "status" in row}


def _row(name: str, entry: Plain, raw: Any, origin_of: OriginOf) -> Plain:
    content: Mapping[str, Any] = entry if isinstance(entry, dict) else {}
    models = content.get("models")
    return {
        "provider": name,
        "type": content.get("type"),
        "status": content.get("status", "active"),
        "where": content.get("base_url") or content.get("hosts"),
        "models": [str(m["name"]) if isinstance(m, dict) else str(m) for m in models]
        if isinstance(models, list)
        else [],
        "file": file_of(raw["providers"], name, origin_of),
    }
