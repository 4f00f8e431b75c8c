#!/usr/bin/python
# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Name what a bundle contains."""

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle
short_description: Write the manifest, the sums and the bill of materials of a bundle
version_added: 0.2.0
description:
  - A bundle is a folder with all that a deploy needs on hosts without a network. The files are there already.
  - Files that do not belong to it are named and stay.
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
  folder:
    description: The bundle.
    type: path
    required: true
  parts:
    description: What M(lab.ai_backend.bundle_part) returned for each platform.
    type: list
    elements: dict
    default: []
  files:
    description: Each downloaded file, with C(url) and C(sha256).
    type: list
    elements: dict
    default: []
  models:
    description:
      - Each model of many files, with C(kind), C(name), C(revision) and C(digests) as for
        M(lab.ai_backend.bundle_model).
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Write the manifest
  lab.ai_backend.bundle:
    folder: /media/usb/bundle
    files:
      - {url: https://example.org/model.gguf, sha256: "{{ sha256_of_the_model }}"}
  delegate_to: localhost
"""

RETURN = r"""
bytes:
  description: Size of all files.
  type: int
  returned: if written
files:
  description: How many files it has.
  type: int
  returned: if written
foreign:
  description: Files in the folder that do not belong to it.
  type: list
  elements: str
  returned: if written
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.bundling.manifest import write

PARTS = ("platform", "packages", "wheels")
FILES = ("url", "sha256")
MODELS = ("kind", "name", "revision", "digests")
ARGUMENTS: dict[str, dict[str, Any]] = {
    "folder": {"type": "path", "required": True},
    "parts": {"type": "list", "elements": "dict", "default": []},
    "files": {"type": "list", "elements": "dict", "default": []},
    "models": {"type": "list", "elements": "dict", "default": []},
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    if module.check_mode:
        module.exit_json(changed=True)
    given = [
        [{word: row[word] for word in words} for row in module.params[name]]
        for name, words in (("parts", PARTS), ("files", FILES), ("models", MODELS))
    ]
    try:
        rows, foreign = write(module.params["folder"], *given)
    except OSError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=True, files=len(rows), bytes=sum(row["bytes"] for row in rows), foreign=foreign)


if __name__ == "__main__":
    main()
