#!/usr/bin/python
# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read what the files of models tell of the memory they need."""

from __future__ import annotations

DOCUMENTATION = r"""
module: model_files
short_description: Read what the files of models tell of the memory they need
version_added: 0.2.0
description:
  - Reads the headers of GGUF files, of folders with safetensors, and of what the manifests of an Ollama server name.
  - Tells the memory that the host has for them. It changes nothing.
author:
  - lab.ai_backend contributors (@lab)
extends_documentation_fragment:
  - lab.ai_backend.attributes
  - lab.ai_backend.model_files
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
options:
  host:
    description: Name of the host in the findings.
    type: str
    required: true
  gpu:
    description: What its engines are built for.
    type: str
    choices: [none, cuda, vulkan]
    default: none
"""

EXAMPLES = r"""
- name: Read the headers
  lab.ai_backend.model_files:
    host: "{{ inventory_hostname }}"
    model_files: [/var/lib/ai-backend/models/lab-tiny.gguf]
"""

RETURN = r"""
gpu_memory_mib:
  description: Memory of each graphics card in MiB, as nvidia-smi tells it; empty without the tool.
  type: list
  elements: int
  returned: always
memory_mib:
  description: Memory of the host in MiB, where its engines compute on the processor; else 0.
  type: int
  returned: always
models:
  description:
    - The facts of each file that is there, by path.
    - Of each the C(problem) with it, else empty; its C(architecture), C(bytes) of all weights and by C(types).
    - Of each of its C(layers) the bytes of its weights and the elements of its cache for a token.
  type: dict
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.host.graphics import gpu_memory, host_memory
from ..module_utils.host.layout import Layout
from ..module_utils.model_files.read import facts_at

ARGUMENTS = {
    "host": {"type": "str", "required": True},
    "gpu": {"type": "str", "choices": ["none", "cuda", "vulkan"], "default": "none"},
    "model_files": {"type": "list", "elements": "str", "default": []},
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    memory, _findings = gpu_memory(module.params["host"])
    module.exit_json(
        changed=False,
        gpu_memory_mib=memory,
        memory_mib=host_memory(Layout(), module.params["gpu"]),
        models=facts_at(module.params["model_files"]),
    )


if __name__ == "__main__":
    main()
