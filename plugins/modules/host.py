#!/usr/bin/python
# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Describe and prepare a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host
short_description: Describe a host and make the folders and users that services need
version_added: 0.1.0
description:
  - One call in place of fact gathering, with what the preflight and the roles need to know of the host.
  - Names the processes that are not ours and listen on ports that the plan gives to our services.
author:
  - lab.ai_backend contributors (@lab)
extends_documentation_fragment:
  - lab.ai_backend.attributes
  - lab.ai_backend.engine_builds
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
options:
  host:
    description: Name of the host in the inventory, for what is said of it.
    type: str
    default: ""
  instances:
    description: The instances that this host will run; each service has a user of its own.
    type: list
    elements: str
    required: true
  ports:
    description: Port of each instance.
    type: dict
    default: {}
  library:
    description: Our own code for the host, path to text.
    type: dict
    default: {}
  commands:
    description: Commands for root, name to text.
    type: dict
    default: {}
  run:
    description: The run that takes the host for itself, as P(lab.ai_backend.this_run#lookup) gives it; empty for none.
    type: dict
    default: {}
  instead_of:
    description: Id of a run that had the host and is known to be over.
    type: str
    default: ""
  admin_socket:
    description: HAProxy's admin socket.
    type: str
    default: /run/ai-backend-edge/admin.sock
  python:
    description: Interpreter that virtual environments on the host are made from.
    type: str
    default: /usr/bin/python3
"""

EXAMPLES = r"""
- name: Prepare the host
  lab.ai_backend.host:
    instances: [redis]
    ports: {redis: 6379}
"""

RETURN = r"""
cards:
  description: Where the engines and the host's graphics cards do not fit; findings.
  type: list
  elements: dict
  returned: always
facts:
  description: Architecture, distribution, version, codename, systemd, apt, python, free_bytes, cores,
    memory_bytes, cards (makers of its graphics cards), published (what its edge offers), instances (of ours, that it
    has), settled (release of each that needs nothing), rotated (when each secret was), generation.
  type: dict
  returned: always
holder:
  description: The other run that has the host, and the reason why nothing was done; else none.
  type: dict
  returned: always
foreign:
  description: Listeners on our ports that are not ours; port, instance, pid, command, unit.
  type: list
  elements: dict
  returned: always
"""

import os

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.host.cards import card_findings
from ..module_utils.host.haproxy import AdminSocket
from ..module_utils.host.layout import Layout
from ..module_utils.host.run_lock import take
from ..module_utils.host.secret_files import rotations
from ..module_utils.host.state import (
    describe,
    foreign_listeners,
    left_tools,
    make_folders,
    make_users,
    missing_folders,
    missing_users,
    stale_tools,
    write_tools,
)
from ..module_utils.host.systemd import Systemd
from ..module_utils.releases.generations import numbers
from ..module_utils.switching.settled import standing

ARGUMENTS = {
    "host": {"type": "str", "default": ""},
    "instances": {"type": "list", "elements": "str", "required": True},
    "ports": {"type": "dict", "default": {}},
    "python": {"type": "str", "default": "/usr/bin/python3"},
    "run": {"type": "dict", "default": {}},
    "instead_of": {"type": "str", "default": ""},
    "library": {"type": "dict", "default": {}},
    "commands": {"type": "dict", "default": {}},
    "engines": {"type": "list", "elements": "dict", "default": []},
    "gpu": {"type": "str", "choices": ["none", "cuda", "vulkan"], "default": "none"},
    "admin_socket": {"type": "str", "default": "/run/ai-backend-edge/admin.sock"},
}


def main():
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    layout, params = Layout(), module.params
    facts = describe(layout, params["python"])
    foreign = foreign_listeners(layout, {name: int(port) for name, port in params["ports"].items()})
    cards = card_findings(layout, params["host"], params["engines"], params["gpu"])
    unfit = any(finding["severity"] == "critical" for finding in cards)
    holder = None
    if params["run"] and not module.check_mode:
        holder = take(layout, params["run"], params["instead_of"])
    facts["generation"] = max(numbers(layout), default=0)
    facts["rotated"] = rotations(layout)
    facts["settled"] = standing(layout, Systemd(), AdminSocket(params["admin_socket"]))
    # A host that fails the preflight stays as it is, and so does one that another run has.
    usable = facts["systemd"] and facts["apt"] and not foreign and not holder and not unfit
    folders, users = missing_folders(layout), missing_users(params["instances"])
    tools = stale_tools(layout, params["library"], params["commands"])
    left = left_tools(layout, params["library"])
    if usable and not module.check_mode:
        try:
            make_folders(layout, folders)
            write_tools(tools)
            for path in left:
                os.unlink(path)
        except OSError as error:
            where = "something else is where a folder or file of ours has to be"
            module.fail_json(msg=f"{error.filename}: {error.strerror}. Move it away: {where}")
        failures = make_users(users)
        if failures:
            module.fail_json(msg="; ".join(failures))
    lines = [f"folder {path}\n" for path in folders] + [f"user {name}\n" for name in users]
    lines += [f"file {path}\n" for path in sorted(tools)] + [f"file {path} removed\n" for path in left]
    module.exit_json(
        changed=usable and bool(folders or users or tools or left),
        facts=facts,
        foreign=foreign,
        cards=cards,
        holder=holder,
        diff={"before": "", "after": "".join(lines)} if usable else {},
    )


if __name__ == "__main__":
    main()
