# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a bundle has for a host."""

from __future__ import annotations

DOCUMENTATION = r"""
name: bundle
author: lab.ai_backend contributors (@lab)
version_added: 0.2.0
short_description: What a bundle on the controller has for a host
description:
  - Returns the part with packages and wheels for hosts of this kind, and the files by their SHA-256.
  - Stops with the reason if the bundle is not whole, or has nothing for such a host.
options:
  _terms:
    description: The bundle, a folder.
    type: list
    elements: str
    required: true
  host:
    description: Facts of the host, as M(lab.ai_backend.host) returns them.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Name the files of the bundle
  ansible.builtin.debug:
    msg: "{{ lookup('lab.ai_backend.bundle', '/media/usb/bundle', host=ai_backend_host).files | dict2items }}"
"""

RETURN = r"""
_raw:
  description: >-
    One dict, C(part) with C(path) and C(sha256); C(files), sha256 to path; C(models), the name of each model of many
    files to these, each with C(source), its C(path) below the model's folder, and C(sha256); and C(sizes), sha256 to
    bytes.
  type: list
  elements: dict
"""

import os

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ..module_utils.bundling.manifest import for_host
from ..module_utils.bundling.packages import BundleError
from ..module_utils.bundling.part import platform_of


class LookupModule(LookupBase):
    """Ansible looks for this class."""

    def run(self, terms, variables=None, **kwargs):
        folder = os.path.abspath(os.path.expanduser(str(terms[0])))
        try:
            return [for_host(folder, platform_of(kwargs["host"]))]
        except (BundleError, OSError) as error:
            raise AnsibleLookupError(str(error)) from None
