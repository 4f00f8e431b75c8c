# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Identity of this Ansible run."""

from __future__ import annotations

DOCUMENTATION = r"""
name: this_run
author: lab.ai_backend contributors (@lab)
version_added: 0.1.0
short_description: Identity of this Ansible run, and whether another run has ended
description:
  - Returns what distinguishes this run of C(ansible-playbook) from any other.
  - A host records it as the run that changes it.
options:
  _terms:
    description: The run that was found on a host, to check whether it has ended.
    type: list
    elements: dict
"""

EXAMPLES = r"""
- name: Show the identity of this run
  ansible.builtin.debug:
    msg: "{{ lookup('lab.ai_backend.this_run').who }}"

- name: Check whether another run has ended, as far as this machine can know
  ansible.builtin.debug:
    msg: "{{ lookup('lab.ai_backend.this_run', other_run).other_is_over }}"
"""

RETURN = r"""
_raw:
  description: One dict with id, who, machine, boot, space, pid and started; with a term also other_is_over.
  type: list
  elements: dict
"""

import multiprocessing
import os

from ansible.plugins.lookup import LookupBase

from ..module_utils.host.run_lock import is_over, this_run


class LookupModule(LookupBase):
    """Ansible looks for this class."""

    def run(self, terms, variables=None, **kwargs):
        """A task is templated in a worker process; the run is the process above it."""
        above = multiprocessing.parent_process()
        found = this_run(above.pid if above else os.getpid())
        return [{**found, "other_is_over": is_over(terms[0])} if terms else found]
