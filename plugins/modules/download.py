#!/usr/bin/python
# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Download a large file."""

from __future__ import annotations

DOCUMENTATION = r"""
module: download
short_description: Download a large file, and show how far it is
version_added: 0.2.0
description:
  - A unit of its own downloads the file, so a lost connection to the host does not end it.
  - Each call looks for a while, and returns how far it is. Use it in a loop until RV(finished).
  - An interrupted download goes on where it ended. A server that sends nothing is asked again.
  - The file gets its name only when it is whole and its checksum is right.
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
  url:
    description: Address of the file, C(http) or C(https).
    type: str
    required: true
  path:
    description: The file on the host.
    type: path
    required: true
  sha256:
    description: Its SHA-256.
    type: str
    required: true
  token:
    description: Token of a server that needs a login. It is not sent to other servers that the address leads to.
    type: str
    default: ""
  mirror:
    description: Beginnings of addresses, each with the one that a mirror has in its place.
    type: dict
    default: {}
  wait:
    description: How many seconds a call looks before it returns.
    type: int
    default: 10
"""

EXAMPLES = r"""
- name: Get a model
  lab.ai_backend.download:
    url: https://example.org/model.gguf
    path: /var/lib/ai-backend/models/model.gguf
    sha256: "{{ sha256_of_the_model }}"
  loop: "{{ range(8640) | list }}"
  loop_control:
    label: "{{ download.progress | default('') }}"
    break_when: [download.finished | default(true)]
  register: download
"""

RETURN = r"""
finished:
  description: Whether the file is there.
  type: bool
  returned: always
progress:
  description: How far it is, for a person.
  type: str
  returned: always
"""

import os
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.fetching import unit as fetching
from ..module_utils.fetching.download import from_mirror
from ..module_utils.fetching.looking import FetchError
from ..module_utils.fetching.state import may_download_by
from ..module_utils.host.host import Host, this_host

ARGUMENTS: dict[str, dict[str, Any]] = {
    "url": {"type": "str", "required": True},
    "path": {"type": "path", "required": True},
    "sha256": {"type": "str", "required": True},
    "token": {"type": "str", "default": "", "no_log": True},
    "mirror": {"type": "dict", "default": {}},
    "wait": {"type": "int", "default": 10},
}


def fetched(module: AnsibleModule, host: Host) -> Mapping[str, Any]:
    """Begin or follow a download, for a while."""
    params = module.params
    path, name = params["path"], f"file-{params['sha256'][:12]}"
    if os.path.exists(path):
        if not module.check_mode:
            # It may have ended between two looks.
            fetching.forget(host, name)
        return {"changed": False, "finished": True, "progress": "complete"}
    if module.check_mode:
        return {"changed": True, "finished": True, "progress": f"would download {params['url']}"}
    wanted = {"url": from_mirror(params["url"], params["mirror"]), "path": path, "sha256": params["sha256"]}
    if not fetching.begun(host, name, wanted):
        request = {**wanted, "token": params["token"], "environment": may_download_by(os.environ)}
        fetching.start(host, name, "fetching.download", request, "root", [os.path.dirname(path)])
    return {"changed": True, **fetching.look_at(host, name, params["wait"])}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        result = fetched(module, this_host())
    except (FetchError, OSError) as error:
        module.fail_json(msg=str(error), finished=True, progress="failed")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
