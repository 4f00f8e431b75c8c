#!/usr/bin/python
# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Make the tiny model."""

from __future__ import annotations

DOCUMENTATION = r"""
module: tiny_model
short_description: Make a tiny GGUF model that speaks noise
version_added: 0.1.0
description:
  - Writes a complete GGUF model of about 460 KB with random weights.
  - With it a new installation can be proven end to end without a model hub.
  - An existing file is left alone.
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
    description: Where the model lies.
    type: path
    required: true
  name:
    description: Name inside the file. Another name gives other weights.
    type: str
    default: lab-tiny
"""

EXAMPLES = r"""
- name: Install | Make the tiny model
  lab.ai_backend.tiny_model:
    path: /var/lib/ai-backend/models/lab-tiny.gguf
"""

RETURN = r"""
"""

import os
import zlib

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.tiny_gguf import build

ARGUMENTS = {"path": {"type": "path", "required": True}, "name": {"type": "str", "default": "lab-tiny"}}


def main():
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    path, name = module.params["path"], module.params["name"]
    changed = not os.path.exists(path)
    if changed and not module.check_mode:
        temporary = path + ".new"
        with open(temporary, "wb") as handle:
            handle.write(build(name, zlib.crc32(name.encode("utf-8"))))
        os.chmod(temporary, 0o644)
        os.rename(temporary, path)
    module.exit_json(changed=changed)


if __name__ == "__main__":
    main()
