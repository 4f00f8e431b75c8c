# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Secrets by name: as given, as generated before, or generated now."""

from __future__ import annotations

DOCUMENTATION = r"""
name: secrets
author: lab.ai_backend contributors (@lab)
version_added: 0.1.0
short_description: Secret values by name, generated once if they are missing
description:
  - A value comes from O(given) (vault or environment, through C(ai_backend_secrets)), else from its file in O(folder).
  - The names in O(generate) that have neither are generated once on the controller and stored there with mode 0600, and
    so are those of the gateway's clients (C(AI_BACKEND_CLIENT_<NAME>)).
  - The key of a client is returned as its SHA-256 digest, because hosts need no more.
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
    default:
      - AI_BACKEND_ENGINE_KEY
      - AI_BACKEND_FLEET_IDENTITY
      - AI_BACKEND_GRAFANA_PASSWORD
      - AI_BACKEND_MONITORING_KEY
      - AI_BACKEND_WEBUI_KEY
      - AI_BACKEND_WEBUI_PASSWORD
      - AI_BACKEND_WEBUI_SECRET
      - LITELLM_MASTER_KEY
      - REDIS_PASSWORD
  dry:
    description: Generate nothing (check mode); a placeholder is returned for what a real run would generate.
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

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ..module_utils.host.secret_folder import NEXT, FolderError, for_hosts, generate, is_client, value_of
from ..plugin_utils.plan.fleet_identity import NAME as FLEET_IDENTITY
from ..plugin_utils.plan.fleet_identity import create

PLACEHOLDER = "generated-by-the-first-real-run"


def made(folder, name):
    """A new value, as its kind needs it."""
    return generate(folder, name, create) if name.removesuffix(NEXT) == FLEET_IDENTITY else generate(folder, name)


class LookupModule(LookupBase):
    """Ansible looks for this class."""

    def run(self, terms, variables=None, **kwargs):
        """One dict of values by name."""
        self.set_options(var_options=variables, direct=kwargs)
        given, folder = self.get_option("given"), self.get_option("folder")
        values, lacking = {}, []
        try:
            for name in sorted({str(name) for name in self._flatten(terms)}):
                value = value_of(given, folder, name)
                if not value and (name in self.get_option("generate") or is_client(name)):
                    value = PLACEHOLDER if self.get_option("dry") else made(folder, name)
                if not value:
                    lacking.append(name)
                values[name] = for_hosts(name, value)
        except FolderError as error:
            raise AnsibleLookupError(str(error)) from None
        if lacking:
            raise AnsibleLookupError(
                f"no value for {', '.join(lacking)} → set it in ai_backend_secrets "
                "(group_vars/all/secrets.yml), from vault or the environment"
            )
        return [values]
