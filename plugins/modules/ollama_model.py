#!/usr/bin/python
# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keep a model on an Ollama server."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ollama_model
short_description: Keep a model on an Ollama server
version_added: 0.2.0
description:
  - Pulls a model, makes one from a GGUF file or from another model, or removes one, through the API of a server.
  - A model that is there with the right digest is not pulled again, even if its publisher offers another one by now.
  - A model that is made here has a note among its licenses with the sum of what it was made from, so it is made once.
  - It waits until a download has ended; M(lab.ai_backend.ollama_store) shows how far one is.
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
  name:
    description: The model. A name without a tag means V(latest).
    type: str
    required: true
  state:
    description: Whether the server has it.
    type: str
    choices: [present, absent]
    default: present
  url:
    description: The server.
    type: str
    default: http://127.0.0.1:11434
  digest:
    description: The digest that a pulled model must have, or its first 12 digits. Another one is an error.
    type: str
    default: ""
  base:
    description: The model that it is made from; it is pulled if it is not there.
    type: str
    default: ""
  path:
    description: The GGUF file that it is made from.
    type: path
    default: ""
  parameters:
    description: Parameters of its Modelfile, for a model that is made.
    type: dict
    default: {}
  template:
    description: Template of its prompts, for a model that is made.
    type: str
    default: ""
  system:
    description: System prompt, for a model that is made.
    type: str
    default: ""
  aliases:
    description: Other names for it, which are copied from it.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Pull a model, but only this version of it
  lab.ai_backend.ollama_model:
    name: llama3.1:8b
    digest: 46e0c10c039e

- name: Make one from a file
  lab.ai_backend.ollama_model:
    name: house-model
    path: /srv/models/house-model.gguf
    parameters: {num_ctx: 8192, stop: ["<|im_end|>"]}
    system: You answer in one sentence.

- name: Remove one
  lab.ai_backend.ollama_model:
    name: llama2
    state: absent
"""

RETURN = r"""
actions:
  description: What was done, or in check mode would be done.
  type: list
  elements: str
  returned: success
digest:
  description: The model's digest; in check mode that of the model as it is now. Empty if the server does not have it.
  type: str
  returned: success
"""

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.ollama.model import Spec, bring, full_name, lacking
from ..module_utils.ollama.server import OllamaError, Server

ARGUMENTS: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "url": {"type": "str", "default": "http://127.0.0.1:11434"},
    "digest": {"type": "str", "default": ""},
    "base": {"type": "str", "default": ""},
    "path": {"type": "path", "default": ""},
    "parameters": {"type": "dict", "default": {}},
    "template": {"type": "str", "default": ""},
    "system": {"type": "str", "default": ""},
    "aliases": {"type": "list", "elements": "str", "default": []},
}


def spec_of(params: Mapping[str, Any]) -> Spec:
    """The model that the module's arguments describe."""
    return {
        "name": full_name(params["name"]),
        "pull": "" if params["path"] else full_name(params["base"] or params["name"]),
        "file": params["path"],
        "digest": params["digest"].removeprefix("sha256:"),
        "recipe": {word: params[word] for word in ("parameters", "template", "system") if params[word]},
        "aliases": [full_name(name) for name in params["aliases"]],
    }


def contradiction(params: Mapping[str, Any]) -> str:
    """What the arguments can't mean together; empty for nothing."""
    made = params["path"] or params["base"]
    if params["path"] and params["base"]:
        return "path and base can't be used together: a model is made from one of them"
    if params["path"] and params["digest"]:
        return "digest is that of a pulled model, and this one is made from a file"
    if not made and any(params[word] for word in ("parameters", "template", "system")):
        return "parameters, template and system need path or base: what is pulled has its own"
    if params["base"] and full_name(params["base"]) == full_name(params["name"]):
        return "base must be another model than name"
    return ""


def change(module: AnsibleModule, server: Server) -> list[str]:
    """What was done, or would be."""
    spec = spec_of(module.params)
    if module.params["state"] == "present":
        return lacking(server, spec) if module.check_mode else bring(server, spec)
    there = server.models()
    gone = [name for name in (spec["name"], *spec["aliases"]) if name in there]
    for name in gone if not module.check_mode else ():
        server.delete(name)
    return [f"remove {name}" for name in gone]


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    wrong = contradiction(module.params)
    if wrong:
        module.fail_json(msg=wrong)
    server = Server(module.params["url"])
    try:
        before = server.models()
        actions = change(module, server)
        after = before if module.check_mode else server.models()
    except (OllamaError, OSError) as error:
        module.fail_json(msg=str(error))
    # What was made again from the same is the same.
    changed = bool(actions) and (module.check_mode or before != after)
    lines = "".join(f"{action}\n" for action in actions)
    module.exit_json(
        changed=changed,
        actions=actions,
        digest=after.get(full_name(module.params["name"]), ""),
        diff={"prepared": lines} if lines else {},
    )


if __name__ == "__main__":
    main()
