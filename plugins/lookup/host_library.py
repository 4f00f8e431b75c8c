# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The code that runs on hosts, as files to install on a host."""

from __future__ import annotations

DOCUMENTATION = r"""
name: host_library
author: lab.ai_backend contributors (@lab)
version_added: 0.1.0
short_description: The collection's code for hosts, as files to install on a host
description:
  - Returns what C(ai-backend-rollback) and C(ai-backend) import, so that they work without Ansible and a network.
  - Also what units on a host run that download or build while Ansible only looks.
options:
  _terms:
    description: None are needed.
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: Count the files
  ansible.builtin.debug:
    msg: "{{ lookup('lab.ai_backend.host_library') | length }}"
"""

RETURN = r"""
_raw:
  description: One dict, path below a folder of Python's search path to text.
  type: list
  elements: dict
"""

import ast
from pathlib import Path

from ansible.plugins.lookup import LookupBase

from ..module_utils.host import layout

PACKAGE = "ansible_collections.lab.ai_backend.plugins.module_utils"
# From the folder of the imported code, so that both have the same version.
LIBRARY = Path(layout.__file__).parents[1]
COMMANDS = [LIBRARY.parents[1] / "roles/host/files" / name for name in ("ai-backend", "ai-backend-rollback")]
# What units on a host run.
STARTED_THERE = (
    "fetching/command",
    "fetching/download",
    "measuring/exporter",
    "ollama/fetch",
    "ollama/measured",
)


def imported(text, package):
    """The modules that a file of a package imports from the library, as paths below it."""
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.ImportFrom):
            continue
        above = package[: len(package) - node.level + 1] if node.level else []
        name = ".".join([*above, *([node.module] if node.module else [])])
        for found in [name] if node.module else [f"{name}.{alias.name}" for alias in node.names]:
            if found.startswith(PACKAGE + "."):
                yield found[len(PACKAGE) + 1 :].replace(".", "/")


def needed():
    """{path: text} of what the commands import and units run, and of what that imports in turn."""
    found, waiting = {}, {*(path for command in COMMANDS for path in imported(command.read_text(), [])), *STARTED_THERE}
    while waiting:
        path = waiting.pop()
        found[path + ".py"] = (LIBRARY / (path + ".py")).read_text()
        room = path.rpartition("/")[0]
        found[room + "/__init__.py"] = ""
        waiting |= {
            other
            for other in imported(found[path + ".py"], [*PACKAGE.split("."), *room.split("/")])
            if other + ".py" not in found
        }
    return found


class LookupModule(LookupBase):
    """Ansible looks for this class."""

    def run(self, terms, variables=None, **kwargs):
        folder = PACKAGE.replace(".", "/")
        return [{f"{folder}/{path}": text for path, text in sorted(needed().items())}]
