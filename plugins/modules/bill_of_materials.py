#!/usr/bin/python
# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Name what a host runs."""

from __future__ import annotations

DOCUMENTATION = r"""
module: bill_of_materials
short_description: Name the packages, programs and models that a host runs, as CycloneDX
version_added: 0.2.0
description:
  - Reads the instances on the host and what they run from. It needs no registry, no network, and changes nothing.
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
    description: Name of the host in the bill.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Name what the host runs
  lab.ai_backend.bill_of_materials:
    host: "{{ inventory_hostname }}"
"""

RETURN = r"""
bill:
  description: The bill, an object of CycloneDX 1.6. Its time is the one of the newest generation.
  type: dict
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.host.layout import Layout
from ..module_utils.inspection.bill import bill


def main() -> None:
    module = AnsibleModule(argument_spec={"host": {"type": "str", "required": True}}, supports_check_mode=True)
    module.exit_json(changed=False, bill=bill(Layout(), module.params["host"]))


if __name__ == "__main__":
    main()
