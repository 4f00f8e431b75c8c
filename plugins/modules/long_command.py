#!/usr/bin/python
# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run a command that takes minutes."""

from __future__ import annotations

DOCUMENTATION = r"""
module: long_command
short_description: Run a command that takes minutes, and show how far it is
version_added: 0.2.0
description:
  - A unit of its own runs the command, so a lost connection to the host does not end it.
  - Each call looks for a while, and returns how far it is. Use it in a loop until RV(finished).
  - The command gets the environment of the task. It can write only to O(writes) and to folders for temporary files.
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
  name:
    description: Name of the work; its unit is C(ai-backend-fetch-NAME).
    type: str
    required: true
  argv:
    description: The command.
    type: list
    elements: str
    required: true
  creates:
    description: A file that is there when the work is done; then the command is not run.
    type: path
  writes:
    description: Folders that exist and the command may write.
    type: list
    elements: path
    required: true
  pattern:
    description: Regular expression of a line that shows how far it is. The first group, or all that matches, is shown.
    type: str
    required: true
  steps:
    description: Whether these lines are counted.
    type: bool
    default: false
  wait:
    description: How many seconds a call looks before it returns.
    type: int
    default: 10
"""

EXAMPLES = r"""
- name: Build the engine
  lab.ai_backend.long_command:
    name: build-engine
    argv: [cmake, --build, /opt/engine/build]
    creates: /opt/engine/build/bin/server
    writes: [/opt/engine/build]
    pattern: '^\[\d+/\d+\]'
  loop: "{{ range(720) | list }}"
  loop_control:
    label: "{{ build.progress | default('') }}"
    break_when: [build.finished | default(true)]
  register: build
"""

RETURN = r"""
finished:
  description: Whether the command has ended.
  type: bool
  returned: always
progress:
  description: How far it is, for a person.
  type: str
  returned: always
"""

import os
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.fetching import unit as fetching
from ..module_utils.fetching.command import may_have
from ..module_utils.fetching.looking import FetchError
from ..module_utils.host.host import Host, this_host

ARGUMENTS: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "argv": {"type": "list", "elements": "str", "required": True},
    "creates": {"type": "path"},
    "writes": {"type": "list", "elements": "path", "required": True},
    "pattern": {"type": "str", "required": True},
    "steps": {"type": "bool", "default": False},
    "wait": {"type": "int", "default": 10},
}
# A package's sources may be named in a file of root's.
MAY_READ_HOME = ("ProtectHome=read-only",)


def worked(module: AnsibleModule, host: Host) -> Mapping[str, Any]:
    """Begin or follow a command, for a while."""
    params = module.params
    name, wanted = params["name"], {"argv": params["argv"]}
    begun = not module.check_mode and fetching.begun(host, name, wanted)
    if not begun and params["creates"] and os.path.exists(params["creates"]):
        return {"changed": False, "finished": True, "progress": "complete"}
    if module.check_mode:
        return {"changed": True, "finished": True, "progress": f"would run {params['argv'][0]}"}
    if not begun:
        request = {**wanted, "environment": may_have(os.environ)}
        request |= {"pattern": params["pattern"], "steps": params["steps"]}
        fetching.start(host, name, "fetching.command", request, "root", params["writes"], MAY_READ_HOME)
    return {"changed": True, **fetching.look_at(host, name, params["wait"])}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        result = worked(module, this_host())
    except (FetchError, OSError) as error:
        module.fail_json(msg=str(error), finished=True, progress="failed")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
