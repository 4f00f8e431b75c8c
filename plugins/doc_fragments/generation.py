# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options for the record of a change."""

from __future__ import annotations


class ModuleDocFragment:
    """Ansible looks for this class."""

    DOCUMENTATION = r"""
options:
  generation:
    description: Number of the generation that the change belongs to; 0 records none.
    type: int
    default: 0
  registry_hash:
    description: Hash of the registry that the change comes from.
    type: str
    default: ""
"""
