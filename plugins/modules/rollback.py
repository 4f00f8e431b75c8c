#!/usr/bin/python
# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bring a host back to a generation."""

from __future__ import annotations

DOCUMENTATION = r"""
module: rollback
short_description: Bring a host back to a generation, or list its generations
version_added: 0.1.0
description:
  - Puts every instance of a generation on the release it ran then, with the probes and the commit of a deploy.
  - Downloads nothing and reads nothing but the host's own files; data, models and secrets are not touched.
  - Refuses before anything is changed when a release is gone or damaged, or a secret file is missing.
  - The result is a generation of its own.
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
  state:
    description: V(listed) only lists the generations.
    type: str
    choices: [listed, restored]
    default: restored
  number:
    description: The generation; this host's newest one that is not above it is restored.
    type: int
    default: 0
  services:
    description: Only these services, for example V(litellm); a host without them stays as it is. Empty for all.
    type: list
    elements: str
    default: []
  generation:
    description: Number of this rollback's generation, the same on all hosts of a fleet; 0 takes the host's next one.
    type: int
    default: 0
  stage:
    description:
      - What this call does of a rollback that several hosts make together, stage by stage.
      - V(edge) restores the edge, V(backend) what a gateway asks, V(gateway) the gateway, and V(all) whatever is not
        back yet. An edge that only takes away waits for that last call.
      - It also takes away what was not there and closes the generation.
    type: str
    choices: [edge, backend, gateway, monitoring, all]
    default: all
  run:
    description: The run that takes the host for itself, as P(lab.ai_backend.this_run#lookup) gives it; empty for none.
    type: dict
    default: {}
  instead_of:
    description: Id of a run that had the host and is known to be over.
    type: str
    default: ""
  strategy:
    description: How a slotted service comes back; see M(lab.ai_backend.switch).
    type: str
    choices: [beside, restart]
    default: beside
  admin_socket:
    description: HAProxy's admin socket.
    type: str
    default: /run/ai-backend-edge/admin.sock
  timeout:
    description: Seconds one service may take to prove that it works.
    type: int
    default: 180
  drain_seconds:
    description: How long open answers of the slot that is left may take.
    type: int
    default: 600
"""

EXAMPLES = r"""
- name: List the generations of this host
  lab.ai_backend.rollback:
    state: listed

- name: Go back to generation 7
  lab.ai_backend.rollback:
    number: 7
"""

RETURN = r"""
generations:
  description: The generations of this host, newest first.
  type: list
  elements: dict
  returned: when listed
holder:
  description: The run that has the host, as far as anybody noted; else none.
  type: dict
  returned: when listed
restored:
  description: The generation that was restored.
  type: int
  returned: when restored
generation:
  description: The generation this run made, or 0 when nothing had to change.
  type: int
  returned: when restored
registry:
  description: Hash of the registry that the restored generation came from.
  type: str
  returned: when restored
diff_lines:
  description: What changed in configuration files, as a unified diff.
  type: list
  elements: str
  returned: when restored
changes:
  description: Whether something has to change, or had to.
  type: bool
  returned: when restored
reasons:
  description: What had to change.
  type: list
  elements: str
  returned: when restored
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.host.host import this_host
from ..module_utils.host.layout import STAGES, unit_of
from ..module_utils.host.run_lock import holder_of
from ..module_utils.rollback.choice import RestoreError, list_generations
from ..module_utils.rollback.restore import ALL, Aim, Restore, Terms
from ..module_utils.switching.slot_switch import Manner

ARGUMENTS = {
    "state": {"type": "str", "choices": ["listed", "restored"], "default": "restored"},
    "number": {"type": "int", "default": 0},
    "services": {"type": "list", "elements": "str", "default": []},
    "generation": {"type": "int", "default": 0},
    "stage": {"type": "str", "choices": [*STAGES, ALL], "default": ALL},
    "run": {"type": "dict", "default": {}},
    "instead_of": {"type": "str", "default": ""},
    "strategy": {"type": "str", "choices": ["beside", "restart"], "default": "beside"},
    "admin_socket": {"type": "str", "default": "/run/ai-backend-edge/admin.sock"},
    "timeout": {"type": "int", "default": 180},
    "drain_seconds": {"type": "int", "default": 600},
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    host, params = this_host(module.params["admin_socket"]), module.params
    if params["state"] == "listed":
        module.exit_json(changed=False, generations=list_generations(host.layout), holder=holder_of(host.layout))
    terms = Terms(
        params["timeout"], params["drain_seconds"], Manner(params["strategy"]), params["run"], params["instead_of"]
    )
    aim = Aim(params["number"], params["services"], params["generation"], params["stage"])
    try:
        result: dict[str, Any] = dict(Restore(host, terms, warn=module.warn).run(aim, module.check_mode))
    except RestoreError as error:
        journal = host.systemd.journal(unit_of(error.instance)) if error.instance else []
        module.fail_json(msg=str(error), journal=journal)
    text = result.pop("diff_text")
    lines = "".join(f"{reason}\n" for reason in result["reasons"])
    # `changed` is what a task's changed_when makes of it; `changes` stays.
    module.exit_json(changes=result["changed"], diff={"prepared": lines + text}, diff_lines=text.splitlines(), **result)


if __name__ == "__main__":
    main()
