#!/usr/bin/python
# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Switch an instance to a release."""

from __future__ import annotations

DOCUMENTATION = r"""
module: switch
short_description: Put an instance on a release, or take it away
version_added: 0.1.0
description:
  - Compares what runs (the process's own release, unit, drop-in, age of its secrets) with what should.
  - Fixes only the difference.
  - With O(slots) it boots the idle slot and leaves the active one alone; M(lab.ai_backend.slot) commits it.
author:
  - lab.ai_backend contributors (@lab)
extends_documentation_fragment:
  - lab.ai_backend.attributes
  - lab.ai_backend.generation
attributes:
  check_mode:
    support: full
  diff_mode:
    support: partial
options:
  instance:
    description: The instance, for example C(redis) or C(llama-cpp@fast). For a slotted service its name.
    type: str
    required: true
  release:
    description: The release's id. Not needed to withdraw.
    type: str
    default: ""
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
  shared:
    description: Whether others answer too, so that it leaves the rotation and finishes its answers before it restarts.
    type: bool
    default: false
  pauses:
    description: The names that nobody else answers while it restarts; a warning names them.
    type: list
    elements: str
    default: []
  drain_seconds:
    description: How long answers of an engine that leaves the rotation may take.
    type: int
    default: 600
  strategy:
    description:
      - How a slotted service changes.
      - V(beside) boots the idle slot in addition to the one that serves, and refuses where memory does not hold both.
      - V(restart) stops that one first, so clients meet a pause.
    type: str
    choices: [beside, restart]
    default: beside
  memory_reserve_bytes:
    description: Memory that must stay free when two slots run.
    type: int
    default: 0
  force:
    description: Boot the idle slot also where nothing changed, and also where memory looks too small.
    type: bool
    default: false
  refused:
    description: The release that this switch undoes because it did not prove itself.
    type: str
    default: ""
  state:
    description: V(withdrawn) stops the instance and removes its unit and link; release and data stay.
    type: str
    choices: [present, withdrawn]
    default: present
"""

EXAMPLES = r"""
- name: Run | Switch Redis
  lab.ai_backend.switch:
    instance: redis
    release: 1a2b3c4d5e6f
    generation: 7
"""

RETURN = r"""
instance:
  description: The instance that was switched; for a slotted service the slot.
  type: str
  returned: always
unit:
  description: Its unit.
  type: str
  returned: always
previous:
  description: The release before, or an empty string.
  type: str
  returned: when present
reasons:
  description: Why something had to change.
  type: list
  elements: str
  returned: when present
candidate:
  description: Whether the instance is a slot that waits for its commit.
  type: bool
  returned: when present
open_at_restart:
  description: Answers of an engine that were still running when it was restarted.
  type: int
  returned: when present
action:
  description: What systemd was asked; V(open) where the instance only has to come back into rotation.
  type: str
  returned: when present
serving:
  description: The instance of the service that serves then, for a slotted service as the commit point names it.
  type: str
  returned: when withdrawn
serving_release:
  description: Its release.
  type: str
  returned: when withdrawn
"""

import contextlib
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.host.haproxy import AdminError
from ..module_utils.host.host import Host, this_host
from ..module_utils.host.layout import linked_release, service_of, unit_of
from ..module_utils.host.run_lock import BusyError, at_work
from ..module_utils.host.systemd import SystemdError
from ..module_utils.releases.generations import Change, Note, active_slot, read, record
from ..module_utils.releases.refusals import note_refusal
from ..module_utils.releases.releases import read_manifest, wakes_on_request
from ..module_utils.switching.rotation import Rotation
from ..module_utils.switching.slot_switch import Manner, committed, serving_instance, switch_slot, withdraw_candidate
from ..module_utils.switching.slots import follow
from ..module_utils.switching.switch import Switched, SwitchError, refuse_elsewhere, switch

