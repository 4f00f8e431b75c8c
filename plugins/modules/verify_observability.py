#!/usr/bin/python
# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Prove that monitoring measures, records and tells."""

from __future__ import annotations

DOCUMENTATION = r"""
module: verify_observability
short_description: Prove on a host that monitoring measures, records and tells
version_added: 0.2.0
description:
  - On the host of monitoring, it looks at every target and rule of Prometheus and, where Grafana is installed, at its
    dashboards. It sends a test alert to Alertmanager, follows it to its receivers, and ends it.
  - On the host of a gateway, a request goes through the endpoint and is looked for in the record and the measurements.
  - It reads what the host itself has, and needs no registry. Nothing else is sent or changed.
author:
  - lab.ai_backend contributors (@lab)
extends_documentation_fragment:
  - lab.ai_backend.attributes
attributes:
  check_mode:
    support: full
    details: Neither the alert nor the request is sent.
  diff_mode:
    support: none
options:
  host:
    description: Name of the host in the report.
    type: str
    required: true
  model:
    description: What the test request asks; empty for the list of models, which wakes no engine.
    type: str
    default: ""
  timeout:
    description: Seconds until the alert must have arrived.
    type: int
    default: 120
"""

EXAMPLES = r"""
- name: Prove that monitoring works
  lab.ai_backend.verify_observability:
    host: "{{ inventory_hostname }}"
"""

RETURN = r"""
rows:
  description: One entry for each thing that was looked at; host, check, what, result (ok, excepted or failed), detail.
  type: list
  elements: dict
  returned: always
wrong:
  description: Why it failed, a sentence each; empty where all is well.
  type: list
  elements: str
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.host.layout import Layout
from ..module_utils.measuring.verified import reasons
from ..module_utils.measuring.verify import Verification


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "host": {"type": "str", "required": True},
            "model": {"type": "str", "default": ""},
            "timeout": {"type": "int", "default": 120},
        },
        supports_check_mode=True,
    )
    host, model, timeout = (module.params[name] for name in ("host", "model", "timeout"))
    lines = Verification(Layout(), host, timeout, model).lines(send=not module.check_mode)
    rows = [{"host": host, **line._asdict()} for line in lines]
    module.exit_json(changed=False, rows=rows, wrong=reasons(host, lines))


if __name__ == "__main__":
    main()
