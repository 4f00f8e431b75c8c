# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The option for the files of a host's models."""

from __future__ import annotations


class ModuleDocFragment:
    """Ansible looks for this class."""

    DOCUMENTATION = r"""
options:
  model_files:
    description:
      - Files and folders of models, C(model_files) of the host in the plan. What is not there is left out.
      - Only their headers are read.
    type: list
    elements: str
    default: []
"""
