# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What `explain` found, as lines of text."""

from __future__ import annotations

from typing import Any

Plain = dict[str, Any]


def as_lines(told: Plain) -> list[str]:
    """The outcome of `explain` as lines of text."""
    lines = [f"{told['model']}:"]
    lines += [f"  not {row['kind']}: {row['why']} ({row['path']})" for row in told["passed_over"]]
    if told["rule"] is None:
        return [*lines, "  nobody answers"]
    lines.append(f"  {told['rule']['kind']}: {told['rule']['why']} ({told['rule']['path']})")
    for number, level in enumerate(told["levels"], start=1):
        shared = f", shared by {level['strategy']}" if level["strategy"] else ""
        lines.append(f"  step {number}{shared}:")
        for row in level["deployments"]:
            weighted = f", {row['share']:.0%}" if level["strategy"] == "simple-shuffle" else ""
            limits = f"{row['timeout_seconds']} s, stream gap {row['stream_gap_seconds']} s"
            wakes = _wakes(row)
            what = f"{row['provider']} ({row['engine']}) {row['model']} {_place(row)}"
            lines.append(f"    {what}{weighted}, {limits}{wakes}")
    if told["chain"]:
        lines.append(f"  then the groups {', '.join(told['chain'])}")
    if told["down"]:
        lines.append(f"  {_outage(told)}")
    lines += [f"  {_outage(row)}" for row in told["when_down"]]
    lines += [f"  prompt over {row['over']} tokens: {_way_of(row)}" for row in told["when_long"]]
    breaker = told["breaker"]
    alone = ": there is no alternative" if breaker["alone"] else ""
    seconds = breaker["cooldown_seconds"]
    lines.append(f"  breaker: cooldown after {breaker['failures']} failures, for {seconds} s{alone}")
    return lines


def _wakes(row: Plain) -> str:
    """When it is in memory, if not always."""
    group = f", one at a time of group '{row['exclusive_group']}'" if row["exclusive_group"] else ""
    if row["wake"] == "on_request":
        return f", wakes when it is asked{group}"
    if row["wake"] == "by_hand":
        return f", answers while playbooks/switch.yml has it loaded{group}"
    asleep = row["sleeps_after_seconds"]
    return f", sleeps after {asleep} s without a request and wakes for the next" if asleep else ""


def _place(row: Plain) -> str:
    """Where a deployment is. The address of a gateway's own edge names no host."""
    host, base = row["host"], row["api_base"]
    if not base:
        return "at the address that LiteLLM knows"
    return f"at {base}" if host in base else f"on {host} at {base}"


def _outage(row: Plain) -> str:
    return f"down: {', '.join(row['down'])}: {_way_of(row)}"


def _way_of(row: Plain) -> str:
    way = ", ".join(f"{ask['provider']}/{ask['model']}" for ask in row["asked"]) or "nobody"
    answer = f"{row['answers']} answers" if row["answers"] else "nobody answers"
    return f"asks {way}: {answer}"
