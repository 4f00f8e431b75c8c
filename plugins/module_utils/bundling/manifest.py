# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is in a bundle: `manifest.json` names each file with its size and its sum, and what it is.

A row has `platform` for packages and wheels, `url` for a single file, and neither for a file of a model of many files:
`models` has the folder and the files of each of these.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from ..host.layout import ARTIFACT_MARKER, read_json, write_atomic
from ..inspection.bill import SPEC, purl, sum_of
from ..releases.file_list import sha256_of
from . import models as many
from .packages import BundleError

SCHEMA = 1
NAME, SUMS, BILL = "manifest.json", "SHA256SUMS", "sbom.cdx.json"
Row = dict[str, Any]


def place_of(url: str, sha256: str) -> str:
    """Where a downloaded file is in a bundle: its sum makes it one of its kind, its name is for people."""
    return os.path.join("files", f"{sha256[:12]}-{os.path.basename(urlsplit(url).path)}")


def place_of_part(platform: str) -> str:
    return os.path.join("hosts", f"{platform}.tar")


def components(rows: Sequence[Row], models: Mapping[str, Row]) -> Iterator[Row]:
    """What the bundle has, for its bill of materials."""
    sums = {row["path"]: row["sha256"] for row in rows}
    for name, model in models.items():
        files = [
            {"type": "file", "bom-ref": f"model:{name}/{file}", "name": file, **sum_of(sums[f"{model['path']}/{file}"])}
            for file in model["files"]
        ]
        yield {"type": "machine-learning-model", "bom-ref": f"model:{name}", "name": name, "components": files}
    for row in rows:
        for package in row.get("packages", ()):
            distribution = row["platform"].partition("-")[0]
            place = f"?arch={package['architecture']}"
            url = purl(f"deb/{distribution}", package["name"], package["version"], place)
            yield {"type": "library", "bom-ref": url, "purl": url, **named(package)}
        for wheel in row.get("wheels", ()):
            url = purl("pypi", wheel["name"], wheel["version"])
            # One package may be there for several processors.
            yield {"type": "library", "bom-ref": f"{url}#{wheel['sha256'][:12]}", "purl": url, **named(wheel)}
        if "url" in row:
            name = os.path.basename(row["path"])
            yield {"type": "file", "bom-ref": f"file:{name}", "name": name, **sum_of(row["sha256"])}


def named(row: Row) -> Row:
    return {"name": row["name"], "version": row["version"], **sum_of(row["sha256"])}


def bill(rows: Sequence[Row], models: Mapping[str, Row]) -> Row:
    found = {part["bom-ref"]: part for part in components(rows, models)}
    return {
        "$schema": f"http://cyclonedx.org/schema/bom-{SPEC}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPEC,
        "version": 1,
        "components": [found[ref] for ref in sorted(found)],
    }


def write(
    folder: str, parts: Sequence[Row], files: Sequence[Row], models: Sequence[Row] = ()
) -> tuple[list[Row], list[str]]:
    """Write the manifest. Returns its rows, and the files in the folder that do not belong to the bundle.

    parts: {platform, packages, wheels}; files: {url, sha256}; models: as models.py has them. All are in the folder.
    """
    rows = [{"path": place_of_part(part["platform"]), **part} for part in parts]
    rows += [{"path": place_of(file["url"], file["sha256"]), **file} for file in files]
    rows += many.rows_of(folder, models)
    for row in rows:
        path = os.path.join(folder, row["path"])
        row["bytes"] = os.path.getsize(path)
        row.setdefault("sha256", sha256_of(path))
    rows.sort(key=lambda row: str(row["path"]))
    found = {
        many.id_of(model): {
            "path": many.place_of(model),
            "files": [name for name, _sum in many.files_of(folder, model)],
        }
        for model in models
    }
    content = {"schema": SCHEMA, "files": rows, "models": found}
    write_atomic(os.path.join(folder, BILL), json.dumps(bill(rows, found), indent=2) + "\n")
    write_atomic(os.path.join(folder, SUMS), "".join(f"{row['sha256']}  {row['path']}\n" for row in rows))
    write_atomic(os.path.join(folder, NAME), json.dumps(content, indent=2) + "\n")
    return rows, sorted(set(all_in(folder)) - {row["path"] for row in rows})


def all_in(folder: str) -> Iterator[str]:
    """Paths of the files of a bundle, without the notes of what is complete."""
    for kind in ("files", "hosts", many.FOLDER):
        for path, _folders, names in os.walk(os.path.join(folder, kind)):
            yield from (os.path.relpath(os.path.join(path, name), folder) for name in names if name != ARTIFACT_MARKER)


def read(folder: str) -> Row:
    """The manifest of a bundle whose files are all there, as large as they should be. Raises BundleError."""
    content = read_json(os.path.join(folder, NAME))
    if not isinstance(content, Mapping) or not isinstance(content.get("files"), list):
        raise BundleError(f"{folder} is no bundle: it has no {NAME}. playbooks/bundle.yml makes one")
    if content.get("schema") != SCHEMA:
        raise BundleError(f"{folder} was made by another version of the collection: make it again")
    for row in content["files"]:
        path = os.path.join(folder, row["path"])
        size = os.path.getsize(path) if os.path.isfile(path) else -1
        if size != row["bytes"]:
            state = f"has {size} bytes, not {row['bytes']}" if size >= 0 else "is not there"
            raise BundleError(f"{path} {state}: copy the whole bundle again")
    return dict(content)


def for_host(folder: str, platform: str) -> Row:
    """What a bundle has for a host: {part: {path, sha256}, files: {sha256: path}, models, sizes: {sha256: bytes}}.

    models: {name: [{source, path, sha256}]}, each file with its path below the model's folder; other paths are
    absolute. Raises BundleError.
    """
    content = read(folder)
    rows = content["files"]
    parts = {row["platform"]: row for row in rows if "platform" in row}
    if platform not in parts:
        raise BundleError(
            f"{folder} has packages for {', '.join(sorted(parts)) or 'no host'}, and this is a {platform}: make it "
            "again with a host of that kind in the inventory"
        )
    part = parts[platform]
    return {
        "part": {"path": os.path.join(folder, part["path"]), "sha256": part["sha256"]},
        "files": {row["sha256"]: os.path.join(folder, row["path"]) for row in rows if "url" in row},
        "models": dict(models_in(folder, content)),
        "sizes": {row["sha256"]: row["bytes"] for row in rows},
    }


def models_in(folder: str, content: Row) -> Iterator[tuple[str, list[Row]]]:
    """(name, files) of each model of many files."""
    sums = {row["path"]: row["sha256"] for row in content["files"]}
    # A bundle of version 0.1 has none.
    for name, model in content.get("models", {}).items():
        paths = {file: os.path.join(model["path"], file) for file in model["files"]}
        yield (
            name,
            [
                {"source": os.path.join(folder, path), "path": file, "sha256": sums[path]}
                for file, path in paths.items()
            ],
        )
