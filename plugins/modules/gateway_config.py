#!/usr/bin/python
# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read what the gateway serves."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gateway_config
short_description: Read the config of the gateway slot that serves
version_added: 0.1.0
description:
  - Returns LiteLLM's config of the active slot's release. It holds references to secrets, never their values.
author:
  - lab.ai_backend contributors (@lab)
extends_documentation_fragment:
  - lab.ai_backend.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
options: {}
"""

EXAMPLES = r"""
- name: Read what is served
  lab.ai_backend.gateway_config:
  register: served
"""

RETURN = r"""
slot:
  description: The active slot, or an empty string before the first deploy.
  type: str
  returned: always
release:
  description: Its release.
  type: str
  returned: always
config:
  description: LiteLLM's config as text, or an empty string.
  type: str
  returned: always
"""

import os

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.host.layout import Layout, linked_release, read_text, slot_instance
from ..module_utils.releases.generations import active_slot
from ..module_utils.releases.releases import gateway_of


def served(layout: Layout) -> dict[str, str]:
    """{slot, release, config} of the gateway that serves, all empty before the first deploy."""
    gateway = gateway_of(layout)
    slot = active_slot(layout, gateway["service"]) if gateway else ""
    if not gateway or not slot:
        return {"slot": "", "release": "", "config": ""}
    release = linked_release(layout, slot_instance(gateway["service"], slot))
    path = os.path.join(layout.release(gateway["service"], release), "files", "config.yaml")
    return {"slot": slot, "release": release, "config": (read_text(path) or "") if release else ""}


def main() -> None:
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    module.exit_json(changed=False, **served(Layout()))


if __name__ == "__main__":
    main()
