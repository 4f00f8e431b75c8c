# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The two options that say what a host's engines are and what they are built for."""

from __future__ import annotations


class ModuleDocFragment:
    """Ansible looks for this class."""

    DOCUMENTATION = r"""
options:
  engines:
    description:
      - The host's engines, as the plan names them; of each C(provider), C(gpu_layers) and C(gpu_variable) are read.
      - The layers it asks to put on a card are empty where it asks for none; the variable is what says its build.
    type: list
    elements: dict
    default: []
  gpu:
    description: What they are built for.
    type: str
    choices: [none, cuda, vulkan]
    default: none
"""
