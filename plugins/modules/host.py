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
  - Names the processes that are not managed and listen on ports that the plan gives to managed services.
  - Compares what is installed with the list of its files, and gives managed folders their owner and mode again.
author:
  - lab.ai_backend contributors (@lab)
extends_documentation_fragment:
  - lab.ai_backend.attributes
  - lab.ai_backend.engine_builds
  - lab.ai_backend.model_files
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
options:
  host:
    description: Name of the host in the inventory, for messages about it.
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
  downloads:
    description: Files that its services need, each with C(path).
    type: list
    elements: dict
    default: []
  replaces:
    description: Units that the plan's services replace, if they run or start at boot.
    type: list
    elements: str
    default: []
  adopt:
    description: Whether they may be stopped.
    type: bool
    default: false
  library:
    description: The collection's code for the host, path to text.
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
  sums:
    description: Whether each installed file is read and compared with its SHA-256; else names, sizes and times are.
    type: bool
    default: false
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
    memory_bytes, cards (makers of its graphics cards), published (what its edge offers), serving
      (where each instance that the edge asks listens), instances (managed, that it
    has), settled (release of each that needs nothing), rotated (when each secret was), generation.
  type: dict
  returned: always
holder:
  description: The other run that has the host, and the reason why nothing was done; else none.
  type: dict
  returned: always
tampered:
  description: What was changed on the host since it was installed, and no deploy can put right; findings.
  type: list
  elements: dict
  returned: always
lacking:
  description: Those of O(downloads) that are not there.
  type: list
  elements: dict
  returned: always
gpu_memory_mib:
  description: Memory of each graphics card in MiB, as nvidia-smi tells it; empty without the tool, and without models.
  type: list
  elements: int
  returned: always
memory_mib:
  description: Memory of the host in MiB, where its engines compute on the processor; else 0.
  type: int
  returned: always
models:
  description: What the files in O(model_files) tell of the memory they need, by path; of those that are there.
  type: dict
  returned: always
kept:
  description: Units of O(replaces) that run or start at boot, and may not be stopped.
  type: list
  elements: str
  returned: always
foreign:
  description: Listeners on managed ports that are not managed; port, instance, pid, command, unit.
  type: list
  elements: dict
  returned: always
