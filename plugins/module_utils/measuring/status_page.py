# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The status page as one text: it loads nothing, runs nothing, and is made again each fifteen seconds."""

from __future__ import annotations

import html
import time
from collections.abc import Sequence
from typing import NamedTuple

from ..releases.generations import Generation
from .status_data import Card, Model, Picture, Provider, Service
from .status_style import STYLE
from .window import MINUTES

SECONDS = 15
# A change of many hosts has a long summary.
LINES = 6
# The share of requests that may fail before it looks like a fault.
MANY = 0.01
# How a state looks, in addition to its words.
GOOD, BAD, REST = "good", "bad", "rest"


class Cell(NamedTuple):
    """A cell: its HTML, and its kind: number, tag (next to the name) or wide: a line of its own on a telephone."""

    html: str
    kind: str = ""


def text(value: object) -> str:
    """A value as HTML; nothing in it becomes a tag or an attribute."""
    return html.escape(str(value), quote=True)


def state(words: str, look: str) -> Cell:
    return Cell(f'<span class="state {look}">{text(words)}</span>', "tag")


def number(words: object) -> Cell:
    return Cell(text(words), "number")


def seconds(value: float | None) -> str:
    """`0.34 s`, `12 s`, or a dash."""
    if value is None:
        return "-"
    return f"{value:.2f} s" if value < 1 else f"{value:.1f} s" if value < 10 else f"{value:.0f} s"


def size(value: float | None) -> str:
    """Bytes as `512 MB` or `23.9 GB`, or a dash."""
    if value is None:
        return "-"
    return f"{value / 1e9:.1f} GB" if value >= 1e9 else f"{value / 1e6:.0f} MB"


def at(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(moment))


