#!/usr/bin/env python3
"""Write roles/*/README.md from their meta/argument_specs.yml; with --check only say which are out of date."""

from __future__ import annotations

import argparse
import json
import pathlib
import re
import sys
from collections.abc import Iterator
from typing import Any

import yaml

from toolcache import ROOT

NOTE = "<!-- Written by tests/tools/generate_role_readmes.py from meta/argument_specs.yml: change that file. -->"


def prose(text: str | list[str] | None) -> list[str]:
    """Paragraphs of a description, with Ansible's markup turned into Markdown's."""
    paragraphs = [text] if isinstance(text, str) else text or []
    return [re.sub(r"\b[CVOEIM]\(([^)]*)\)", r"`\1`", " ".join(p.split())) for p in paragraphs]


def cell(text: str) -> str:
    """Text that may stand in a table."""
    return text.replace("|", "\\|")


def rows(options: dict[str, dict[str, Any]], real: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """One table row an option; those of nested options follow theirs. `real` are the role's defaults.

    A spec gives no default that is a template: its type would not be that of the option.
    """
    for name, option in options.items():
        kind = option.get("type", "str")
        if "elements" in option:
            kind += f" of {option['elements']}"
        default = "required" if option.get("required") else ""
        if "default" in option or (not prefix and name in real):
            value = option.get("default", real.get(name))
            text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
            default = f"`{cell(text)}`"
        words = prose(option.get("description"))
        if "choices" in option:
            words.append("One of " + ", ".join(f"`{choice}`" for choice in option["choices"]) + ".")
        yield f"| `{prefix}{name}` | {kind} | {default} | {cell(' '.join(words))} |"
        if "options" in option:
            inner = "[]." if kind.startswith("list") else "."
            yield from rows(option["options"], real, f"{prefix}{name}{inner}")


def readme(role: pathlib.Path) -> str:
    """The whole README of a role."""
    specs = yaml.safe_load((role / "meta/argument_specs.yml").read_text())["argument_specs"]
    file, example = role / "defaults/main.yml", role / "examples/play.yml"
    real = (yaml.safe_load(file.read_text()) if file.exists() else None) or {}
    blocks = [f"# {role.name}", NOTE]
    for entry, spec in specs.items():
        if entry != "main":
            blocks.append(f"## Entry point `{entry}`")
        blocks += prose(spec["short_description"].rstrip(".") + ".") + prose(spec.get("description"))
        table = list(rows(spec.get("options") or {}, real))
        if table:
            blocks.append("\n".join(["| variable | type | default | meaning |", "|---|---|---|---|", *table]))
    if example.exists():
        blocks += ["## In a play of your own", f"```yaml\n{example.read_text().rstrip()}\n```"]
    return "\n\n".join(blocks) + "\n"


def main() -> None:
    """Write or check every role's README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a README is out of date")
    check = parser.parse_args().check
    stale = []
    for file in sorted(ROOT.glob("roles/*/meta/argument_specs.yml")):
        target = file.parents[1] / "README.md"
        text = readme(file.parents[1])
        if not target.exists() or target.read_text() != text:
            stale.append(str(pathlib.Path(target).relative_to(ROOT)))
            if not check:
                target.write_text(text)
    for name in stale:
        print(f"{name} {'is out of date: run make docs' if check else 'written'}")
    sys.exit(bool(stale and check))


if __name__ == "__main__":
    main()
