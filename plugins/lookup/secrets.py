# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Secrets by name: as given, as generated before, or generated now."""

from __future__ import annotations

DOCUMENTATION = r"""
name: secrets
author: lab.ai_backend contributors (@lab)
version_added: 0.1.0
short_description: Secret values by name, generated once where nobody gave them
description:
  - A value comes from O(given) (vault or environment, through C(ai_backend_secrets)), else from its file in O(folder).
  - The names in O(generate) that have neither are generated once on the controller and kept there, 0600.
options:
  _terms:
    description: Names of the secrets.
    type: list
    elements: str
    required: true
  given:
    description: Values by name; an empty one counts as not given.
    type: dict
    default: {}
  folder:
    description: Folder on the controller for generated values, outside of any checkout.
    type: path
    required: true
  generate:
    description: Names that may be generated.
    type: list
    elements: str
    default: [AI_BACKEND_ENGINE_KEY, LITELLM_MASTER_KEY, REDIS_PASSWORD]
  dry:
    description: Generate nothing (check mode); a stand-in is returned for what a real run would generate.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Write the secret files
  lab.ai_backend.secrets:
    files: {redis.conf: {requirepass: REDIS_PASSWORD}}
    values: "{{ lookup('lab.ai_backend.secrets', 'REDIS_PASSWORD', folder='~/.config/lab.ai_backend/home') }}"
"""

RETURN = r"""
_raw:
  description: One dict, name to value.
  type: list
  elements: dict
"""

import os
import secrets
import stat

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

# LiteLLM wants its keys to begin like this.
PREFIXES = {"LITELLM_MASTER_KEY": "sk-"}
STAND_IN = "generated-by-the-first-real-run"


def read_kept(path):
    """The value kept in a file, or an empty string. Raises where others could read it."""
    try:
        with open(path, encoding="utf-8") as handle:
            if stat.S_IMODE(os.fstat(handle.fileno()).st_mode) & 0o077:
                raise AnsibleLookupError(f"{path} can be read by others than its owner: chmod 600 {path}")
            return handle.read().strip()
    except FileNotFoundError:
        return ""


def keep(path, value):
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    # O_EXCL: of two runs at once only one value may be born.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
        handle.write(value + "\n")


class LookupModule(LookupBase):
    def run(self, terms, variables=None, **kwargs):
        self.set_options(var_options=variables, direct=kwargs)
        given = self.get_option("given") or {}
        folder = os.path.expanduser(self.get_option("folder"))
        values, lacking = {}, []
        for name in sorted({str(name) for name in self._flatten(terms)}):
            path = os.path.join(folder, name)
            value = str(given.get(name) or "").strip() or read_kept(path)
            if not value and name in self.get_option("generate"):
                value = STAND_IN
                if not self.get_option("dry"):
                    value = PREFIXES.get(name, "") + secrets.token_urlsafe(32)
                    keep(path, value)
            if not value:
                lacking.append(name)
            values[name] = value
        if lacking:
            raise AnsibleLookupError(
                f"no value for {', '.join(lacking)} → set it in ai_backend_secrets "
                "(group_vars/all/secrets.yml), from vault or the environment"
            )
        return [values]
