#!/usr/bin/python
# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Withdraw what the plan no longer names."""

from __future__ import annotations

DOCUMENTATION = r"""
module: retire
short_description: Stop and remove the instances that are no longer wanted
version_added: 0.1.0
description:
  - Stops and disables every managed instance that O(instances) does not name and removes its unit and link.
  - Releases, artifacts, models and data stay.
author:
  - lab.ai_backend contributors (@lab)
extends_documentation_fragment:
  - lab.ai_backend.attributes
  - lab.ai_backend.generation
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
options:
  instances:
    description: The instances that may exist on this host.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Retire what the registry no longer names
  lab.ai_backend.retire:
    instances: [edge, redis]
"""

RETURN = r"""
retired:
  description: The instances that went.
  type: list
  elements: str
  returned: success
"""

from collections.abc import Iterable

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.host.host import this_host
from ..module_utils.host.layout import list_instances
from ..module_utils.host.systemd import SystemdError
from ..module_utils.releases.generations import Change
from ..module_utils.switching.switch import retire

ARGUMENTS = {
    "instances": {"type": "list", "elements": "str", "required": True},
    "generation": {"type": "int", "default": 0},
    "registry_hash": {"type": "str", "default": ""},
}


def listing(names: Iterable[str]) -> str:
    return "".join(f"{name}\n" for name in names)


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    host, params = this_host(), module.params
    before = list_instances(host.layout)
    try:
        change = Change(params["generation"], params["registry_hash"])
        gone = retire(host, params["instances"], change, module.check_mode)
    except SystemdError as error:
        module.fail_json(msg=str(error))
    after = [name for name in before if name not in gone]
    module.exit_json(
        changed=bool(gone),
        retired=gone,
        diff={
            "before_header": "instances",
            "after_header": "instances",
            "before": listing(before),
            "after": listing(after),
        },
    )


if __name__ == "__main__":
    main()
