# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One request of an operator, followed on its way: edge, gateway, engine."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import ssl
import time
import uuid
from collections.abc import Mapping
from typing import Any

from ..host.edge import EDGE
from ..host.host import Host
from ..host.layout import unit_of
from .gateway import NoGatewayError, key_of, settings
from .reading import Record, RecordsError, Tail

MASTER_KEY = "LITELLM_MASTER_KEY"
# How long the gateway's record and the edge's line may take to be there.
RECORD_SECONDS, EDGE_SECONDS = 8.0, 3.0
# The five times of a line of the edge: reading the request, waiting, connecting, first byte of the answer, all.
EDGE_TIMES = re.compile(r" (-?\d+)/(-?\d+)/(-?\d+)/(-?\d+)/\+?(\d+) \d{3} ")


def connection(endpoint: Mapping[str, Any], timeout: float) -> http.client.HTTPConnection:
    """To the edge of this very host, so its certificate, which may have any name, is not compared with one."""
    address, port = str(endpoint["address"]), int(endpoint["port"])
    if not endpoint["tls"]:
        return http.client.HTTPConnection(address, port, timeout=timeout)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return http.client.HTTPSConnection(address, port, timeout=timeout, context=context)


def ask(host: Host, model: str, prompt: str, most_tokens: int, timeout: float) -> dict[str, Any]:
    """The answer to a new question, and its hops. Raises NoGatewayError where nobody is there to ask.

    {id, status, answer, error, total_ms, edge: {…} or None, gateway: record or None, hops: [{hop, ms}]}
    """
    given = settings(host.layout)
    identifier = f"ask-{uuid.uuid4().hex[:16]}"
    # Of the cache nothing could be seen.
    body = {
        "model": model,
        "messages": [{"role": "user", "content": prompt}],
        "max_tokens": most_tokens,
        "cache": {"no-cache": True, "no-store": True},
    }
    headers = {"Authorization": f"Bearer {key_of(host, MASTER_KEY)}", "Content-Type": "application/json"}
    tail = tail_of(given.get("records"))
    began = time.perf_counter()
    try:
        with contextlib.closing(connection(given["endpoint"], timeout)) as edge:
            edge.request("POST", "/v1/chat/completions", json.dumps(body), headers | {"x-request-id": identifier})
            answer = edge.getresponse()
            status, text = answer.status, answer.read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        where = f"{given['endpoint']['address']}:{given['endpoint']['port']}"
        raise NoGatewayError(f"the edge at {where} does not answer: {error or type(error).__name__}") from None
    total = (time.perf_counter() - began) * 1000
    words, problem = told(text)
    record = tail.wait(identifier, RECORD_SECONDS) if tail else None
    found = {"id": identifier, "status": status, "answer": words, "error": problem, "total_ms": round(total, 1)}
    times = edge_times(host, identifier)
    return {**found, "edge": times, "gateway": record, "hops": hops(total, times, record)}


def tail_of(path: str | None) -> Tail | None:
    """What is recorded from now on, or None where nothing is, or where nobody has asked yet."""
    try:
        return Tail(path) if path else None
    except RecordsError:
        return None


def told(text: str) -> tuple[str | None, str | None]:
    """(words of an answer, words of an error)."""
    try:
        found = json.loads(text)
        if "error" in found:
            return None, str(found["error"]["message"])
        message = found["choices"][0]["message"]
        return str(message.get("content") or message.get("reasoning_content") or ""), None
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return None, "the answer can't be read"


def edge_times(host: Host, identifier: str) -> dict[str, int] | None:
    """What the edge's log has of a request, in milliseconds; None where it can't be read."""
    words = ["journalctl", "--unit", unit_of(EDGE), "--since", "-15min", "--output", "cat", "--no-pager", "--quiet"]
    end = time.monotonic() + EDGE_SECONDS
    while True:
        code, output = host.systemd.run([*words, "--grep", re.escape(identifier)])
        match = EDGE_TIMES.search(output) if code == 0 else None
        if match:
            names = ("request", "queue", "connect", "response", "total")
            return dict(zip(names, map(int, match.groups()), strict=True))
        if time.monotonic() > end:
            return None
        time.sleep(0.1)


def hops(total: float, edge: Mapping[str, int] | None, record: Record | None) -> list[dict[str, Any]]:
    """[{hop, ms}]: what each place added of its own. What is not known is left out."""
    found: list[tuple[str, float]] = []
    outside = float(edge["total"]) if edge else total
    if edge:
        found.append(("client to edge", max(0.0, total - outside)))
    inside = record.get("duration_ms") if record else None
    if record and isinstance(inside, (int, float)):
        found.append(("edge" if edge else "client and edge", max(0.0, outside - inside)))
        own = record.get("overhead_ms")
        if isinstance(own, (int, float)):
            found += [("gateway", float(own)), (f"engine of {record.get('provider')}", max(0.0, inside - own))]
        else:
            found.append(("gateway and engine", float(inside)))
    return [{"hop": name, "ms": round(value, 1)} for name, value in found]


def lines(found: Mapping[str, Any]) -> list[str]:
    """The same for a terminal."""
    record = found["gateway"] or {}
    head = [f"{found['status']} in {found['total_ms']:.0f} ms  {found['id']}"]
    for one in record.get("fallbacks") or ():
        head.append(f"  not by {one['provider']}: {one['reason']}")
    if record.get("provider"):
        tokens = f"{record['tokens_in']} + {record['tokens_out']} tokens" if record.get("tokens_in") else ""
        head.append(f"  {'answered' if found['status'] < 400 else 'last asked'}: {record['deployment']}  {tokens}")
    if not record:
        head.append("  the gateway has no record of it")
    spans = [f"  {hop['hop']:<34} {hop['ms']:>9.1f} ms" for hop in found["hops"]]
    if found["edge"] is None:
        spans.append("  the edge's own times can't be read: its log is for root")
    words = found["answer"] if found["error"] is None else f"error: {found['error']}"
    # A model may answer with anything, also with what changes a terminal.
    shown = "".join(letter if letter.isprintable() or letter == "\n" else "?" for letter in words)
    return [*head, *spans, "", shown or "(an empty answer)"]
