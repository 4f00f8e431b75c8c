#!/usr/bin/python
# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Report which secrets a host holds."""

from __future__ import annotations

DOCUMENTATION = r"""
module: held_secrets
short_description: Report which secrets a host holds, or read them back into the controller's folder
version_added: 0.1.0
description:
  - Looks into the host's secret files. The result holds names and fingerprints, never values.
  - With O(folder) the values go over the connection into that folder of the controller, 0600, and nowhere else.
    Check mode reads nothing back.
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
  files:
    description: For each file the keys in it and the name of the secret behind each.
    type: dict
    required: true
  names:
    description: The secrets that are asked for.
    type: list
    elements: str
    required: true
  salt:
    description: Goes into the fingerprints; the same for hosts that are compared.
    type: str
    default: ""
  folder:
    description: The controller's folder for generated secrets. What it has already stays.
    type: str
    default: ""
  reveal:
    description: For the controller's side of this module alone, which sets it and takes the values out of the result.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Ask the host for a secret that this controller lacks
  lab.ai_backend.held_secrets:
    files: {redis.conf: {requirepass: REDIS_PASSWORD}}
    names: [REDIS_PASSWORD]
"""

RETURN = r"""
asked:
  description: The names that were asked for.
  type: list
  elements: str
  returned: always
held:
  description: Fingerprint of each of them that the host holds.
  type: dict
  returned: always
before:
  description: For each whose predecessor is still accepted, until when; seconds since 1970.
  type: dict
  returned: always
single:
  description: Engines that run and can't have two keys at a time, where the engines' key was asked for.
  type: list
  elements: str
  returned: always
at:
  description: When the host was asked, by the controller's clock; seconds since 1970.
  type: int
  returned: always
kept:
  description: Names of those that were kept in the controller's folder.
  type: list
  elements: str
  returned: with O(folder)
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.host.host import this_host
from ..module_utils.host.secret_files import ENGINE_KEY, accepted_before, fingerprint, held
from ..module_utils.switching.engine_keys import takes_one_key

ARGUMENTS = {
    "files": {"type": "dict", "required": True, "no_log": False},
    "names": {"type": "list", "elements": "str", "required": True},
    "salt": {"type": "str", "default": ""},
    "folder": {"type": "str", "default": ""},
    "reveal": {"type": "bool", "default": False},
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    host, params = this_host(), module.params
    found = held(host.layout, params["files"], params["names"])
    module.exit_json(
        changed=False,
        asked=sorted(params["names"]),
        held={name: fingerprint(params["salt"], value) for name, value in found.items()},
        before=accepted_before(host.layout, params["files"]),
        single=takes_one_key(host, params["files"]) if ENGINE_KEY in params["names"] else [],
        **({"values": found} if params["reveal"] else {}),
    )


if __name__ == "__main__":
    main()
