# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether engines that run can be started with two keys, as a rotation needs it."""

from __future__ import annotations

import re

from ..host.host import Host
from ..host.layout import Layout, linked_release, list_instances, service_of, unit_of
from ..host.secret_files import Files, in_one_line
from ..releases.releases import manifest_of
from .differences import release_files

# The help of an engine's program whose --api-key takes several. An older one takes two for one key, and refuses both.
SEVERAL = re.compile(r"--api-key KEY\b(?:(?!--api-key-file).)*comma-separated", re.DOTALL)


def takes_one_key(host: Host, files: Files) -> list[str]:
    """Names of the engines that run and take one key only; `files` are the host's secret files, by their plan."""
    theirs = {file for file, keys in files.items() if any(in_one_line(key, name) for key, name in keys.items())}
    found = []
    for name in list_instances(host.layout):
        manifest = manifest_of(host.layout, name)
        if manifest and theirs.intersection(manifest["secrets"]) and host.systemd.unit(unit_of(name)).active:
            _code, text = host.systemd.run([program(host.layout, name), "--help"])
            if not SEVERAL.search(text):
                found.append(name)
    return found


def program(layout: Layout, instance: str) -> str:
    """The llama-server of an instance, as its release starts it."""
    files = release_files(layout, service_of(instance), linked_release(layout, instance))
    starts: list[str] = re.findall(r"^ExecStart=(\S+)", files.dropin if files else "", re.MULTILINE)
    return starts[-1]
