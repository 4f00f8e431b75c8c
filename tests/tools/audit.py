#!/usr/bin/env python3
"""Look for known vulnerabilities in all that the hash locks name.

First against requirements/denied.toml, which is always there. Then with pip-audit, which asks an advisory database on
the network; or against a folder of OSV files (--database=FOLDER, JSON or YAML), for example a copy of PyPA's advisory
database. Exit codes: 0 nothing found, 1 something found, 3 nothing found and some pins were in no database.

pip-audit itself ends with 0 and "No known vulnerabilities found" where the index has no advisories at all: it lists all
pins as skipped. So skipped pins are counted here.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from typing import Any

import yaml
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from locked_venv import locked_venv
from locks import LOCKS, Pin, denied_releases, pins_of, refused
from toolcache import ROOT, say

OPTIONS = ("--disable-pip", "--no-deps", "--format=json", "--progress-spinner=off")
UNKNOWN = 3


def all_pins() -> dict[Pin, list[str]]:
    """Each pin with the locks that name it."""
    found: dict[Pin, list[str]] = {}
    for lock, _follows in LOCKS.values():
        for pin in pins_of((ROOT / lock).read_text()):
            found.setdefault(pin, []).append(lock)
    return found


def rounds(pins: Iterable[Pin]) -> list[list[Pin]]:
    """The pins in lists with no package twice: pip-audit refuses two versions of one."""
    lists: list[dict[str, Pin]] = []
    for pin in sorted(pins):
        place = next((one for one in lists if pin[0] not in one), None)
        if place is None:
            lists.append(place := {})
        place[pin[0]] = pin
    return [list(one.values()) for one in lists]


def asked(pins: list[Pin], service: str) -> tuple[list[str], set[Pin], str]:
    """(findings, pins that the database does not have, why it could not be asked) of pip-audit."""
    tool = locked_venv("audit", ROOT / "requirements" / "audit.txt") / "bin" / "pip-audit"
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "pins.txt")
        file.write_text("".join(f"{name}=={version}\n" for name, version in pins))
        argv = [str(tool), "--requirement", str(file), "--vulnerability-service", service, *OPTIONS]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    try:
        answer = json.loads(done.stdout)["dependencies"]
    except ValueError:
        return [], set(pins), (done.stderr.strip().splitlines() or ["no answer"])[-1]
    return found_in(answer), {pin for pin in pins if pin[0] in skipped(answer)}, ""


def skipped(answer: list[dict[str, Any]]) -> set[str]:
    return {canonicalize_name(entry["name"]) for entry in answer if "skip_reason" in entry}


def found_in(answer: list[dict[str, Any]]) -> list[str]:
    """A line for each vulnerability that pip-audit reports."""
    lines = []
    for entry in answer:
        for known in entry.get("vulns", []):
            ids = ", ".join([known["id"], *known.get("aliases", [])])
            fixed = ", ".join(known.get("fix_versions", [])) or "no version yet"
            lines.append(f"{entry['name']} {entry['version']} has {ids}, fixed in {fixed}")
    return lines


def affects(entry: dict[str, Any], version: str) -> bool:
    """Whether `affected` of an OSV record means this version."""
    if version in entry.get("versions", []):
        return True
    try:
        number = Version(version)
        return any(
            in_range([next(iter(event.items())) for event in each["events"]], number)
            for each in entry.get("ranges", [])
            if each["type"] == "ECOSYSTEM"
        )
    except InvalidVersion:
        return False


def in_range(events: list[tuple[str, str]], number: Version) -> bool:
    """Whether a version is between an `introduced` and the `fixed` or `last_affected` after it."""
    inside = False
    for kind, text in events:
        at = Version(text)
        if kind == "introduced":
            inside = inside or number >= at
        elif (kind == "fixed" and number >= at) or (kind == "last_affected" and number > at):
            inside = False
    return inside


def in_folder(folder: pathlib.Path, pins: Iterable[Pin]) -> Iterator[str]:
    """A line for each pin that a record in the folder means; ends the program where there are no records."""
    versions: dict[str, list[str]] = {}
    for name, version in pins:
        versions.setdefault(name, []).append(version)
    files = sorted(path for path in folder.rglob("*") if path.suffix in (".json", ".yaml", ".yml"))
    records = [record for path in files if isinstance(record := yaml.safe_load(path.read_text()), dict)]
    if not any("affected" in record for record in records):
        sys.exit(f"audit: {folder} holds no OSV records → give the folder of an advisory database")
    for record in records:
        for entry in record.get("affected", []):
            package = entry.get("package", {})
            name = canonicalize_name(package.get("name", "")) if package.get("ecosystem") == "PyPI" else ""
            for version in versions.get(name, []):
                if not record.get("withdrawn") and affects(entry, version):
                    yield f"{name} {version} has {', '.join([record['id'], *record.get('aliases', [])])}"


def online(pins: Iterable[Pin], service: str) -> tuple[list[str], set[Pin]]:
    """(findings, pins in no database); says why a database could not be asked."""
    found: list[str] = []
    unknown: set[Pin] = set()
    for some in rounds(pins):
        lines, missing, why = asked(some, service)
        if why:
            say(f"no advisory database answered: {why}")
        found += lines
        unknown |= missing
    return found, unknown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--database", type=pathlib.Path, help="a folder of OSV files, in place of the network")
    parser.add_argument("--service", choices=("pypi", "osv"), default="pypi", help="which database pip-audit asks")
    options = parser.parse_args()
    pins = all_pins()
    found = list(refused(pins, denied_releases()))
    unknown: set[Pin] = set()
    if options.database:
        lines = list(in_folder(options.database, pins))
    else:
        lines, unknown = online(pins, options.service)
    found += sorted(set(lines))
    for line in found:
        say(line)
    if unknown:
        say(
            f"{len(unknown)} of {len(pins)} pins were compared only with the {len(denied_releases())} entries of "
            "requirements/denied.toml, because no advisory database that can be reached has them. Other "
            "vulnerabilities are not found → run it where there is one, or give --database=FOLDER"
        )
    if not found:
        print(f"audit: nothing found in {len(pins) - len(unknown)} pins with an advisory database")
    sys.exit(1 if found else UNKNOWN if unknown else 0)


if __name__ == "__main__":
    main()
