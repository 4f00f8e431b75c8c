# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What was changed on a host outside of the releases, and what does not belong where it is.

A release is compared with its id at each deploy (releases/integrity.py). Here is the rest: what was installed, who may
write, drop-ins that no release has, links that lead elsewhere.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator

from ..host.findings import Finding, critical, warning
from ..host.layout import Layout, folders_in, linked_release, list_instances, names_in, printable, service_of
from ..host.ownership import Wrong, wrong
from ..releases import file_list
from ..releases.releases import manifest_of
from ..switching.candidate import conf_of

CHECK = "integrity"
DEPLOY = "ansible-playbook lab.ai_backend.deploy"
# Where systemd reads drop-ins from, in /etc as a user writes them and below /run, /usr/local and /usr.
UNIT_FOLDERS = ("etc/systemd/system", "run/systemd/system", "usr/local/lib/systemd/system", "usr/lib/systemd/system")
# So many differences of one artifact are looked for, and so many are named.
MANY, SHOWN = 100, 3


def summed_up(lines: list[str]) -> str:
    """The first of many lines in one, with the number of the others."""
    shown = "; ".join(printable(line) for line in lines[:SHOWN])
    more = len(lines) - SHOWN
    return f"{shown}; and {more}{' or' if len(lines) == MANY else ''} more" if more > 0 else shown


def of_installed(host: str, path: str, sums: bool) -> Iterator[Finding]:
    """Whether an artifact or a model is as it was installed."""
    known = file_list.read(path)
    where = f"host.{host}"
    if known is None:
        message = (
            f"{printable(path)} was installed without a list of its files, so nobody can tell whether it was changed"
        )
        yield warning(CHECK, where, message, f"run `{DEPLOY}`, which makes the list from what is there now")
        return
    lines = list(itertools.islice(file_list.differences(path, known, sums), MANY))
    if lines and os.path.isdir(path):
        message = f"{path} is not what was installed: {summed_up(lines)}"
        yield critical(
            CHECK,
            where,
            message,
            f"find out who changed it; then move {path} away and run `{DEPLOY}`, "
            "which installs it again and restarts what ran from it",
        )
    elif lines:
        message = f"model {path} is not the file that was installed: {summed_up(lines)}"
        yield critical(
            CHECK,
            where,
            message,
            f"put the file back, or move it away and run `{DEPLOY}`; "
            f"if you replaced it yourself, remove {file_list.list_of(path)}",
        )


def of_ownership(host: str, found: list[Wrong]) -> Iterator[Finding]:
    """Folders and files that others own, may write or may read."""
    for each in found:
        hint = (
            f"run `{DEPLOY}`, which gives it to root with mode {each.mode:04o}; check what others may have done there"
        )
        yield critical(CHECK, f"host.{host}", str(each), hint)


def foreign_dropins(layout: Layout) -> list[str]:
    """Drop-ins of managed units that neither a release nor a switch has put there."""
    # One of an instance without a link is the rest of a switch that died: its unit is not started with it.
    written = {os.path.basename(layout.dropin("any"))}
    candidates = {conf_of(layout, instance) for instance in list_instances(layout)}
    found = []
    for folder in UNIT_FOLDERS:
        root = layout.path(folder)
        for name in folders_in(root):
            if not name.startswith("ai-backend-") or not name.endswith(".service.d"):
                continue
            of_one = not name.endswith(("@.service.d", "ai-backend-.service.d"))
            for file in sorted(os.listdir(os.path.join(root, name))):
                path = os.path.join(root, name, file)
                managed = path in candidates or (of_one and root == layout.units and file in written)
                if file.endswith(".conf") and not managed:
                    found.append(path)
    return found


def of_dropins(host: str, layout: Layout) -> Iterator[Finding]:
    for path in foreign_dropins(layout):
        message = f"{printable(path)} changes a managed unit, and no release has it"
        hint = "remove it, run `systemctl daemon-reload` and restart the unit; the roles have variables for settings"
        yield critical(CHECK, f"host.{host}", message, hint)


def of_links(host: str, layout: Layout) -> Iterator[Finding]:
    """Instances whose link leads to something else than a release."""
    for name in list_instances(layout):
        target = os.readlink(layout.instance(name))
        if target != layout.release(service_of(name), linked_release(layout, name)):
            message = f"{layout.instance(name)} leads to {printable(target)}, which is no release of {service_of(name)}"
            yield critical(CHECK, f"host.{host}", message, f"remove the link and run `{DEPLOY}`")


def strays(layout: Layout) -> list[str]:
    """What is in the managed folders and was not put there by the collection."""
    services = [os.path.join(layout.releases, service) for service in folders_in(layout.releases)]
    found = [layout.instance(name) for name in names_in(layout.instances) if name not in list_instances(layout)]
    for folder in (layout.artifacts, layout.releases, *services):
        paths = (os.path.join(folder, name) for name in names_in(folder))
        found += [path for path in paths if not os.path.isdir(path) or path != printable(path)]
    for name in names_in(layout.generations):
        path = os.path.join(layout.generations, name)
        if not re.fullmatch(r"[0-9]+\.json", name) or not os.path.isfile(path):
            found.append(path)
    return found


def of_strays(host: str, layout: Layout) -> Iterator[Finding]:
    for path in strays(layout):
        message = f"{printable(path)} does not belong there: the collection did not put it there, and does not read it"
        yield warning(CHECK, f"host.{host}", message, "move it away")


def in_use(layout: Layout, everything: bool = False) -> list[str]:
    """The artifacts and models that instances run from; with `everything` those of older releases too."""
    manifests = (manifest_of(layout, name) for name in list_instances(layout))
    return file_list.installed(layout, [manifest for manifest in manifests if manifest], everything)


def unlisted(layout: Layout) -> list[str]:
    """Of what instances run from, what a deploy still has to list."""
    return [path for path in in_use(layout) if file_list.read(path) is None]


def changed_since(layout: Layout, host: str, sums: bool = False) -> list[Finding]:
    """Findings that stop a deploy: what only a person can judge. Without `sums` it is quick: no file is read."""
    found = [finding for path in in_use(layout) for finding in of_installed(host, path, sums)]
    found += [*of_dropins(host, layout), *of_links(host, layout)]
    return [finding for finding in found if finding["severity"] == "critical"]


def tampering_findings(layout: Layout, host: str, sums: bool = False) -> list[Finding]:
    """All findings; with `sums` each file is read."""
    found = [finding for path in in_use(layout, everything=True) for finding in of_installed(host, path, sums)]
    found += of_ownership(host, wrong(layout))
    return [*found, *of_dropins(host, layout), *of_links(host, layout), *of_strays(host, layout)]
