#!/usr/bin/python
# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Load one engine of an exclusive group."""

from __future__ import annotations

DOCUMENTATION = r"""
module: load
short_description: Load one engine of an exclusive group in the place of another
version_added: 0.2.0
description:
  - Takes the group out of rotation, waits for open answers, stops the engine that is loaded, starts and proves this.
  - If it does not answer, the one before is loaded again.
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
  instance:
    description: The engine's instance.
    type: str
    required: true
  timeout:
    description: Seconds until an engine that does not answer is given up.
    type: int
    default: 180
  drain_seconds:
    description: Seconds that open answers of the engine before may take.
    type: int
    default: 600
  admin_socket:
    description: HAProxy's admin socket.
    type: str
    default: /run/ai-backend-edge/admin.sock
"""

EXAMPLES = r"""
- name: Load the large model
  lab.ai_backend.load:
    instance: vllm@large
"""

RETURN = r"""
previous:
  description: The instance that was loaded before.
  type: str
  returned: success
reasons:
  description: Why something had to change.
  type: list
  elements: str
  returned: success
open_at_stop:
  description: Answers of the engine before that were cut because their time was over.
  type: int
  returned: success
journal:
  description: The last lines of the engine's journal.
  type: list
  elements: str
  returned: failure
"""

import contextlib

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.host.host import this_host
from ..module_utils.host.layout import unit_of
from ..module_utils.host.run_lock import BusyError, at_work
from ..module_utils.host.systemd import SystemdError
from ..module_utils.switching.loading import LoadError, load
from ..module_utils.switching.switch import SwitchError

ARGUMENTS = {
    "instance": {"type": "str", "required": True},
    "timeout": {"type": "int", "default": 180},
    "drain_seconds": {"type": "int", "default": 600},
    "admin_socket": {"type": "str", "default": "/run/ai-backend-edge/admin.sock"},
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    params = module.params
    host, instance = this_host(params["admin_socket"]), params["instance"]
    try:
        with contextlib.nullcontext() if module.check_mode else at_work(host.layout):
            result = load(host, instance, params["timeout"], params["drain_seconds"], module.check_mode)
    except LoadError as error:
        module.fail_json(msg=str(error), journal=host.systemd.journal(unit_of(instance)))
    except (BusyError, SwitchError, SystemdError, OSError) as error:
        module.fail_json(msg=str(error))
    if result["open_at_stop"]:
        module.warn(f"{result['open_at_stop']} answers of {result['previous']} were still open and were cut")
    diff = {"prepared": f"{instance}: {'; '.join(result['reasons'])}\n"} if result["changed"] else {}
    module.exit_json(**result, diff=diff)


if __name__ == "__main__":
    main()
