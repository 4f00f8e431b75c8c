#!/usr/bin/python
# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Stop before downloads that a host has no space for."""

from __future__ import annotations

DOCUMENTATION = r"""
module: download_space
short_description: Stop if a host has no space for all files that it lacks
version_added: 0.2.0
description:
  - Asks the servers how large the files are, and adds them up for each file system.
  - A server that does not tell counts as nothing; the download itself checks again.
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
  files:
    description:
      - Each file with C(path) on the host, C(url), C(sha256), and C(secret), the name of its token or empty.
      - One whose size is known needs no C(url).
    type: list
    elements: dict
    required: true
  folder:
    description: Folder of files whose paths do not begin with a slash.
    type: path
    default: ""
  sizes:
    description: Known sizes in bytes, by SHA-256.
    type: dict
    default: {}
  tokens:
    description: Tokens by name.
    type: dict
    default: {}
  mirror:
    description: Beginnings of addresses, each with the one that a mirror has in its place.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Stop without the space
  lab.ai_backend.download_space:
    files:
      - path: /var/lib/ai-backend/models/model.gguf
        url: https://example.org/model.gguf
        sha256: "{{ sha256_of_the_model }}"
"""

RETURN = r"""
"""

import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.fetching.download import from_mirror
from ..module_utils.fetching.space import File, published_size, without_space

ARGUMENTS: dict[str, dict[str, Any]] = {
    "files": {"type": "list", "elements": "dict", "required": True},
    "folder": {"type": "path", "default": ""},
    "sizes": {"type": "dict", "default": {}},
    "tokens": {"type": "dict", "default": {}, "no_log": True},
    "mirror": {"type": "dict", "default": {}},
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    sizes, tokens, mirror = (module.params[name] for name in ("sizes", "tokens", "mirror"))

    def size_of(file: File) -> int:
        known = sizes.get(file["sha256"])
        if known is not None:
            return int(known)
        return published_size(from_mirror(file["url"], mirror), str(tokens.get(file.get("secret", ""), "")))

    folder = module.params["folder"]
    files = [{**file, "path": os.path.join(folder, file["path"])} for file in module.params["files"]]
    lines = list(without_space(files, size_of))
    if lines:
        module.fail_json(msg="; ".join(lines))
    module.exit_json(changed=False)


if __name__ == "__main__":
    main()