ARGUMENTS: dict[str, dict[str, Any]] = {
    "instance": {"type": "str", "required": True},
    "release": {"type": "str", "default": ""},
    "slots": {"type": "list", "elements": "str", "default": []},
    "admin_socket": {"type": "str", "default": ""},
    "listener": {"type": "str", "default": ""},
    "shared": {"type": "bool", "default": False},
    "pauses": {"type": "list", "elements": "str", "default": []},
    "drain_seconds": {"type": "int", "default": 600},
    "strategy": {"type": "str", "choices": ["beside", "restart"], "default": "beside"},
    "memory_reserve_bytes": {"type": "int", "default": 0},
    "force": {"type": "bool", "default": False},
    "refused": {"type": "str", "default": ""},
    "state": {"type": "str", "choices": ["present", "withdrawn"], "default": "present"},
    "generation": {"type": "int", "default": 0},
    "registry_hash": {"type": "str", "default": ""},
}


def change_of(params: Mapping[str, Any]) -> Change:
    return Change(params["generation"], params["registry_hash"])


def take_away(host: Host, params: Mapping[str, Any], check: bool) -> dict[str, Any]:
    instance = params["instance"]
    release = linked_release(host.layout, instance)
    changed = bool(release) and not committed(host.layout, instance)
    if changed and not check:
        withdraw_candidate(host, instance)
        note_refused(host, params, release)
    serving = serving_instance(host.layout, service_of(instance)) or instance
    served = linked_release(host.layout, serving)
    return {
        "changed": changed,
        "instance": instance,
        "unit": unit_of(instance),
        "serving": serving if served else "",
        "serving_release": served,
    }


def note_refused(host: Host, params: Mapping[str, Any], release: str) -> None:
    """The generation of this run names what runs now, and what was tried. A candidate alone opens none."""
    note_refusal(host.layout, params["instance"], release)
    number = params["generation"]
    if number and read(host.layout, number):
        record(host, change_of(params), Note(refused={params["instance"]: release}))


def put_slot(host: Host, params: Mapping[str, Any], check: bool) -> Switched:
    service = params["instance"]
    manner = Manner(params["strategy"], params["memory_reserve_bytes"], params["force"])
    made = switch_slot(host, service, params["slots"], params["release"], change_of(params), check, manner)
    strayed = follow(host, service)
    if strayed:
        made["changed"], made["reasons"] = True, [*made["reasons"], strayed]
        if not check:
            host.admin.set_map(host.layout.active_slot(service), "active", active_slot(host.layout, service))
    return made


def put(host: Host, params: Mapping[str, Any], check: bool) -> Switched:
    rotation = Rotation(host.admin, params["listener"], params["drain_seconds"]) if params["listener"] else None
    manifest = read_manifest(host.layout, service_of(params["instance"]), params["release"])
    waits = manifest is not None and wakes_on_request(manifest)
    if rotation and not params["shared"] and not rotation.closed and not waits:
        # Refusing what nobody else answers only makes its pause longer; for one that they wake, requests wait.
        rotation = None
    # What undoes a release goes where the edge asked before; and a check does not change the edge.
    if not check and not params["refused"]:
        refuse_elsewhere(host.layout, params["instance"], params["release"], params["listener"])
    made = switch(host, params["instance"], params["release"], change_of(params), check, rotation)
    if params["refused"] and not check:
        note_refused(host, params, params["refused"])
    return made


def paused(made: Switched) -> bool:
    """Whether an instance that ran before restarts, or in check mode would."""
    restarts = made["action"] == "restart" or (not made["action"] and made["previous"] != made["release"])
    return bool(made["previous"]) and restarts


def change(module: AnsibleModule, host: Host) -> Mapping[str, Any]:
    """The module's result."""
    params = module.params
    if params["state"] == "withdrawn":
        return take_away(host, params, module.check_mode)
    if params["slots"]:
        return put_slot(host, params, module.check_mode)
    made = put(host, params, module.check_mode)
    if params["pauses"] and paused(made):
        names = ", ".join(params["pauses"])
        module.warn(f"{names} pause while {made['unit']} restarts: no other engine answers them")
    return made


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    host = this_host(module.params["admin_socket"])
    try:
        with contextlib.nullcontext() if module.check_mode else at_work(host.layout):
            result = dict(change(module, host))
    except (BusyError, SwitchError, SystemdError, AdminError, OSError) as error:
        module.fail_json(msg=str(error))
    if result["changed"] and result.get("reasons"):
        result["diff"] = {"prepared": f"{result['unit']}: {'; '.join(result['reasons'])}\n"}
    module.exit_json(**result)


if __name__ == "__main__":
    main()
