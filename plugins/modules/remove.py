#!/usr/bin/python
# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Remove the collection's things from a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: remove
short_description: Remove everything managed from a host, except models and data
version_added: 0.1.0
description:
  - Stops and removes managed units, releases, artifacts, secret files, generations and users.
  - Models and data below C(/var/lib/ai-backend) stay, unless they are named.
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
  data:
    description: Folders below C(/var/lib/ai-backend) that go too, for example C(models).
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Remove everything but models and data
  lab.ai_backend.remove:
"""

RETURN = r"""
removed:
  description: What went.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.host.host import this_host
from ..module_utils.host.systemd import SystemdError
from ..module_utils.switching.removal import inventory, remove


def main() -> None:
    module = AnsibleModule(
        argument_spec={"data": {"type": "list", "elements": "str", "default": []}}, supports_check_mode=True
    )
    host, data = this_host(), module.params["data"]
    wrong = [name for name in data if "/" in name or name in ("", ".", "..")]
    if wrong:
        module.fail_json(msg=f"data names folders below /var/lib/ai-backend, not paths: {', '.join(wrong)}")
    before = inventory(host.layout, data)
    if before and not module.check_mode:
        try:
            remove(host, data)
        except SystemdError as error:
            module.fail_json(msg=str(error))
    listing = "".join(f"{line}\n" for line in before)
    module.exit_json(changed=bool(before), removed=before, diff={"before": listing, "after": ""})


if __name__ == "__main__":
    main()
