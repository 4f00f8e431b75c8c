# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The code that runs on hosts, for a host to keep."""

from __future__ import annotations

DOCUMENTATION = r"""
name: host_library
author: lab.ai_backend contributors (@lab)
version_added: 0.1.0
short_description: The collection's code for hosts, as files for a host to keep
description:
  - Returns the standard-library-only part of the collection, so that C(ai-backend-rollback) works on a host without
    Ansible and without a network.
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

from pathlib import Path

from ansible.plugins.lookup import LookupBase

from ..module_utils.host import layout

PACKAGE = "ansible_collections/lab/ai_backend/plugins/module_utils"


class LookupModule(LookupBase):
    """Ansible looks for this class."""

    def run(self, terms, variables=None, **kwargs):
        """Read the files beside the one that is imported, so that they are of the same version."""
        folder = Path(layout.__file__).parents[1]
        files = sorted(folder.rglob("*.py"))
        return [{"%s/%s" % (PACKAGE, file.relative_to(folder)): file.read_text() for file in files}]
