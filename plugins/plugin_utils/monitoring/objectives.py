# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The two objectives: requests are answered, and the answer begins soon. An alert tells that they will be missed.

Windows and factors are those of the Site Reliability Workbook, chapter 5: 14.4 spends two days of a month's budget in
an hour, 6 spends five in six hours.
"""

from __future__ import annotations

from typing import Any

from ..schema.alerts import Alerts

_WINDOWS = ("5m", "30m", "1h", "6h")
# Under so many requests an hour, one failed request would be a broken objective.
_FEW = 20
# Classes of errors that no client causes (docs/requests.md); a stream that breaks has one with the status 200.
FAULTS = "engine_error|gateway_error|no_engine|provider_limited|provider_refused|timeout"
_REQUESTS = f'ai_backend_requests_total{{error=~"|{FAULTS}"}}'
_BAD = {
    "availability": f'ai_backend_requests_total{{error=~"{FAULTS}"}}',
    "speed": "ai_backend_slow_answers_total",
}


def recordings() -> list[dict[str, Any]]:
    """The share of bad requests in each window, by gateway."""
    return [
        {
            "record": f"ai_backend:{objective}:bad_ratio_{window}",
            "expr": f"sum by (host) (rate({bad}[{window}])) / sum by (host) (rate({_REQUESTS}[{window}]))",
        }
        for objective, bad in _BAD.items()
        for window in _WINDOWS
    ]


def _burn(objective: str, short: str, long: str, factor: float, target: float) -> str:
    limit = f"{factor:g} * (1 - {target:g})"
    enough = f"sum by (host) (increase({_REQUESTS}[1h])) > {_FEW}"
    windows = [f"ai_backend:{objective}:bad_ratio_{window} > {limit}" for window in (short, long)]
    return " and ".join([*windows, enough])


def burning(limits: Alerts) -> dict[str, str]:
    """{`<objective>_<pace>`: PromQL} that has a value while an objective is missed at that pace."""
    targets = {"availability": limits.availability, "speed": limits.fast_enough}
    paces = {"fast": ("5m", "1h", 14.4), "steady": ("30m", "6h", 6)}
    return {
        f"{objective}_{pace}": _burn(objective, *windows, target)
        for objective, target in targets.items()
        for pace, windows in paces.items()
    }
