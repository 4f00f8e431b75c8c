#!/usr/bin/python
# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Make a release."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release
short_description: Make an immutable release from a manifest
version_added: 0.1.0
description:
  - Writes C(/opt/ai-backend/releases/<service>/<id>), where the id is the hash of everything given here.
  - Names which of the paths it needs (an artifact's marker, a model) are not on the host yet.
  - The diff is the text that changes against the release the instance runs now.
author:
  - lab.ai_backend contributors (@lab)
extends_documentation_fragment:
  - lab.ai_backend.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
options:
  service:
    description: The service; its releases lie together.
    type: str
    required: true
  stage:
    description: When a deploy and a rollback start it; the edge, then what a gateway asks, then the gateway.
    type: str
    required: true
    choices: [edge, backend, gateway, monitoring]
  instance:
    description: The instance that the diff compares with. For a slotted service the active slot is taken.
    type: str
    required: true
  slots:
    description: Slots of a slotted service.
    type: list
    elements: str
    default: []
  admin_socket:
    description: HAProxy's admin socket, for a slotted service and for an engine.
    type: str
    default: ""
  listener:
    description: The edge's section that offers the instance to gateways; empty for one that no gateway asks.
    type: str
    default: ""
  files:
    description: Rendered files by name. C(@RELEASE@) in a text becomes the release's folder.
    type: dict
    default: {}
  units:
    description: Unit files by name, the same for every release of a version of this collection.
    type: dict
    required: true
  dropin:
    description: Text of the instances' drop-in; a C([Service]) section is already open.
    type: str
    required: true
  enable:
    description: Units that start at boot.
    type: list
    elements: str
    required: true
  artifact:
    description: Folder of the artifact that the release runs from. Empty for a distribution's package.
    type: str
    default: ""
  package:
    description: Distribution package that the release runs from.
    type: str
    default: ""
  requires:
    description: Paths that must exist before an instance is switched to the release.
    type: list
    elements: str
    default: []
  replaces:
    description: Units of others that the instance replaces; they are stopped for it, and run again after it.
    type: list
    elements: str
    default: []
  secrets:
    description: Names of the secret files that the service reads.
    type: list
    elements: str
    default: []
  ports:
    description: Port of each instance on loopback.
    type: dict
    default: {}
  sockets:
    description: Unix socket of each instance that listens on one in place of a port.
    type: dict
    default: {}
  wake:
    description: How a service comes into memory that is not always there; C(plugin_utils/data/row.py) has the keys.
    type: dict
    default: {}
  probes:
    description: What proves that the service does its work; see M(lab.ai_backend.probe).
    type: list
    elements: dict
    required: true
  reload:
    description: Whether a change is taken by C(systemctl reload) instead of a restart.
    type: bool
    default: false
  shown:
    description: Files of the release before that are read back when the instance is to leave it.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Configure | Make the release
  lab.ai_backend.release:
    service: redis
    stage: backend
    instance: redis
    files: {redis.conf: "port 6379\n"}
    units: {ai-backend-redis.service: "[Service]\nType=notify\n"}
    dropin: "ExecStart=/usr/bin/redis-server @RELEASE@/files/redis.conf\n"
    enable: [ai-backend-redis.service]
    package: redis-server
    requires: [/usr/bin/redis-server]
    probes: [{kind: redis, key: {file: redis.conf, name: requirepass}}]
"""

RETURN = r"""
id:
  description: The release's id.
  type: str
  returned: always
asked:
  description: Whether the host was asked; it was not where it had reported that the instance runs this very release.
  type: bool
  returned: always
repaired:
  description: Files of the release that had been changed on the host, and were written again; or removed.
  type: list
  elements: str
  returned: when the host was asked
settled:
  description: Whether the instance runs this release already and clients reach it, so that nothing is left to do.
  type: bool
  returned: always
previous:
  description: The release that the instance runs now, for a slotted service that of the active slot; empty for none.
  type: str
  returned: always
missing:
  description: The required paths that do not exist yet.
  type: list
  elements: str
  returned: always
shown:
  description: Text by name, of those files of O(shown) that the release before has; empty where it stays.
  type: dict
  returned: always
free_bytes:
  description: Free space below /opt.
  type: int
  returned: always
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.host.haproxy import AdminError
from ..module_utils.host.host import Host, this_host
from ..module_utils.host.layout import linked_release, printable, slot_instance
from ..module_utils.host.state import free_bytes
from ..module_utils.releases.generations import active_slot
from ..module_utils.releases.releases import ARGUMENTS, content_from, current_texts, identifier, rendered, write
from ..module_utils.switching.settled import settled


def text_diff(before: Mapping[str, str], after: Mapping[str, str], old: str, new: str) -> list[dict[str, str]]:
    """One diff entry a file that differs; `manifest.json` is derived from the rest and left out."""
    names = sorted((set(before) | set(after)) - {"manifest.json"})
    return [
        {
            "before_header": f"{printable(name)} (release {old or 'none'})",
            "after_header": f"{name} (release {new})",
            "before": before.get(name, "").replace(old, new) if old else "",
            "after": after.get(name, ""),
        }
        for name in names
        if before.get(name, "").replace(old or new, new) != after.get(name, "")
    ]


def shown(before: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    """Of the texts of a release those of the named files that it has."""
    return {name: before[f"files/{name}"] for name in names if f"files/{name}" in before}


def differing(there: Mapping[str, str], texts: Mapping[str, str]) -> list[str]:
    """Files of a release on disk that are not what they were when it was made; none where it is new."""
    names = sorted({*there, *texts}) if there else []
    return [printable(name) for name in names if there.get(name) != texts.get(name)]


def previous_release(host: Host, service: str, instance: str) -> str:
    """The release that serves now, or an empty string."""
    slot = active_slot(host.layout, service)
    return linked_release(host.layout, slot_instance(service, slot) if slot else instance)


def up_to_date(host: Host, params: Mapping[str, Any], release_id: str) -> bool:
    """Whether nothing is left to do for a release that is complete on the host."""
    try:
        return settled(host, params["instance"], release_id, params["slots"], params["listener"])
    except AdminError:
        # The switch asks again, and reports what is wrong.
        return False


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    host, params = this_host(module.params["admin_socket"]), module.params
    layout, content = host.layout, content_from(params)
    service, release_id = content["service"], identifier(content)
    texts = rendered(layout, content, release_id)
    there = current_texts(layout, service, release_id)
    changed, repaired = there != texts, differing(there, texts)
    old = previous_release(host, service, params["instance"])
    if changed and not module.check_mode:
        try:
            write(layout, service, release_id, texts)
        except OSError as error:
            place = os.path.join(layout.releases, service)
            problem = f"release {release_id} of {service} could not be written below {place}: {error}"
            module.fail_json(msg=f"{problem}. The running services are unchanged")
    outcome = "would be written again" if module.check_mode else "was written again"
    for name in repaired:
        module.warn(f"{name} of release {release_id} of {service} had been changed on the host: it {outcome}")
    before = current_texts(layout, service, old) if old not in ("", release_id) else {}
    missing = [path for path in content["requires"] if not os.path.exists(path)]
    module.exit_json(
        changed=changed,
        asked=True,
        repaired=repaired,
        # A process that runs without a part of its release has still read the one that was there before.
        settled=not changed and not missing and up_to_date(host, params, release_id),
        id=release_id,
        previous=old,
        missing=missing,
        shown=shown(before, params["shown"]),
        free_bytes=free_bytes(layout.opt),
        diff=text_diff(before, texts, old, release_id) if old != release_id else [],
    )


if __name__ == "__main__":
    main()
