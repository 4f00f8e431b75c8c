# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Report which files of variables Ansible cannot read, and the line."""

from __future__ import annotations

DOCUMENTATION = r"""
name: unreadable_variables
author: lab.ai_backend contributors (@lab)
version_added: 0.1.0
short_description: Names of variable files that cannot be read
description:
  - Ansible stops at the first file of variables that is not YAML, and names neither file nor line.
  - This warns of each such file with both, and shows nothing of its text.
  - It runs before a play reads the variables of hosts.
  - It stops nothing, so that playbooks without the registry work with a broken one, as far as Ansible allows.
options:
  _terms:
    description: None are needed.
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: Warn of files that cannot be read, and gather no facts
  hosts: all
  gather_facts: "{{ lookup('lab.ai_backend.unreadable_variables') }}"
"""

RETURN = r"""
_raw:
  description: False, for C(gather_facts).
  type: list
  elements: bool
"""

from ansible import context
from ansible.plugins.lookup import LookupBase
from ansible.utils.display import Display

from ..plugin_utils.guard import unreadable_lines


class LookupModule(LookupBase):
    """Ansible looks for this class."""

    def run(self, terms, variables=None, **kwargs):
        """A play's keywords are rendered before the variables of its hosts are read."""
        for line in unreadable_lines([*(context.CLIARGS.get("inventory") or ()), self._loader.get_basedir()]):
            Display().warning(line)
        return [False]
