#!/usr/bin/python
# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Show whose ports are whose, and free one."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ports
short_description: Compare the registry's ports with what listens, and stop processes that block a port
version_added: 0.1.0
description:
  - Without O(stop) it only looks. Processes are found through C(/proc), so no tool has to be installed.
  - A process of a systemd unit is stopped as its unit, another one by SIGTERM. Nothing is killed.
  - A managed unit, systemd itself, a container and its proxies, a user's own unit, and what carries the connection are
    never stopped; the refusal names what their operator can do.
author:
  - lab.ai_backend contributors (@lab)
extends_documentation_fragment:
  - lab.ai_backend.attributes
  - lab.ai_backend.port_plan
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
options:
  port:
    description: Only this port; 0 for all.
    type: int
    default: 0
  required:
    description: Only ports that the plan needs on this host.
    type: bool
    default: false
  stop:
    description: Entries of RV(conflicts) of an earlier call, to be stopped where they still are the same processes.
    type: list
    elements: dict
    default: []
  timeout:
    description: Seconds until a port has to be free.
    type: int
    default: 20
"""

EXAMPLES = r"""
- name: Look who listens
  lab.ai_backend.ports:
    port_rows: "{{ ai_backend_plan.ports }}"
    instances: "{{ ai_backend_slice.ports }}"
  register: found

- name: Stop processes that block a port
  lab.ai_backend.ports:
    port_rows: "{{ ai_backend_plan.ports }}"
    instances: "{{ ai_backend_slice.ports }}"
    stop: "{{ found.conflicts }}"
"""

RETURN = r"""
rows:
  description:
    - One entry for each that listens or should; verdict, port, service, expected (unit), pid, command, unit, address.
    - The verdict is one of managed, unmanaged, foreign, misplaced, reserved, taken, down, absent, idle, free.
  type: list
  elements: dict
  returned: always
conflicts:
  description: The rows that block a port; action names what stopping would do, refusal why it is not done.
  type: list
  elements: dict
  returned: always
stopped:
  description: What was done, or in check mode would be, one line each.
  type: list
  elements: str
  returned: always
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.host.layout import Layout
from ..module_utils.host.systemd import Systemd, SystemdError
from ..module_utils.inspection.port_holders import conflicts, stop
from ..module_utils.inspection.port_table import ARGUMENTS, Row, compare, plan_of, select


def free(
    layout: Layout, systemd: Systemd, wanted: Sequence[Mapping[str, Any]], timeout: float
) -> tuple[list[str], list[str]]:
    """([what was done], [what went wrong])."""
    done, wrong = [], []
    for row in wanted:
        try:
            words, problem = stop(layout, systemd, row, timeout)
        except SystemdError as error:
            words, problem = "", f"port {row['port']}: {error}"
        done += [words] if words else []
        wrong += [problem] if problem else []
    return done, wrong


def shown(row: Row) -> dict[str, Any]:
    """A row for people: no pid where nobody listens, units as short as systemctl takes them."""
    return {
        **{key: row[key] for key in ("service", "verdict", "command")},
        "port": row["port"] or None,
        "expected": row["expected"].replace(".service", ""),
        "pid": row["pid"] or None,
        "unit": row["unit"].removesuffix(".service"),
        "address": row["addresses"],
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ARGUMENTS,
            "port": {"type": "int", "default": 0},
            "required": {"type": "bool", "default": False},
            "stop": {"type": "list", "elements": "dict", "default": []},
            "timeout": {"type": "int", "default": 20},
        },
        supports_check_mode=True,
    )
    layout, systemd, params = Layout(), Systemd(), module.params
    if module.check_mode:
        done = [f"port {row['port']}: would {row['action']}" for row in params["stop"] if not row["refusal"]]
        wrong = [f"port {row['port']}: not stopped: {row['refusal']}" for row in params["stop"] if row["refusal"]]
    else:
        done, wrong = free(layout, systemd, params["stop"], params["timeout"])
    every = compare(layout, systemd, plan_of(params))
    if params["port"] and not select(every, params["port"]):
        known = ", ".join(str(number) for number in sorted({row["port"] for row in every} - {0}))
        module.fail_json(msg=f"port {params['port']} is not in the registry, which has {known}")
    rows = select(every, params["port"], params["required"])
    result = {
        "changed": bool(done),
        "rows": [shown(row) for row in rows],
        "conflicts": conflicts(layout, systemd, rows, named=bool(params["port"])),
        "stopped": done,
    }
    if wrong:
        module.fail_json(msg="; ".join(wrong), **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
