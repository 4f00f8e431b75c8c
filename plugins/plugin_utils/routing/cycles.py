# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Order and rounds of a graph of names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence


def depth_first(edges: Mapping[str, Sequence[str]]) -> tuple[list[str], list[list[str]]]:
    """Return names so that each comes after what it leads to, and every round as `[a, b, a]`.

    Without recursion: a chain may be longer than Python's stack.
    """
    order: list[str] = []
    loops: list[list[str]] = []
    on_the_way: dict[str, bool] = {}
    for start in sorted(edges):
        if start in on_the_way:
            continue
        on_the_way[start] = True
        trail: list[tuple[str, Iterator[str]]] = [(start, iter(edges[start]))]
        while trail:
            name, rest = trail[-1]
            following = next(rest, None)
            if following is None:
                on_the_way[name] = False
                order.append(name)
                trail.pop()
            elif following not in on_the_way:
                on_the_way[following] = True
                trail.append((following, iter(edges.get(following, ()))))
            elif on_the_way[following]:
                way = [step for step, _rest in trail]
                loops.append([*way[way.index(following) :], following])
    return order, loops
