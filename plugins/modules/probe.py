#!/usr/bin/python
# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Prove that an instance works."""

from __future__ import annotations

DOCUMENTATION = r"""
module: probe
short_description: Prove that an instance does its work, or report why not
version_added: 0.1.0
description:
  - Runs the probes of the instance's release until they pass, the deadline is reached or the unit dies.
  - On failure it returns the last lines of the unit's journal.
author:
  - lab.ai_backend contributors (@lab)
extends_documentation_fragment:
  - lab.ai_backend.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
options:
  instance:
    description: The instance.
    type: str
    required: true
  timeout:
    description: Seconds until it gives up.
    type: int
    default: 180
  listener:
    description: The edge's section where the instance comes back into rotation once it is proven.
    type: str
    default: ""
  admin_socket:
    description: HAProxy's admin socket.
    type: str
    default: ""
  own:
    description: Whether the probes of the instance's release are run.
    type: bool
    default: true
  canaries:
    description: Further probes, for what this change is about; P(lab.ai_backend.canaries#filter) makes them.
    type: list
    elements: dict
    default: []
  canary_timeout:
    description: Seconds until a canary is given up.
    type: int
    default: 60
  force:
    description: Whether a canary that fails is a warning only.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Verify | Prove Redis
  lab.ai_backend.probe:
    instance: redis
    timeout: 30
"""

RETURN = r"""
seconds:
  description: How long it took.
  type: float
  returned: success
journal:
  description: The last lines of the unit's journal.
  type: list
  elements: str
  returned: failure
"""

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.host.haproxy import AdminError
from ..module_utils.host.host import this_host
from ..module_utils.host.layout import unit_of
from ..module_utils.probes.asking import ProbeError
from ..module_utils.probes.prove import prove
from ..module_utils.releases.releases import manifest_of
from ..module_utils.switching.rotation import Rotation

ARGUMENTS = {
    "instance": {"type": "str", "required": True},
    "timeout": {"type": "int", "default": 180},
    "listener": {"type": "str", "default": ""},
    "admin_socket": {"type": "str", "default": ""},
    "own": {"type": "bool", "default": True},
    "canaries": {"type": "list", "elements": "dict", "default": []},
    "canary_timeout": {"type": "int", "default": 60},
    "force": {"type": "bool", "default": False},
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    params, instance = module.params, module.params["instance"]
    host = this_host(params["admin_socket"])
    if module.check_mode:
        module.exit_json(changed=False, seconds=0.0)
    manifest: Mapping[str, Any] = manifest_of(host.layout, instance) or {}
    if not manifest:
        module.fail_json(msg=f"{instance} has no release on this host", journal=[])
    try:
        seconds = prove(host, instance, manifest, params["timeout"]) if params["own"] else 0.0
    except ProbeError as error:
        module.fail_json(msg=str(error), journal=host.systemd.journal(unit_of(instance)))
    for canary in params["canaries"]:
        try:
            asked = {**manifest, "probes": [canary]}
            seconds += prove(host, instance, asked, params["canary_timeout"])
        except ProbeError as error:
            if not params["force"]:
                hint = "fix it, or continue with -e ai_backend_force=true"
                module.fail_json(msg=f"a route that changes: {error}: {hint}", journal=[])
            module.warn(f"a route that changes does not work yet: {error}")
    try:
        Rotation(host.admin, params["listener"]).open()
    except AdminError as error:
        module.fail_json(msg=f"{instance} is proven, but not back in rotation: {error}", journal=[])
    module.exit_json(changed=False, seconds=round(seconds, 1))


if __name__ == "__main__":
    main()