"""

import os
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.host.cards import card_findings
from ..module_utils.host.findings import Finding
from ..module_utils.host.graphics import gpu_memory, host_memory
from ..module_utils.host.host import Host, this_host
from ..module_utils.host.layout import Layout
from ..module_utils.host.ownership import put_right, wrong
from ..module_utils.host.run_lock import BusyError, take
from ..module_utils.host.secret_files import rotations
from ..module_utils.host.state import (
    describe,
    foreign_listeners,
    left_tools,
    make_folders,
    make_groups,
    make_users,
    missing_files,
    missing_folders,
    missing_groups,
    missing_users,
    stale_tools,
    write_tools,
)
from ..module_utils.inspection.tampering import changed_since, unlisted
from ..module_utils.model_files.read import facts_at
from ..module_utils.releases.file_list import note
from ..module_utils.releases.generations import newest, serving
from ..module_utils.switching.replaced import in_use
from ..module_utils.switching.settled import standing

ARGUMENTS: dict[str, dict[str, Any]] = {
    "host": {"type": "str", "default": ""},
    "instances": {"type": "list", "elements": "str", "required": True},
    "ports": {"type": "dict", "default": {}},
    "downloads": {"type": "list", "elements": "dict", "default": []},
    "replaces": {"type": "list", "elements": "str", "default": []},
    "adopt": {"type": "bool", "default": False},
    "python": {"type": "str", "default": "/usr/bin/python3"},
    "run": {"type": "dict", "default": {}},
    "instead_of": {"type": "str", "default": ""},
    "sums": {"type": "bool", "default": False},
    "library": {"type": "dict", "default": {}},
    "commands": {"type": "dict", "default": {}},
    "engines": {"type": "list", "elements": "dict", "default": []},
    "gpu": {"type": "str", "choices": ["none", "cuda", "vulkan"], "default": "none"},
    "model_files": {"type": "list", "elements": "str", "default": []},
    "admin_socket": {"type": "str", "default": "/run/ai-backend-edge/admin.sock"},
}


def facts_of(host: Host, python: str) -> dict[str, Any]:
    """What the preflight and the roles need to know."""
    return {
        **describe(host.layout, python),
        "generation": newest(host.layout),
        "rotated": rotations(host.layout),
        "settled": standing(host),
        "serving": serving(host.layout),
    }


def found_models(layout: Layout, params: Mapping[str, Any]) -> dict[str, Any]:
    """The models that are there, and the memory they may have. To ask cards takes long, so nobody is asked in vain."""
    models = facts_at(params["model_files"])
    memory, _findings = gpu_memory(params["host"]) if models else ([], [])
    return {"models": models, "gpu_memory_mib": memory, "memory_mib": host_memory(layout, params["gpu"])}


def lacking(layout: Layout, params: Mapping[str, Any]) -> dict[str, Any]:
    """What has to be made, {folders, users, groups, tools}, and the code of an older state that goes, {left}."""
    return {
        "folders": missing_folders(layout),
        "users": missing_users(params["instances"]),
        "groups": missing_groups(),
        "tools": {**missing_files(layout), **stale_tools(layout, params["library"], params["commands"])},
        "left": left_tools(layout, params["library"]),
        "wrong": wrong(layout),
        "unlisted": unlisted(layout),
    }


def lines_of(lack: Mapping[str, Any]) -> list[str]:
    """The same in words."""
    lines = [f"folder {path}" for path in lack["folders"]] + [f"user {name}" for name in lack["users"]]
    lines += [f"group {name}" for name in lack["groups"]]
    lines += [f"file {path}" for path in sorted(lack["tools"])] + [f"file {path} removed" for path in lack["left"]]
    lines += [f"owner and mode of {each}" for each in lack["wrong"]]
    return lines + [f"list of the files of {path}" for path in lack["unlisted"]]


def make(module: AnsibleModule, layout: Layout, lack: Mapping[str, Any]) -> None:
    try:
        put_right(lack["wrong"])
    except OSError as error:
        module.fail_json(msg=f"{error.filename} can't be given to root with its mode: {error.strerror}")
    for each in lack["wrong"]:
        module.warn(
            f"{each}; it belongs to root with mode {each.mode:04o} again. Check what others may have done there"
        )
    try:
        make_folders(layout, lack["folders"])
        write_tools(lack["tools"])
        for path in lack["left"]:
            os.unlink(path)
        note(lack["unlisted"])
    except OSError as error:
        where = "another file blocks the path of a managed folder or file"
        module.fail_json(msg=f"{error.filename}: {error.strerror}. Move it away: {where}")
    failures = make_groups(lack["groups"]) + make_users(lack["users"])
    if failures:
        module.fail_json(msg="; ".join(failures))


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    host, params = this_host(module.params["admin_socket"]), module.params
    layout, holder = host.layout, None
    found = foreign_listeners(layout, {name: int(port) for name, port in params["ports"].items()})
    foreign = [row for row in found if row["unit"] not in params["replaces"]]
    kept = in_use(host, params["replaces"]) if not params["adopt"] else []
    cards: list[Finding] = card_findings(layout, params["host"], params["engines"], params["gpu"])
    tampered = changed_since(layout, params["host"], params["sums"])
    unfit = any(finding["severity"] == "critical" for finding in cards + tampered)
    if params["run"] and not module.check_mode:
        try:
            holder = take(layout, params["run"], params["instead_of"])
        except (BusyError, OSError) as error:
            module.fail_json(msg=str(error))
    facts, lack = facts_of(host, params["python"]), lacking(layout, params)
    # A host that fails the preflight stays as it is, and so does one that another run has.
    usable = facts["systemd"] and facts["apt"] and not (foreign or kept or holder or unfit)
    if usable and not module.check_mode:
        make(module, layout, lack)
    module.exit_json(
        changed=usable and any(lack.values()),
        facts=facts,
        foreign=foreign,
        lacking=[file for file in params["downloads"] if not os.path.exists(file["path"])],
        kept=kept,
        cards=cards,
        tampered=tampered,
        **found_models(layout, params),
        holder=holder,
        diff={"before": "", "after": "".join(f"{line}\n" for line in lines_of(lack))} if usable else {},
    )


if __name__ == "__main__":
    main()
