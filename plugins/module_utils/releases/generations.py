# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Generations: one small file a change, naming the release of every instance on this host.

The file of a generation is opened by the first switch that changes something (`complete: false`) and closed when the
whole deploy has gone through, so a run that dies half-way leaves a true record of what stands.
"""

from __future__ import annotations

import json
import os
import re
import time

from ..host.layout import linked_release, list_instances, names_in, read_json, read_text, service_of, write_atomic
from ..host.systemd import run_command
from .releases import manifest_of

SCHEMA = 1


def numbers(layout):
    """The generation numbers on this host, ascending."""
    found = (re.fullmatch(r"([0-9]+)\.json", name) for name in names_in(layout.generations))
    return sorted(int(match[1]) for match in found if match)


def path_of(layout, number):
    return os.path.join(layout.generations, f"{number}.json")


def read(layout, number):
    """The content of generation `number`, or None where its file is missing or can't be read."""
    content = read_json(path_of(layout, number))
    return content if well_formed(content) else None


def well_formed(content):
    """Whether a generation's content has the shape that a way back reads."""
    return (
        isinstance(content, dict)
        and content.get("schema") == SCHEMA
        and isinstance(content.get("instances"), dict)
        and all(isinstance(entry, dict) and entry.get("release") for entry in content["instances"].values())
    )


def read_all(layout):
    """({number: content} of the readable generations, ascending; numbers of the others)."""
    good, bad = {}, []
    for number in numbers(layout):
        content = read(layout, number)
        if content:
            good[number] = content
        else:
            bad.append(number)
    return good, bad


def active_slot(layout, service):
    """The slot that serves, or an empty string before the first commit."""
    words = (read_text(layout.active_slot(service)) or "").split()
    return words[1] if len(words) == 2 and words[0] == "active" else ""


def package_version(package, run=run_command):
    code, output = run(["dpkg-query", "--show", "--showformat", "${Version}", package])
    return output.strip() if code == 0 else ""


def snapshot(layout, run=run_command):
    """{instance: {release, artifact | package + version}} of this host, and the slot of each slotted service."""
    instances, slots = {}, {}
    for name in list_instances(layout):
        manifest = manifest_of(layout, name) or {}
        entry = {"release": linked_release(layout, name), "artifact": manifest.get("artifact", "")}
        if manifest.get("package"):
            entry["package"] = manifest["package"]
            entry["package_version"] = package_version(manifest["package"], run)
        instances[name] = entry
        slot = active_slot(layout, service_of(name))
        if slot:
            slots[service_of(name)] = slot
    return {"instances": instances, "slots": slots}


def record(
    layout,
    number,
    registry="",
    complete=False,
    summary=(),
    restores=None,
    touched="",
    proven=True,
    refused=None,
    begun=None,
    run=run_command,
):
    """Write generation `number` from what stands on this host now.

    `restores` is the generation it brought back, 0 for none, None for what was written before. `touched` is an instance
    that was just started anew; not `proven` where its proof is still to come (that a run comes to the next instance
    proves the one before). `refused` names the release that an instance had to give up, {instance: release}.
    `begun` is what ran before a way back began, for as long as it may have to be undone.
    """
    before = read(layout, number) or {}
    content = {
        "schema": SCHEMA,
        "number": number,
        "complete": complete,
        "registry": registry or before.get("registry", ""),
        "created": before.get("created") or time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "summary": list(before.get("summary", []))
        + [line for line in summary if line not in before.get("summary", [])],
    }
    restores = before.get("restores") if restores is None else restores
    if restores:
        content["restores"] = restores
    content.update(snapshot(layout, run))
    begun = begun or before.get("begun")
    if begun and not complete:
        content["begun"] = begun
    content["touched"] = sorted({*before.get("touched", []), *([touched] if touched else [])})
    content["refused"] = {**before.get("refused", {}), **(refused or {})}
    if not proven:
        content["unproven"] = {touched: linked_release(layout, touched)}
    write_atomic(path_of(layout, number), json.dumps(content, indent=2, sort_keys=True) + "\n")
    return content


def protected_releases(layout, keep):
    """({service: release ids} that no way back may lose, numbers of the unreadable generations among the protected).

    Protected are the newest `keep` complete generations, one more of them (so that there are still `keep` when the file
    of the newest is lost), and whatever was begun between them.
    """
    good, bad = read_all(layout)
    complete = [number for number, content in good.items() if content.get("complete")]
    oldest = complete[-(keep + 1) :][0] if complete else 0
    kept = {}
    for number, content in good.items():
        for name, entry in content["instances"].items():
            if number >= oldest:
                kept.setdefault(service_of(name), set()).add(entry["release"])
    return kept, [number for number in bad if number > oldest]
