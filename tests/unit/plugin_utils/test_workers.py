# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How many workers a slot of the gateway has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.lab.ai_backend.plugins.plugin_utils.litellm.workers import (
    MEMORY_SHARE,
    PROCESS_BYTES,
    gateway_workers,
)
from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry.registry import load
from plans import config_of, make_plan

GIB = 2**30
GROUPS = {"gateway": ["one"], "redis": ["one"], "llama_cpp": ["one"]}


@pytest.mark.parametrize(
    ("cores", "memory", "workers"),
    [
        (1, 64 * GIB, 1),
        (2, 24 * GIB, 2),
        (2, 8 * GIB, 2),
        (2, 4 * GIB, 1),
        (8, 2 * GIB, 1),
        (16, 12 * GIB, 4),
        (64, 512 * GIB, 4),
    ],
)
def test_auto_is_a_worker_a_core_as_far_as_memory_goes(cores: int, memory: int, workers: int) -> None:
    assert gateway_workers("auto", cores, memory) == workers


@given(st.integers(1, 64), st.integers(1, 64), st.integers(0, 2**40))
def test_a_number_stays_what_it_is(wanted: int, cores: int, memory: int) -> None:
    assert gateway_workers(wanted, cores, memory) == gateway_workers(str(wanted), cores, memory) == wanted


@given(st.integers(1, 256), st.integers(0, 2**42))
def test_several_workers_fit_twice_into_the_gateways_share_of_the_memory(cores: int, memory: int) -> None:
    workers = gateway_workers("auto", cores, memory)
    assert 1 <= workers <= cores
    # One worker runs even where it doesn't fit: a gateway without one serves nobody.
    assert workers == 1 or 2 * (workers + 1) * PROCESS_BYTES <= memory * MEMORY_SHARE


@pytest.mark.parametrize("workers", ["auto", 2, 1])
def test_the_plan_takes_the_number_as_the_registry_gives_it(
    lab: Callable[..., dict[str, Any]], workers: object
) -> None:
    row = config_of(make_plan(load(lab(gateway={"workers": workers})), GROUPS, None), "one", "litellm")
    assert row["workers"] == workers
