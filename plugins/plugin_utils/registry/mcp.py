# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`ai_backend_mcp_servers` as far as it can be read, and what its servers need of the other parts."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from ..data.plain import Plain
from ..findings.findings import Finding, suggest
from ..findings.paths import join
from ..schema.mcp import EVERY_CLIENT, SERVER_NAME, McpServer
from ..schema.secrets import missing
from .lenient import read

ROOT = "ai_backend_mcp_servers"


def read_mcp_servers(data: Plain, findings: list[Finding]) -> dict[str, McpServer]:
    """Read each server alone, so that an error hides no other. Sorted by name; those with an error are left out."""
    if data is None:
        return {}
    if not isinstance(data, dict):
        findings.append(Finding(ROOT, "is not a mapping", "write `name: {…}` lines below it, or `{}` for no server"))
        return {}
    sound: dict[str, McpServer] = {}
    for name in sorted(data):
        right = SERVER_NAME.fullmatch(name) is not None
        if not right:
            remedy = "use a-z, 0-9 and _, starting with a letter (a hyphen ends it in the names of its tools)"
            findings.append(Finding(join(ROOT, name), "is not a server's name", remedy, check="names"))
        reading = read(McpServer, data[name], join(ROOT, name), findings)
        if right and reading.value is not None and reading.sure:
            sound[name] = reading.value
    return sound


def check_mcp_servers(
    servers: Mapping[str, McpServer],
    clients: Collection[str] | None,
    present: Mapping[str, bool],
    extra: Mapping[str, object],
) -> Iterator[Finding]:
    """Clients that exist, secrets with a value, one place for a server. clients: None if not all names are known."""
    for name, server in servers.items():
        path = join(ROOT, name)
        for index, client in enumerate(server.clients):
            if clients is not None and client != EVERY_CLIENT and client not in clients:
                remedy = suggest(client, clients) or f"add `{client}: {{}}` to ai_backend_clients"
                yield Finding(
                    join(path, "clients", index), f"there is no client '{client}'", remedy, check="references"
                )
        if server.env_var is not None and missing(server.env_var, present):
            lookup = f"{{{{ lookup('ansible.builtin.env', '{server.env_var}') }}}}"
            remedy = f'write `{server.env_var}: "{lookup}"` below ai_backend_secrets and give it a value'
            place = join("ai_backend_secrets", server.env_var)
            yield Finding(place, f"has no value, '{name}' needs it", remedy, check="secrets")
        if name in extra:
            remedy = "remove it from ai_backend_gateway.litellm.extra.mcp_servers"
            yield Finding(path, "is also a server in `extra`", remedy)