def table(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """The first cell of a row is its name. There is at least one row, and all have the same kinds of cells."""
    head = "".join(
        f'<th scope="col"{looks(cell.kind)}>{text(column)}</th>' for column, cell in zip(columns, rows[0], strict=True)
    )
    lines = []
    for name, *cells in rows:
        others = (
            f'<td data-label="{text(column)}"{looks(cell.kind)}>{cell.html}</td>'
            for column, cell in zip(columns[1:], cells, strict=True)
        )
        lines.append(f'<tr><th scope="row">{name.html}</th>{"".join(others)}</tr>')
    kinds = [cell.kind for cell in rows[0]]
    tables = looks("tagged" if "tag" in kinds else "", "four" if kinds.count("number") == 4 else "")
    return f"<table{tables}><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def looks(*kinds: str) -> str:
    """The attribute for kinds of cells, nothing without any."""
    names = " ".join(kind for kind in kinds if kind)
    return f' class="{names}"' if names else ""


def section(title: str, small: str, inside: str) -> str:
    more = f" <small>{text(small)}</small>" if small else ""
    return f"<section><h2>{text(title)}{more}</h2>{inside}</section>"


def nothing(words: str) -> str:
    return f"<p>{text(words)}</p>"


def summary(seen: Picture) -> str:
    """What a person looks for first."""
    down = [one.name for one in seen.services if not one.good]
    out = [one.name for one in seen.providers if one.out]
    asked, failed = sum(one.requests for one in seen.models), sum(one.failed for one in seen.models)
    found = [
        (f"down: {', '.join(down)}", BAD) if down else (f"all {len(seen.services)} services are up", GOOD),
        (f"out of rotation: {', '.join(out)}", BAD) if out else ("all providers are in rotation", GOOD),
    ]
    if asked:
        look = BAD if failed >= MANY * asked else REST
        found.append((f"{failed} of {asked} requests failed", look if failed else GOOD))
    found += [(f"could not be read: {part}", BAD) for part in seen.unread]
    items = "".join(f'<li class="{look}">{text(words)}</li>' for words, look in found)
    return f'<ul class="sum">{items}</ul>'


def services(rows: Sequence[Service]) -> str:
    if not rows:
        return nothing("Nothing is installed on this host.")
    found = [
        (
            Cell(text(one.name)),
            state(one.state, BAD if not one.good else REST if one.state in ("asleep", "idle slot") else GOOD),
            Cell(f"<code>{text(one.release)}</code>"),
            number(size(one.memory)),
            number(one.restarts),
        )
        for one in rows
    ]
    return table(("service", "state", "release", "memory", "restarts"), found)


def providers(rows: Sequence[Provider]) -> str:
    if not rows:
        return nothing("The gateway has no provider.")
    found = [
        (Cell(text(one.name)), state(*breaker(one)), why(one), number(one.calls), number(one.failed)) for one in rows
    ]
    return table(("provider", "breaker", "why", "calls", "failed"), found)


def breaker(one: Provider) -> tuple[str, str]:
    return ("out of rotation", BAD) if one.out else ("in rotation", GOOD)


def why(one: Provider) -> Cell:
    """What of it is not asked, for how long, and after which answer."""
    lines = (f"<p>{text(out.name)}: for {out.seconds} s more, after {text(out.why)}</p>" for out in one.out)
    return Cell("".join(lines), "wide")


def models(rows: Sequence[Model], recorded: bool) -> str:
    if not recorded:
        return nothing("Requests are not recorded on this host, so there are no numbers of models.")
    if not rows:
        return nothing("There were no requests yet.")
    found = [
        (
            Cell(text(one.name)),
            number(seconds(one.middle)),
            number(seconds(one.late)),
            number(seconds(one.first)),
            number(one.requests),
            number(one.failed),
        )
        for one in rows
    ]
    note = (
        "p50, p95: half and 95 % of the answers took at most this long. First token: half of the streams began by then."
    )
    shown = table(("model", "p50", "p95", "first token", "requests", "failed"), found)
    return f'{shown}<p class="note">{note}</p>'


def cards(rows: Sequence[Card], driver: bool | None) -> str:
    if driver is False:
        return nothing("There is an NVIDIA card, and its driver does not answer: look with nvidia-smi.")
    if not rows:
        return nothing("This host has no NVIDIA card.")
    found = [
        (
            Cell(f"{text(one.number)}: {text(one.name)}"),
            number(f"{size(one.values.get('memory_used_bytes'))} of {size(one.values.get('memory_total_bytes'))}"),
            number(measured(one, "utilization_ratio", "{:.0%}")),
            number(measured(one, "temperature_celsius", "{:.0f} °C")),
            number(measured(one, "power_watts", "{:.0f} W")),
        )
        for one in rows
    ]
    return table(("card", "memory", "busy", "temperature", "power"), found)


def measured(card: Card, series: str, form: str) -> str:
    return form.format(card.values[series]) if series in card.values else "-"


def changes(rows: Sequence[Generation]) -> str:
    if not rows:
        return nothing("Nothing was deployed yet.")
    found = [
        (
            Cell(f"generation {text(one.get('number', '?'))}"),
            state(*outcome(one)),
            Cell(text(str(one.get("created", "")).replace("T", " ").replace("Z", " UTC")), "wide"),
            Cell("".join(f"<p>{text(line)}</p>" for line in what(one)), "wide"),
        )
        for one in rows
    ]
    return table(("change", "outcome", "begun", "what"), found)


def outcome(one: Generation) -> tuple[str, str]:
    if one.get("refused"):
        return ("refused", BAD)
    return ("complete", GOOD) if one.get("complete") else ("not complete", BAD)


def what(one: Generation) -> list[str]:
    """Lines that tell what a change did."""
    lines = [f"back to generation {one['restores']}"] if one.get("restores") else []
    lines += [f"{instance} gave up release {release}" for instance, release in sorted(one.get("refused", {}).items())]
    told = list(one.get("summary", []))
    lines += told[:LINES] + ([f"and {len(told) - LINES} more"] if len(told) > LINES else [])
    if touched := one.get("touched"):
        lines.append(f"started again: {', '.join(touched)}")
    return lines or ["nothing was started again"]


def page(seen: Picture) -> str:
    """The whole page."""
    since = max(seen.since, seen.made - 60 * MINUTES)
    whole = seen.made - seen.since >= 60 * MINUTES
    window = f"last {MINUTES} minutes" if whole else f"since {at(since)}, at most {MINUTES} minutes"
    name = seen.host or "this host"
    return document(
        f"{name}: status",
        f'<header><h1>{text(name)}</h1><p class="made">made {text(at(seen.made))}, again each {SECONDS} s</p></header>'
        + summary(seen)
        + section("Services", "", services(seen.services))
        + section("Providers", f"calls: {window}", providers(seen.providers))
        + section("Models", window, models(seen.models, seen.recorded))
        + section("Cards", "", cards(seen.cards, seen.card_driver))
        + section("Last changes", "", changes(seen.changes)),
    )


def failure(host: str, made: float, error: Exception) -> str:
    """The page in place of one that could not be made."""
    words = f"The page could not be made at {at(made)}: {type(error).__name__}. See journalctl -u ai-backend-exporter."
    return document(f"{host}: status", f"<h1>{text(host)}</h1>{section('Not known', '', nothing(words))}")


def document(title: str, inside: str) -> str:
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="refresh" content="{SECONDS}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{text(title)}</title><style>{STYLE}</style></head>"
        f"<body><main>{inside}</main></body></html>\n"
    )
