#!/usr/bin/python
# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Look at a host for what is wrong."""

from __future__ import annotations

DOCUMENTATION = r"""
module: look
short_description: Look at a host for what the registry alone cannot tell
version_added: 0.1.0
description:
  - Compares ports with who listens, asks engines and cache as the gateway does, reads the generations, and asks
    graphics cards for their memory. It changes nothing.
  - Compares what is installed with the lists of its files, and looks for owners, modes, drop-ins and links that no
    deploy has made.
  - Keys are read on the host from C(/etc/ai-backend/secrets); no result holds one, nor what a service answered.
author:
  - lab.ai_backend contributors (@lab)
extends_documentation_fragment:
  - lab.ai_backend.attributes
  - lab.ai_backend.engine_builds
  - lab.ai_backend.model_files
  - lab.ai_backend.port_plan
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
options:
  host:
    description: Name of the host in the findings.
    type: str
    required: true
  cache:
    description: Where this host's gateway finds Redis; host, unit, address, port. Empty where it asks none.
    type: dict
    default: {}
  certificate:
    description: The PEM file of the gateway's edge; empty where it has none.
    type: str
    default: ""
  unencrypted:
    description: The address on which other hosts reach the gateway without TLS; empty where they don't.
    type: str
    default: ""
  keep:
    description: How many of the newest generations have to be whole.
    type: int
    default: 10
  sums:
    description: Whether each installed file is read and compared with its SHA-256; else names, sizes and times are.
    type: bool
    default: false
  timeout:
    description: Seconds that an engine has for one answer.
    type: int
    default: 5
"""

EXAMPLES = r"""
- name: Look at the host
  lab.ai_backend.look:
    host: "{{ inventory_hostname }}"
    port_rows: "{{ ai_backend_plan.ports }}"
    instances: "{{ ai_backend_slice.ports }}"
    upstreams: "{{ ai_backend_slice.upstreams }}"
"""

RETURN = r"""
findings:
  description: What is wrong; check, severity (critical or warning), path, message, hint, host.
  type: list
  elements: dict
  returned: always
gpu_memory_mib:
  description: Memory of each graphics card in MiB, as nvidia-smi tells it; empty without the tool.
  type: list
  elements: int
  returned: always
memory_mib:
  description: Memory of the host in MiB, where its engines compute on the processor; else 0.
  type: int
  returned: always
models:
  description: What the files in O(model_files) tell of the memory they need, by path; of those that are there.
  type: dict
  returned: always
"""

import contextlib
from collections.abc import Collection, Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.host.cards import card_findings
from ..module_utils.host.findings import Finding, critical
from ..module_utils.host.graphics import gpu_memory, host_memory
from ..module_utils.host.layout import Layout
from ..module_utils.host.sockets import is_loopback
from ..module_utils.host.systemd import Systemd
from ..module_utils.inspection.certificate import certificate_findings, without_tls
from ..module_utils.inspection.cooldowns import cooldown_findings
from ..module_utils.inspection.port_findings import UNMANAGED, port_findings
from ..module_utils.inspection.port_table import ARGUMENTS, compare, exposed, plan_of
from ..module_utils.inspection.tampering import tampering_findings
from ..module_utils.model_files.read import facts_at
from ..module_utils.probes.asking import ProbeError
from ..module_utils.probes.checks import run_once
from ..module_utils.probes.upstreams import ask_all
from ..module_utils.releases.integrity import generation_findings
from ..module_utils.releases.releases import gateway_of, keys_of_gateway


def cache_findings(layout: Layout, cache: Mapping[str, Any], held: Collection[int]) -> list[Finding]:
    """Findings of the cache, asked as the gateway asks it, unless another process would get the password."""
    if is_loopback(cache["address"]) and int(cache["port"]) in held:
        message = f"Redis can't be asked: another process listens on its port {cache['port']}"
        return [critical("cache", "ai_backend_cache", message, "free the port, and deploy")]
    key = {"file": keys_of_gateway(layout), "name": "REDIS_PASSWORD"}
    probe = {"kind": "redis", "address": cache["address"], "key": key, "user": cache.get("user", "")}
    try:
        run_once(layout, probe, int(cache["port"]))
    except ProbeError as error:
        with contextlib.suppress(ProbeError):
            # A Redis of an older release has no such user.
            run_once(layout, {**probe, "user": ""}, int(cache["port"]))
            return []
        hint = f"look at `journalctl -u {cache['unit']} -n 50` on {cache['host']}, then deploy"
        return [critical("cache", "ai_backend_cache", f"the cache on {cache['host']}: {error}", hint)]
    return []


def look(layout: Layout, systemd: Systemd, params: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[int]]:
    """(findings, MiB of each graphics card)."""
    host, plan = params["host"], plan_of(params)
    rows = compare(layout, systemd, plan)
    held = {row["port"] for row in rows if row["verdict"] in UNMANAGED}
    found = port_findings(systemd, rows, exposed(layout), host)
    upstreams = params["upstreams"]
    if gateway_of(layout):
        found += cache_findings(layout, params["cache"], held) if params["cache"] else []
    else:
        # Before the first deploy there is no key to ask with; that nothing is deployed was reported above.
        upstreams = [upstream for upstream in upstreams if not upstream["key"]]
    found += ask_all(layout, upstreams, held, params["timeout"])
    found += certificate_findings(layout, params["certificate"]) if params["certificate"] else []
    found += without_tls(params["unencrypted"])
    found += cooldown_findings(layout)
    found += generation_findings(layout, host, params["keep"])
    found += tampering_findings(layout, host, params["sums"])
    found += card_findings(layout, host, params["engines"], params["gpu"])
    memory, cards = gpu_memory(host)
    return [{**finding, "host": host} for finding in found + cards], memory


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ARGUMENTS,
            "host": {"type": "str", "required": True},
            "cache": {"type": "dict", "default": {}},
            "certificate": {"type": "str", "default": ""},
            "unencrypted": {"type": "str", "default": ""},
            "keep": {"type": "int", "default": 10},
            "sums": {"type": "bool", "default": False},
            "engines": {"type": "list", "elements": "dict", "default": []},
            "gpu": {"type": "str", "choices": ["none", "cuda", "vulkan"], "default": "none"},
            "model_files": {"type": "list", "elements": "str", "default": []},
            "timeout": {"type": "int", "default": 5},
        },
        supports_check_mode=True,
    )
    findings, memory = look(Layout(), Systemd(), module.params)
    module.exit_json(
        changed=False,
        findings=findings,
        gpu_memory_mib=memory,
        memory_mib=host_memory(Layout(), module.params["gpu"]),
        models=facts_at(module.params["model_files"]),
    )


if __name__ == "__main__":
    main()
