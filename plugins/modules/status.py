#!/usr/bin/python
# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Report what runs."""

from __future__ import annotations

DOCUMENTATION = r"""
module: status
short_description: Report what runs on a host, from its own files
version_added: 0.1.0
description:
  - Reads releases, instances and generations on the host and asks the services for their health. It needs no registry.
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
  host:
    description: Name of the host in the report.
    type: str
    required: true
  admin_socket:
    description: HAProxy's admin socket, which tells when an engine that sleeps was last asked.
    type: str
    default: /run/ai-backend-edge/admin.sock
"""

EXAMPLES = r"""
- name: Report what runs
  lab.ai_backend.status:
    host: "{{ inventory_hostname }}"
"""

RETURN = r"""
generation:
  description: The newest generation on this host; 0 where nothing was deployed.
  type: int
  returned: always
complete:
  description: Whether that generation went through.
  type: bool
  returned: always
rows:
  description: One entry an instance; host, service, unit, release, health, asked, models, generation.
  type: list
  elements: dict
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.host.host import this_host
from ..module_utils.inspection.status import report


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "host": {"type": "str", "required": True},
            "admin_socket": {"type": "str", "default": "/run/ai-backend-edge/admin.sock"},
        },
        supports_check_mode=True,
    )
    found = report(this_host(module.params["admin_socket"]), module.params["host"])
    for line in found.pop("warnings"):
        module.warn(line)
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
