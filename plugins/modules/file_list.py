#!/usr/bin/python
# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""List what was installed."""

from __future__ import annotations

DOCUMENTATION = r"""
module: file_list
short_description: Keep a list of what was installed, so that a later change is found
version_added: 0.2.0
description:
  - Writes names, sizes, times and SHA-256 of the files of an artifact into its marker, which makes it complete.
  - For a single file, for example a model, the list is C(.<name>.list) next to it.
author:
  - lab.ai_backend contributors (@lab)
extends_documentation_fragment:
  - lab.ai_backend.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
options:
  path:
    description: The artifact's folder, or the file.
    type: path
    required: true
  sha256:
    description: The SHA-256 of a single file, if it was just checked; otherwise the file is read again.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Install | Mark the artifact complete
  lab.ai_backend.file_list:
    path: /opt/ai-backend/artifacts/llama-cpp-47dbb387482f
"""

RETURN = r"""
"""

import os

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.releases import file_list

ARGUMENTS = {"path": {"type": "path", "required": True}, "sha256": {"type": "str", "default": ""}}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    path, known = module.params["path"], module.params["sha256"]
    if not module.check_mode:
        content = file_list.make(path, sums=not known)
        if known:
            content["files"][os.path.basename(path)][2] = known
        file_list.write(path, content)
    module.exit_json(changed=True)


if __name__ == "__main__":
    main()
