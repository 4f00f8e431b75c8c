# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The two options for a host's engines and what they are built for."""

from __future__ import annotations


class ModuleDocFragment:
    """Ansible looks for this class."""

    DOCUMENTATION = r"""
options:
  engines:
    description:
      - The engines of the host, as in the plan; of each C(provider), C(gpu_layers) and C(gpu_variable) are read.
      - The layers are empty for an engine that needs none on a GPU; the variable contains what it is built for.
    type: list
    elements: dict
    default: []
  gpu:
    description: What they are built for.
    type: str
    choices: [none, cuda, vulkan]
    default: none
"""
