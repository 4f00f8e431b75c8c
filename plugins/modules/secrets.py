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
  - A file that O(files) does not name is left alone, but for one with a key of before whose time is over.
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
  as_held:
    description: Names of secrets whose value on the host counts as right, where it could not be read back.
    type: list
    elements: str
    default: []
  rotate:
    description: Name of the secret that gets a new value; the one it had counts for O(grace_seconds) longer, where
      its service takes both.
    type: str
    default: ""
  grace_seconds:
    description: How long; with 0 the value of before ends at once.
    type: int
    default: 0
  rotated:
    description: Names of the secrets that are rotated, and when, in seconds since 1970. The host remembers it.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Write the secret files
  lab.ai_backend.secrets:
    files: {redis.conf: {requirepass: REDIS_PASSWORD}}
    values: "{{ lookup('lab.ai_backend.secrets', 'REDIS_PASSWORD', folder='~/.config/lab.ai_backend/home') }}"
"""

RETURN = r"""
written:
  description: Names of the files that changed.
  type: list
  elements: str
  returned: success
removed:
  description: Names of the files with a key of before whose time is over.
  type: list
  elements: str
  returned: success
"""

import time

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.host.layout import Layout
from ..module_utils.host.secret_files import SecretError, delete, keep_before, note_rotation, outdated, stale, write

ARGUMENTS = {
    "files": {"type": "dict", "required": True, "no_log": False},
    "values": {"type": "dict", "required": True, "no_log": True},
    "as_held": {"type": "list", "elements": "str", "default": []},
    "rotate": {"type": "str", "default": ""},
    "grace_seconds": {"type": "int", "default": 0},
    "rotated": {"type": "dict", "default": {}},
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    layout, params = Layout(), module.params
    files, values = params["files"], params["values"]
    try:
        wrong = stale(layout, files, values, params["as_held"])
    except SecretError as error:
        module.fail_json(msg=str(error))
    over = outdated(layout)
    if not module.check_mode:
        if params["rotate"]:
            # First: a run that dies in between has two names for one key, not none for those who use it.
            grace = params["grace_seconds"]
            until = int(time.time()) + grace if grace else 0
            keep_before(layout, files, values.get(params["rotate"], ""), params["rotate"], until)
            wrong = stale(layout, files, values, params["as_held"])
        write(layout, wrong)
        # Last: as long as a line holds two keys, the file that tells them apart is there.
        delete(layout, outdated(layout))
        for name, at in params["rotated"].items():
            note_rotation(layout, name, int(at))
    lines = [f"secret file {name} written\n" for name in wrong]
    lines += [f"secret file {name} removed: its key's time is over\n" for name in over]
    module.exit_json(
        changed=bool(wrong or over),
        written=sorted(wrong),
        removed=over,
        diff={"before": "", "after": "".join(lines)},
    )


if __name__ == "__main__":
    main()
