# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names of generated secrets that this controller does not have."""

from __future__ import annotations

DOCUMENTATION = r"""
name: lacking_secrets
author: lab.ai_backend contributors (@lab)
version_added: 0.1.0
short_description: Names of generated secrets that this controller does not have
description:
  - Of the names that are generated if not given, those that are neither given nor stored here. Creates nothing.
options:
  _terms:
    description: Names of the secrets that are needed; those that are never generated are ignored.
    type: list
    elements: str
    required: true
  given:
    description: Values by name; an empty one counts as not given.
    type: dict
    default: {}
  folder:
    description: Folder on the controller for generated values.
    type: path
    required: true
  rotated:
    description:
      - When each secret was rotated, in seconds since 1970, as a host reports.
      - With this option the names are those whose value here is older, because another controller has rotated them.
    type: dict
"""

EXAMPLES = r"""
- name: Show which secrets a host must be asked for
  ansible.builtin.debug:
    msg: "{{ query('lab.ai_backend.lacking_secrets', 'REDIS_PASSWORD', folder='~/.config/lab.ai_backend/home') }}"
"""

RETURN = r"""
_raw:
  description: Names, sorted.
  type: list
  elements: str
"""

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ..module_utils.host.secret_folder import FolderError, is_generated, outdated, value_of


class LookupModule(LookupBase):
    """Ansible looks for this class."""

    def run(self, terms, variables=None, **kwargs):
        """The names."""
        self.set_options(var_options=variables, direct=kwargs)
        given, folder = self.get_option("given"), self.get_option("folder")
        try:
            needed = sorted({str(name) for name in self._flatten(terms) if is_generated(str(name))})
            rotated = self.get_option("rotated")
            if rotated is not None:
                return [name for name in needed if outdated(given, folder, name, rotated.get(name, 0))]
            return [name for name in needed if not value_of(given, folder, name)]
        except FolderError as error:
            raise AnsibleLookupError(str(error)) from None
