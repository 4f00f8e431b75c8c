# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run the probes of a release against an instance until they pass, its unit dies, or time is over."""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from ..host.held_alerts import proving
from ..host.host import Host
from ..host.layout import Layout, unit_of
from ..host.systemd import Unit
from ..releases.releases import address_of, wakes_on_request
from .asking import Address, Probe, ProbeError
from .checks import run_once
from .worker_deaths import Deaths

# Also an attempt that begins at the deadline has this long.
LEAST_SECONDS = 5
# Two starts that end at once are a pattern, not bad luck; systemd counts them.
RESTARTS_TO_GIVE_UP = 2
# What LiteLLM answers once the probes have opened its breaker; the reason is what it answered before.
BREAKER_OPEN = "No deployments available"


def run_within(seconds: float, layout: Layout, probe: Probe, address: Address) -> None:
    """One attempt that takes no longer than that.

    A timeout of sockets does not bound it: resolving a name has none, and a host without a resolver waits for minutes.
    """
    outcome: list[BaseException | None] = []

    def attempt() -> None:
        try:
            run_once(layout, probe, address)
            outcome.append(None)
        except BaseException as error:
            outcome.append(error)

    # A daemon: the module must not wait for it at its end.
    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(seconds)
    if not outcome:
        raise ProbeError(f"{probe['kind']} {probe.get('path', '')}: no answer in {seconds:.0f} s")
    if outcome[0] is not None:
        raise outcome[0]


class Life:
    """Whether an instance stays up while it is proven. With several workers those that end count as well."""

    def __init__(self, host: Host, instance: str, several: bool) -> None:
        self.host, self.name = host, unit_of(instance)
        self.restarts = host.systemd.unit(self.name).restarts
        self.deaths = Deaths(host.layout) if several else None

    def look(self) -> Unit:
        """The unit now. Raises ProbeError where waiting for it is in vain."""
        unit = self.host.systemd.unit(self.name)
        restarts = unit.restarts - self.restarts
        if unit.failed or restarts >= RESTARTS_TO_GIVE_UP:
            raise ProbeError(f"{self.name} does not stay up: {unit.describe()}, {restarts} restarts")
        ended = self.deaths.count(unit.pid) if self.deaths and unit.pid else 0
        if ended >= RESTARTS_TO_GIVE_UP:
            raise ProbeError(f"{self.name} does not stay up: {ended} of its worker processes ended")
        return unit


def wake(manifest: Mapping[str, Any], seconds: float) -> None:
    """Wake an instance as a request does: through the edge, which knows whose turn it is. Raises ProbeError."""
    host, _colon, port = manifest["wake"]["edge"].rpartition(":")
    try:
        with contextlib.closing(http.client.HTTPConnection(host, int(port), timeout=seconds)) as connection:
            # A proof is not kept waiting for the least time of another one.
            connection.request("GET", manifest["wake"]["health"], headers={"X-AI-Backend-Turn": "now"})
            status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        raise ProbeError(f"the edge at {host}:{port}, which wakes it: {error or type(error).__name__}") from error
    if status != 200:
        raise ProbeError(f"it did not wake: the edge at {host}:{port} answered {status}")


def prove(
    host: Host,
    instance: str,
    manifest: Mapping[str, Any],
    timeout: float,
    interval: float = 0.25,
    sleep: Callable[[float], object] = time.sleep,
) -> float:
    """Run every probe of a release against an instance until it passes; give up at the deadline or when the unit dies.

    Of the manifest `ports`, `sockets` and `probes` are read. Returns the seconds it took. Raises ProbeError with the
    last reason. A change of the instance ends with it.
    """
    with proving(host.layout, instance, timeout):
        return _prove(host, instance, manifest, timeout, interval, sleep)


def _prove(
    host: Host,
    instance: str,
    manifest: Mapping[str, Any],
    timeout: float,
    interval: float,
    sleep: Callable[[float], object],
) -> float:
    begin = time.monotonic()
    address = address_of(manifest, instance)
    life = Life(host, instance, any(probe.get("workers", 1) > 1 for probe in manifest["probes"]))
    for probe in manifest["probes"]:
        cause = None
        while True:
            unit = life.look()
            try:
                if not unit.active and wakes_on_request(manifest):
                    wake(manifest, max(LEAST_SECONDS, timeout - (time.monotonic() - begin)))
                elif not unit.active:
                    raise ProbeError(f"{unit.name} is {unit.describe()}")
                run_within(max(LEAST_SECONDS, timeout - (time.monotonic() - begin)), host.layout, probe, address)
                break
            except ProbeError as error:
                if cause is None or BREAKER_OPEN not in str(error):
                    cause = error
                if time.monotonic() - begin > timeout:
                    raise ProbeError(f"no good answer within {timeout:.0f} s: {cause}") from error
                sleep(interval)
    return round(time.monotonic() - begin, 1)
