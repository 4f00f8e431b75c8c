#!/usr/bin/python
# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Make the part of a bundle for hosts like this one."""

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_part
short_description: Download the packages and wheels that hosts like this one need, into one file
version_added: 0.2.0
description:
  - Downloads packages of the distribution with all that they depend on, and the wheels of locks. Nothing is installed.
  - Without O(path) it only describes the host.
  - It needs a network and no rights.
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
  path:
    description: The file on the host, in a folder that exists.
    type: path
  packages:
    description: Packages of the distribution.
    type: list
    elements: str
    default: []
  locks:
    description: Texts of hash locks for pip.
    type: list
    elements: str
    default: []
  wheels:
    description: Single wheels, each with C(package), C(version) and C(sha256).
    type: list
    elements: dict
    default: []
  python:
    description: Interpreter that the wheels are for.
    type: str
    default: /usr/bin/python3
"""

EXAMPLES = r"""
- name: Make the part
  lab.ai_backend.bundle_part:
    path: /tmp/part.tar
    packages: [redis-server, haproxy]
"""

RETURN = r"""
facts:
  description: What the roles need to know of the host, as M(lab.ai_backend.host) returns it.
  type: dict
  returned: always
platform:
  description: The kind of host, for example C(debian-trixie-x86_64-python3.13).
  type: str
  returned: always
packages:
  description: Name, version, architecture and sha256 of each package.
  type: list
  elements: dict
  returned: if O(path) is given
wheels:
  description: Name, version and sha256 of each wheel.
  type: list
  elements: dict
  returned: if O(path) is given
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.bundling.packages import BundleError
from ..module_utils.bundling.part import make, platform_of, this_host
from ..module_utils.fetching.wheel_file import pin_of

ARGUMENTS: dict[str, dict[str, Any]] = {
    "path": {"type": "path"},
    "packages": {"type": "list", "elements": "str", "default": []},
    "locks": {"type": "list", "elements": "str", "default": []},
    "wheels": {"type": "list", "elements": "dict", "default": []},
    "python": {"type": "str", "default": "/usr/bin/python3"},
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    params = module.params
    writes = bool(params["path"]) and not module.check_mode
    try:
        facts = this_host(params["python"])
        locks = [*params["locks"], *(pin_of(wheel) for wheel in params["wheels"])]
        found = make(params["packages"], locks, params["python"], params["path"]) if writes else {}
    except (BundleError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(params["path"]), facts=facts, platform=platform_of(facts), **found)


if __name__ == "__main__":
    main()
