# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run the probes of a release against an instance until they pass, its unit dies, or time is over."""

from __future__ import annotations

import threading
import time

from ..host.layout import unit_of
from .checks import ProbeError, run_once
from .worker_deaths import Deaths

# Two starts that end at once are a pattern, not bad luck; systemd counts them.
# Also an attempt that begins at the deadline has this long.
LEAST_SECONDS = 5


RESTARTS_TO_GIVE_UP = 2


# What LiteLLM says once our own questions have opened its breaker; why they failed is what it said before.
BREAKER_OPEN = "No deployments available"


def run_within(seconds, layout, probe, port):
    """One attempt that takes no longer than that.

    A timeout of sockets does not bound it: resolving a name has none, and a host without a resolver waits for minutes.
    """
    outcome = []

    def attempt():
        try:
            run_once(layout, probe, port)
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


def prove(layout, systemd, instance, manifest, timeout, interval=0.25, sleep=time.sleep):
    """Run every probe of a release against an instance until it passes; give up at the deadline or when the unit dies.

    Returns the seconds it took. Raises ProbeError with the last reason.
    """
    begin = time.monotonic()
    unit_name = unit_of(instance)
    base = systemd.unit(unit_name).restarts
    port = manifest["ports"].get(instance, 0)
    several = any(probe.get("workers", 1) > 1 for probe in manifest["probes"])
    deaths = Deaths(layout)
    for probe in manifest["probes"]:
        cause = None
        while True:
            unit = systemd.unit(unit_name)
            if unit.properties.get("ActiveState") == "failed" or unit.restarts - base >= RESTARTS_TO_GIVE_UP:
                raise ProbeError(f"{unit_name} does not stay up: {unit.describe()}, {unit.restarts - base} restarts")
            ended = deaths.count(unit.pid) if several and unit.pid else 0
            if ended >= RESTARTS_TO_GIVE_UP:
                raise ProbeError(f"{unit_name} does not stay up: {ended} of its worker processes ended")
            try:
                if not unit.active:
                    raise ProbeError(f"{unit_name} is {unit.describe()}")
                run_within(max(LEAST_SECONDS, timeout - (time.monotonic() - begin)), layout, probe, port)
                break
            except ProbeError as error:
                if cause is None or BREAKER_OPEN not in str(error):
                    cause = error
                if time.monotonic() - begin > timeout:
                    raise ProbeError(f"no good answer within {timeout:.0f} s: {cause}") from error
                sleep(interval)
    return round(time.monotonic() - begin, 1)
