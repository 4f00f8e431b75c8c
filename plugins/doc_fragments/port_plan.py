# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options that tell a module which service has which port."""

from __future__ import annotations


class ModuleDocFragment:
    """Ansible looks for this class."""

    DOCUMENTATION = r"""
options:
  port_rows:
    description: The plan's rows of ports, C(ai_backend_plan.ports).
    type: list
    elements: dict
    required: true
  instances:
    description: Port of each instance on this host, C(ai_backend_slice.ports).
    type: dict
    default: {}
  sockets:
    description: Unix socket of each instance that has one, C(ai_backend_slice.sockets).
    type: dict
    default: {}
  published:
    description: What the edge publishes to other hosts, C(ai_backend_slice.edge.published).
    type: list
    elements: dict
    default: []
  upstreams:
    description: The providers that this host's gateway uses, C(ai_backend_slice.upstreams).
    type: list
    elements: dict
    default: []
"""
