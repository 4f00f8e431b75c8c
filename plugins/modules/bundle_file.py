#!/usr/bin/python
# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Get a file into a bundle."""

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_file
short_description: Get a large file into a bundle, and show how far it is
version_added: 0.2.0
description:
  - A process of its own downloads the file, so it goes on if the run is interrupted.
  - Each call looks for a while, and returns how far it is. Use it in a loop until RV(finished).
  - An interrupted download goes on where it ended. The file gets its name only when it is whole and right.
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
    description: Address of the file, C(http), C(https) or C(file).
    type: str
    required: true
  sha256:
    description: Its SHA-256.
    type: str
    required: true
  folder:
    description: The bundle.
    type: path
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
    default: 5
"""

EXAMPLES = r"""
- name: Get a model into the bundle
  lab.ai_backend.bundle_file:
    url: https://example.org/model.gguf
    sha256: "{{ sha256_of_the_model }}"
    folder: /media/usb/bundle
  delegate_to: localhost
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

from ..module_utils.bundling.manifest import place_of
from ..module_utils.fetching import background
from ..module_utils.fetching.download import Request, from_mirror, run
from ..module_utils.fetching.looking import FetchError
from ..module_utils.fetching.state import may_download_by

ARGUMENTS: dict[str, dict[str, Any]] = {
    "url": {"type": "str", "required": True},
    "sha256": {"type": "str", "required": True},
    "folder": {"type": "path", "required": True},
    "token": {"type": "str", "default": "", "no_log": True},
    "mirror": {"type": "dict", "default": {}},
    "wait": {"type": "int", "default": 5},
}


def got(params: Mapping[str, Any], check_mode: bool) -> Mapping[str, Any]:
    """Begin or follow a download, for a while."""
    url, sha256 = params["url"], params["sha256"]
    path = os.path.join(params["folder"], place_of(url, sha256))
    work = os.path.join(params["folder"], f".fetch-{sha256[:12]}")
    if os.path.exists(path) and not background.running(work):
        if not check_mode:
            # It may have ended after an interrupted run.
            background.forget(work)
        return {"changed": False, "finished": True, "progress": "complete"}
    if check_mode:
        return {"changed": True, "finished": True, "progress": f"would download {url}"}
    os.makedirs(os.path.dirname(path), exist_ok=True)
    request: Request = {
        "url": from_mirror(url, params["mirror"]),
        "path": path,
        "sha256": sha256,
        "token": params["token"],
        "environment": may_download_by(os.environ),
    }
    return {"changed": True, **background.follow(work, lambda: run(request, work), params["wait"])}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        result = got(module.params, module.check_mode)
    except (FetchError, OSError) as error:
        module.fail_json(msg=str(error), finished=True, progress="failed")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
