#!/usr/bin/python
# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Get a model from Hugging Face's hub."""

from __future__ import annotations

DOCUMENTATION = r"""
module: hub_model
short_description: Get the files of a model from Hugging Face's hub, and show how far it is
version_added: 0.2.0
description:
  - A unit of its own gets the files, so a lost connection to the host does not end it.
  - Each call looks for a while, and returns how far it is. Use it in a loop until RV(finished).
  - It gets weights as safetensors and what is not weights. Each file is compared with the hub's list for the commit.
  - An interrupted download goes on where it ended. The folder is complete when it has a file C(.complete).
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
  repo:
    description: The repository, such as C(Qwen/Qwen2.5-7B-Instruct-AWQ).
    type: str
    required: true
  revision:
    description: Its commit, 40 hex digits.
    type: str
    required: true
  path:
    description: The folder on the host.
    type: path
    required: true
  token:
    description: A token of the hub, for a repository that needs one. Only the hub gets it, or its mirror.
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
  lab.ai_backend.hub_model:
    repo: Qwen/Qwen2.5-7B-Instruct-AWQ
    revision: "{{ commit_of_the_model }}"
    path: /var/lib/ai-backend/models/coder
  loop: "{{ range(8640) | list }}"
  loop_control:
    label: "{{ fetched.progress | default('') }}"
    break_when: [fetched.finished | default(true)]
  register: fetched
"""

RETURN = r"""
finished:
  description: Whether the model is there.
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
from ..module_utils.fetching.hub import Request
from ..module_utils.fetching.looking import FetchError
from ..module_utils.fetching.state import may_download_by
from ..module_utils.host.host import Host, this_host
from ..module_utils.host.layout import ARTIFACT_MARKER

ARGUMENTS: dict[str, dict[str, Any]] = {
    "repo": {"type": "str", "required": True},
    "revision": {"type": "str", "required": True},
    "path": {"type": "path", "required": True},
    "token": {"type": "str", "default": "", "no_log": True},
    "mirror": {"type": "dict", "default": {}},
    "wait": {"type": "int", "default": 10},
}


def fetched(module: AnsibleModule, host: Host) -> Mapping[str, Any]:
    """Begin or follow a fetch, for a while."""
    params = module.params
    path, name = params["path"], f"hub-{params['repo'].replace('/', '-')}-{params['revision'][:12]}"
    if os.path.exists(os.path.join(path, ARTIFACT_MARKER)):
        if not module.check_mode:
            # It may have ended between two looks.
            fetching.forget(host, name)
        return {"changed": False, "finished": True, "progress": "complete"}
    if module.check_mode:
        return {"changed": True, "finished": True, "progress": f"would get {params['repo']}"}
    wanted = {word: params[word] for word in ("repo", "revision", "path", "mirror")}
    if not fetching.begun(host, name, wanted):
        os.makedirs(path, mode=0o755, exist_ok=True)
        request: Request = {**wanted, "token": params["token"], "environment": may_download_by(os.environ)}  # type: ignore[typeddict-item]
        fetching.start(host, name, "fetching.hub", request, "root", [path])
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
