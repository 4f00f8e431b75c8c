# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The computed memory, compared with what others measured and published (published_memory.yml)."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest
import yaml

from ansible_collections.lab.ai_backend.plugins.plugin_utils.engines.load import Engine
from ansible_collections.lab.ai_backend.plugins.plugin_utils.engines.memory import RUNTIME, needed
from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry.registry import load
from ansible_collections.lab.ai_backend.plugins.plugin_utils.validation.capacity import GIB, Room, check_host

Raw = dict[str, Any]
TABLE: Raw = yaml.safe_load((pathlib.Path(__file__).parent / "published_memory.yml").read_text(encoding="utf-8"))
CASES: list[Raw] = TABLE["cases"]
KINDS = {4.5: "iq4_nl", 8.5: "q8_0", 16: "f16"}
PATH = "/models/m.gguf"


def label(case: Raw) -> str:
    return f"{case['engine']} {case['model']} {case['quantization']} {case['context']} {case['source'][-30:]}"


def parameters(shape: Raw) -> int:
    """Of a dense model without its norms, which are a thousandth."""
    width, heads = shape["width"], shape["head"] * (2 * shape["heads"] + 2 * shape["kv"])
    words = width * shape["words"] * (1 if shape.get("tied") else 2)
    return int(shape["layers"] * width * (heads + 3 * shape["hidden"]) + words)


def facts_of(case: Raw) -> Raw:
    shape = TABLE["shapes"][case["model"]]
    width, words, count = shape["width"], shape["words"], shape["layers"]
    total = case["weights"] * GIB if "weights" in case else parameters(shape) * case["bits"] / 8
    given = case.get("input", 0) * 2**20
    rows = shape.get("kv", 0) * shape.get("head", 0)
    every, period = count // shape.get("attend", count), shape.get("period", 1)
    layers = [
        {
            "bytes": int((total - given) / count),
            "experts": 0,
            "k": 0 if (index + 1) % every else shape.get("k", rows),
            "v": 0 if (index + 1) % every else shape.get("v", rows),
            "window": shape.get("window", 0) if (index + 1) % period else 0,
            "state": 0,
        }
        for index in range(count)
    ]
    return {
        "problem": "",
        "context": 131072,
        "width": width,
        "heads": shape["heads"],
        "vocabulary": words,
        "bytes": int(total),
        "input_bytes": int(given),
        "output_bytes": int(given) if shape.get("tied") else 0,
        "picture_bytes": int(case.get("pictures", [0, 0])[1] * GIB),
        "layers": layers,
    }


def engine_of(case: Raw) -> Engine:
    """As the plan has it, of a registry with one engine."""
    kinds = [KINDS.get(bits) for bits in case.get("cache", [16, 16])]
    entry: Raw = {"name": "m", "context_length": case["context"]}
    provider: Raw = {"type": case["engine"], "models": [entry]}
    if case["engine"] == "llama_cpp":
        options = {"cache_type_k": kinds[0], "cache_type_v": kinds[1], "parallel": case.get("parallel", 1)}
        entry |= {"path": PATH, "options": {**options, "flash_attention": "on" if case.get("flash", True) else "off"}}
        if not case.get("windows", True):
            entry["environment"] = {"LLAMA_ARG_SWA_FULL": True}
    if case["engine"] == "ollama":
        provider["options"] = {
            "num_parallel": case.get("parallel", 1),
            "kv_cache_type": kinds[0],
            "flash_attention": case.get("flash", True),
        }
    if case["engine"] == "vllm":
        provider |= {"managed": False, "base_url": "http://127.0.0.1:8000"}
        entry["name"] = PATH
    else:
        provider["hosts"] = "gpu"
    made = load({"providers": {"a": provider}, "ports": {"services": {"a": 8000}} if "hosts" in provider else {}})
    found = made.providers["a"].in_memory("a")
    for each in found["models"]:
        each["file"] = PATH
        if case["engine"] == "vllm":
            each["cache_bits"] = [float(bits) for bits in case.get("cache", [16, 16])]
    return found


def seen(case: Raw, **more: bool) -> tuple[float, list[str]]:
    """(GiB that were computed, severities of the findings with the memory that the engine had)."""
    engine: Any = {**engine_of(case), **more}
    facts, cards = {PATH: facts_of(case)}, case.get("cards", 1)
    projector = case.get("pictures", [0, 0])[0] * 2**20
    facts[PATH]["bytes"] += int(projector)
    facts[PATH]["output_bytes"] += int(projector)
    need = needed(engine["models"][0], facts, cards)
    assert need is not None and need.exact
    room = Room(case.get("room", 10**6), cards=[case.get("room", 10**6) / cards] * cards)
    runtime = 0 if case.get("runtime", True) else RUNTIME * cards
    return (need.total - runtime) / GIB, [finding.severity for finding in check_host("one", [engine], room, facts)]


def test_each_case_has_its_source() -> None:
    assert len(CASES) >= 40
    for case in CASES:
        assert case["source"].startswith("https://") and case["told"], label(case)
    used = {case["model"] for case in CASES}
    assert used == set(TABLE["shapes"]), "no shape without a case"


@pytest.mark.parametrize("case", CASES, ids=label)
def test_what_was_computed_is_right_to_a_tenth(case: Raw) -> None:
    total, _findings = seen(case)
    error = total / case["measured"] - 1
    text = f"computed {total:.2f}, published {case['measured']} GiB: {error:+.1%}"
    if "miss" in case:
        assert abs(error) > 0.1, f"{text}: this is no miss any more"
    else:
        assert abs(error) <= 0.1, text


@pytest.mark.parametrize("case", [case for case in CASES if case.get("starts") is False], ids=label)
def test_what_did_not_fit_is_not_told_to_fit(case: Raw) -> None:
    assert bool(seen(case)[1]) != ("false_fit" in case)


@pytest.mark.parametrize("case", [case for case in CASES if case.get("starts")], ids=label)
def test_what_ran_is_never_refused(case: Raw) -> None:
    """Not even if all of it had to be on the cards."""
    assert "critical" not in seen(case, managed=True, spills=False)[1]


def test_most_cases_are_right() -> None:
    """More of them that miss, or one more that is told to fit and did not, are no progress."""
    assert len([case for case in CASES if "miss" in case]) <= 7
    assert len([case for case in CASES if "false_fit" in case]) <= 1
