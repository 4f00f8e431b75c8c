#!/usr/bin/python
# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Commit a slot."""

from __future__ import annotations

DOCUMENTATION = r"""
module: slot
short_description: Send traffic to a proven slot, drain the other, stop it
version_added: 0.1.0
description:
  - The commit is the atomic rename of one file; HAProxy's running map follows it.
  - The other slot is drained (open answers finish, within O(drain_seconds)) and stopped.
author:
  - lab.ai_backend contributors (@lab)
extends_documentation_fragment:
  - lab.ai_backend.attributes
  - lab.ai_backend.generation
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
options:
  service:
    description: The slotted service.
    type: str
    required: true
  slot:
    description: The slot that serves from now on.
    type: str
    required: true
  slots:
    description: All slots.
    type: list
    elements: str
    required: true
  admin_socket:
    description: HAProxy's admin socket.
    type: str
    required: true
  drain_seconds:
    description: How long open answers of the other slot may take.
    type: int
    default: 600
  soak_seconds:
    description:
      - How long the new slot is watched under real traffic before the other one is drained; 0 for not at all.
      - Traffic goes back to the other slot when too many answers are errors or the slot goes down.
    type: int
    default: 0
"""

EXAMPLES = r"""
- name: Run | Commit the candidate
  lab.ai_backend.slot:
    service: litellm
    slot: green
    slots: [blue, green]
    admin_socket: /run/ai-backend-edge/admin.sock
"""

RETURN = r"""
previous:
  description: The slot that served before, or an empty string.
  type: str
  returned: success
slot:
  description: The slot that serves now.
  type: str
  returned: success
open_at_stop:
  description: Requests that were still open when the other slot was told to stop.
  type: int
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.host.haproxy import AdminError
from ..module_utils.host.host import this_host
from ..module_utils.host.run_lock import BusyError, at_work
from ..module_utils.host.systemd import SystemdError
from ..module_utils.releases.generations import Change
from ..module_utils.switching.slots import SlotError, cut_words, promote

ARGUMENTS = {
    "service": {"type": "str", "required": True},
    "slot": {"type": "str", "required": True},
    "slots": {"type": "list", "elements": "str", "required": True},
    "admin_socket": {"type": "str", "required": True},
    "drain_seconds": {"type": "int", "default": 600},
    "soak_seconds": {"type": "int", "default": 0},
    "generation": {"type": "int", "default": 0},
    "registry_hash": {"type": "str", "default": ""},
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    params = module.params
    if module.check_mode:
        module.exit_json(changed=True, slot=params["slot"], previous="", open_at_stop=0)
    try:
        host = this_host(params["admin_socket"])
        with at_work(host.layout):
            result = promote(
                host,
                params["service"],
                params["slots"],
                params["slot"],
                Change(params["generation"], params["registry_hash"]),
                params["drain_seconds"],
                params["soak_seconds"],
            )
    except (BusyError, SlotError, AdminError, SystemdError, OSError) as error:
        module.fail_json(msg=str(error))
    if result["open_at_stop"]:
        module.warn(cut_words(result["open_at_stop"], params["drain_seconds"]))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
