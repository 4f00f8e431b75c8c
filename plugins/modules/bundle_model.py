#!/usr/bin/python
# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Get a model of many files into a bundle."""

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_model
short_description: Get a model of many files into a bundle, and show how far it is
version_added: 0.2.0
description:
  - Gets a repository of Hugging Face's hub at one commit, or a model of the library that Ollama pulls from.
  - A process of its own downloads it, so it goes on if the run is interrupted.
  - Each call looks for a while, and returns how far it is. Use it in a loop until RV(finished).
  - Each file is compared with what its publisher lists for it. What is there already and whole is not asked for again.
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
  kind:
    description: Where it comes from.
    type: str
    choices: [hub, library]
    required: true
  name:
    description: A repository such as C(Qwen/Qwen2.5-7B-Instruct-AWQ), or a model with its tag such as C(llama3.1:8b).
    type: str
    required: true
  revision:
    description: The commit of a repository, 40 hex digits.
    type: str
    default: ""
  digests:
    description: Digests that a model of a library must have, whole or their beginnings.
    type: list
    elements: str
    default: []
  folder:
    description: The bundle.
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
    default: 5
"""

EXAMPLES = r"""
- name: Get a model into the bundle
  lab.ai_backend.bundle_model:
    kind: library
    name: llama3.1:8b
    digests: [46e0c10c039e]
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
  description: Whether the model is there.
  type: bool
  returned: always
progress:
  description: How far it is, for a person.
  type: str
  returned: always
"""

import hashlib
import os
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.bundling import models
from ..module_utils.fetching import background
from ..module_utils.fetching.looking import FetchError
from ..module_utils.fetching.state import may_download_by

ARGUMENTS: dict[str, dict[str, Any]] = {
    "kind": {"type": "str", "choices": list(models.KINDS), "required": True},
    "name": {"type": "str", "required": True},
    "revision": {"type": "str", "default": ""},
    "digests": {"type": "list", "elements": "str", "default": []},
    "folder": {"type": "path", "required": True},
    "token": {"type": "str", "default": "", "no_log": True},
    "mirror": {"type": "dict", "default": {}},
    "wait": {"type": "int", "default": 5},
}


def got(params: Mapping[str, Any], check_mode: bool) -> Mapping[str, Any]:
    """Begin or follow a download, for a while."""
    folder, name = params["folder"], models.id_of(params)
    work = os.path.join(folder, f".fetch-{hashlib.sha256(name.encode('utf-8')).hexdigest()[:12]}")
    if models.complete(folder, params) and not background.running(work):
        if not check_mode:
            # It may have ended after an interrupted run.
            background.forget(work)
        return {"changed": False, "finished": True, "progress": "complete"}
    if check_mode:
        return {"changed": True, "finished": True, "progress": f"would get {name}"}
    environment = may_download_by(os.environ)

    def download() -> None:
        models.get(folder, params, params["mirror"], environment, params["token"], work)

    return {"changed": True, **background.follow(work, download, params["wait"])}


def main() -> None:
    module = AnsibleModule(
        argument_spec=ARGUMENTS, supports_check_mode=True, required_if=[("kind", models.HUB, ["revision"])]
    )
    try:
        result = got(module.params, module.check_mode)
    except (FetchError, OSError) as error:
        module.fail_json(msg=str(error), finished=True, progress="failed")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
