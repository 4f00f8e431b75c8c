#!/usr/bin/python
# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write a host's secret files."""

from __future__ import annotations

DOCUMENTATION = r"""
module: secrets
short_description: Write the secret files of a host
version_added: 0.1.0
description:
  - Writes C(/etc/ai-backend/secrets/<file>), 0600, root's own. Values never appear in results, diffs or logs.
  - A file that O(files) does not name is left alone.
author:
  - lab.ai_backend contributors (@lab)
extends_documentation_fragment:
  - lab.ai_backend.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
options:
  files:
    description: For each file the keys in it and the name of the secret behind each.
    type: dict
    required: true
  values:
    description: Values by name of the secret.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Write the secret files
  lab.ai_backend.secrets:
    files: {redis.conf: {requirepass: REDIS_PASSWORD}}
    values: "{{ lookup('lab.ai_backend.secrets', 'REDIS_PASSWORD') }}"
"""

RETURN = r"""
written:
  description: Names of the files that changed.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.lab.ai_backend.plugins.module_utils.layout import Layout
from ansible_collections.lab.ai_backend.plugins.module_utils.secret_files import SecretError, stale, write

ARGUMENTS = {
    "files": {"type": "dict", "required": True, "no_log": False},
    "values": {"type": "dict", "required": True, "no_log": True},
}


def main():
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    layout = Layout()
    try:
        wrong = stale(layout, module.params["files"], module.params["values"])
    except SecretError as error:
        module.fail_json(msg=str(error))
    if not module.check_mode:
        write(layout, wrong)
    lines = ["secret file %s written\n" % name for name in wrong]
    module.exit_json(
        changed=bool(wrong),
        written=sorted(wrong),
        diff={"before": "", "after": "".join(lines)},
    )


if __name__ == "__main__":
    main()
