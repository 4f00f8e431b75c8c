# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How every module of the collection supports check mode and diff."""

from __future__ import annotations


class ModuleDocFragment:
    """Ansible looks for this class."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Reports exactly what it would change, and changes nothing.
  diff_mode:
    description: Shows what changes.
"""
