# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host runs as a CycloneDX bill of materials: packages, programs and models of each instance.

It is read from the host alone, so it names what is there, not what a lock asked for. The format is written here and
not by its library: the hosts have only the standard library, and the tests check the result with the library.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from ..host.layout import (
    ARTIFACT_MARKER,
    Layout,
    folders_in,
    linked_release,
    list_instances,
    read_json,
    read_text,
)
from ..host.state import read_os_release
from ..host.systemd import Run, run_command
from ..releases import file_list
from ..releases.generations import newest
from ..releases.releases import manifest_of

SPEC = "1.6"
# A fixed name for uuid5: the same content has the same serial number.
SPACE = uuid.UUID("c0a8b1d2-5e0f-5c53-9d0b-6a7f1f6f3a11")
Component = dict[str, Any]


def purl(kind: str, name: str, version: str, qualifiers: str = "") -> str:
    """A package URL; a version may have letters that mean something in it."""
    return f"pkg:{kind}/{name}@{quote(version, safe='~')}{qualifiers}"


def of_package(name: str, os_release: Mapping[str, str], run: Run) -> Component | None:
    """A package of the distribution, in the version that is installed; None where it is not."""
    code, output = run(["dpkg-query", "--show", "--showformat=${Version} ${Architecture}", name])
    if code != 0 or not output.strip():
        return None
    version, _space, architecture = output.strip().partition(" ")
    system = f"{os_release.get('ID', 'debian')}-{os_release.get('VERSION_ID', '')}".rstrip("-")
    qualifiers = f"?arch={architecture}&distro={system}" if architecture else f"?distro={system}"
    url = purl(f"deb/{os_release.get('ID', 'debian')}", name, version, qualifiers)
    return {"type": "application", "bom-ref": url, "name": name, "version": version, "purl": url}


def distributions(artifact: str) -> Iterator[tuple[str, str]]:
    """(name, version) of the Python packages in an artifact."""
    lib = os.path.join(artifact, "lib")
    for python in folders_in(lib):
        packages = os.path.join(lib, python, "site-packages")
        for folder in folders_in(packages):
            if not folder.endswith(".dist-info"):
                continue
            head = (read_text(os.path.join(packages, folder, "METADATA")) or "").partition("\n\n")[0]
            fields = dict(line.split(": ", 1) for line in head.splitlines() if line.startswith(("Name: ", "Version: ")))
            if len(fields) == len(("Name", "Version")):
                yield fields["Name"].lower().replace("_", "-").replace(".", "-"), fields["Version"]


def sum_of(digest: str) -> dict[str, Any]:
    return {"hashes": [{"alg": "SHA-256", "content": digest}]} if digest else {}


def of_artifact(path: str) -> Iterator[Component]:
    """An environment's packages, or an unpacked archive with its files."""
    name = os.path.basename(path)
    packages = sorted(set(distributions(path)))
    if packages:
        for package, version in packages:
            url = purl("pypi", package, version)
            yield {"type": "library", "bom-ref": url, "name": package, "version": version, "purl": url}
        return
    known = file_list.read(path)
    files = [
        {"type": "file", "bom-ref": f"artifact:{name}/{file}", "name": file, **sum_of(entry[2])}
        for file, entry in sorted((known or {"files": {}})["files"].items())
    ]
    title, _dash, key = name.rpartition("-")
    yield {"type": "application", "bom-ref": f"artifact:{name}", "name": title, "version": key, "components": files}


def of_model(path: str) -> Component:
    known = file_list.read(path)
    name = os.path.basename(path)
    digest = known["files"].get(name, [0, 0, ""])[2] if known else ""
    return {"type": "machine-learning-model", "bom-ref": f"model:{name}", "name": name, **sum_of(digest)}


def of_hub(layout: Layout, path: str) -> Component:
    """A model from the hub, with its files."""
    name, commit = os.path.split(os.path.relpath(path, layout.hub))
    known = file_list.read(path)
    files = [
        {"type": "file", "bom-ref": f"model:{name}/{commit}/{file}", "name": file, **sum_of(entry[2])}
        for file, entry in sorted((known or {"files": {}})["files"].items())
    ]
    ref = f"model:{name}/{commit}"
    return {"type": "machine-learning-model", "bom-ref": ref, "name": name, "version": commit, "components": files}


def of_store(marker: str) -> Iterator[Component]:
    """The models that an engine keeps in a folder of its own, as the folder's marker lists them."""
    content = read_json(marker)
    models = content.get("models", {}) if isinstance(content, dict) else {}
    for name, digest in sorted(models.items()):
        yield {"type": "machine-learning-model", "bom-ref": f"model:{name}", "name": name, **sum_of(digest)}


def of_instance(
    layout: Layout, manifest: Mapping[str, Any], os_release: Mapping[str, str], run: Run
) -> Iterator[Component]:
    """What an instance runs from."""
    package = of_package(manifest["package"], os_release, run) if manifest["package"] else None
    if package:
        yield package
    for path in file_list.installed(layout, [manifest]):
        if path.startswith(f"{layout.hub}/"):
            yield of_hub(layout, path)
        elif os.path.isdir(path):
            yield from of_artifact(path)
        else:
            yield of_model(path)
    for path in manifest["requires"]:
        if path.startswith(f"{layout.models}/") and os.path.basename(path) == ARTIFACT_MARKER:
            yield from of_store(path)


def system_of(os_release: Mapping[str, str]) -> Component:
    name, version = os_release.get("ID", "linux"), os_release.get("VERSION_ID", "unknown")
    return {"type": "operating-system", "bom-ref": f"os:{name}-{version}", "name": name, "version": version}


def instances_of(
    layout: Layout, os_release: Mapping[str, str], run: Run
) -> Iterator[tuple[Component, dict[str, Component]]]:
    """Each instance with what it runs from, by reference."""
    for name in list_instances(layout):
        manifest = manifest_of(layout, name)
        if manifest:
            parts = {part["bom-ref"]: part for part in of_instance(layout, manifest, os_release, run)}
            release = linked_release(layout, name)
            yield {"type": "application", "bom-ref": f"instance:{name}", "name": name, "version": release}, parts


def made_at(layout: Layout) -> dict[str, str]:
    """The time of the newest generation: a host without a change has the same bill."""
    path = os.path.join(layout.generations, f"{newest(layout)}.json")
    if not os.path.isfile(path):
        return {}
    return {"timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(os.stat(path).st_mtime))}


def bill(layout: Layout, host: str, run: Run = run_command) -> dict[str, Any]:
    """The bill of a host, sorted."""
    os_release = read_os_release(layout)
    system = system_of(os_release)
    root = {"type": "platform", "bom-ref": f"host:{host}", "name": host}
    found, needs = {system["bom-ref"]: system}, {root["bom-ref"]: [system["bom-ref"]]}
    for instance, parts in instances_of(layout, os_release, run):
        found.update({**parts, instance["bom-ref"]: instance})
        needs[instance["bom-ref"]] = sorted(parts)
        needs[root["bom-ref"]].append(instance["bom-ref"])
    content = {
        "components": [found[ref] for ref in sorted(found)],
        "dependencies": [{"ref": ref, "dependsOn": sorted(needs[ref])} for ref in sorted(needs)],
    }
    key = json.dumps([host, content], sort_keys=True)
    return {
        "$schema": f"http://cyclonedx.org/schema/bom-{SPEC}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPEC,
        "serialNumber": f"urn:uuid:{uuid.uuid5(SPACE, key)}",
        "version": 1,
        "metadata": {**made_at(layout), "component": root},
        **content,
    }
