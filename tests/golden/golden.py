"""What the library says and makes, word for word: kept as files, so that a change of it is read in a diff.

`make golden` writes them anew; test_golden.py compares.
"""

from __future__ import annotations

import copy
import functools
import json
import pathlib
import sys
from collections.abc import Callable
from typing import Any

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / ".cache" / "collections"), str(HERE.parent / "faults")]

from corpus import ADDRESSES, GROUPS, INVENTORY, by_hand, findings_of, written  # noqa: E402

from ansible_collections.lab.ai_backend.plugins.plugin_utils import entries  # noqa: E402
from ansible_collections.lab.ai_backend.plugins.plugin_utils.findings.findings import RegistryError  # noqa: E402

Raw = dict[str, Any]
ASKED = {
    "lab": ["llama3.1:8b", "coder", "code_generation", "summaries", "shared", "claude-next", "gpt-4-more", "stranger"],
    "team": ["best", "analysis", "any", "kimi-new", "phi4:14b", "stranger"],
    "tiny": ["lab-tiny", "stranger"],
    "words": [
        "llama3.2:3b",
        "phi4",
        "direct_one",
        "busy_one",
        "idle_one",
        "cheap_one",
        "good_one",
        "long_one",
        "large_one",
        "qwen-coder",
    ],
}
DOWN = {"lab": ["ollama", "vllm"], "team": ["big"], "tiny": ["tiny"], "words": ["vllm"]}


def raw_of(name: str) -> Raw:
    """A registry of the corpus as a filter gets it."""
    return {key.removeprefix("ai_backend_"): part for key, part in copy.deepcopy(written()[name]).items()}


def _json(data: object) -> str:
    return json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def plan(name: str) -> str:
    """The whole plan, LiteLLM's config last and as it is read."""
    made = entries.plan(raw_of(name), GROUPS, ADDRESSES)
    configs = []
    for host, piece in sorted(made["hosts"].items()):
        configs += [f"# {host}\n{row['config'].pop('config')}" for row in piece["services"] if row["slots"]]
    return _json(made) + "".join(configs)


def registry(name: str) -> str:
    """The registry with every default written out."""
    return _json(entries.registry(raw_of(name)))


def explained(name: str) -> str:
    """Where names go: as people read it, then as data."""
    lines: list[str] = []
    for model in ASKED[name]:
        told = entries.explain(raw_of(name), model, GROUPS, ADDRESSES, ())
        lines += [*told.pop("text"), _json(told)]
        lines += entries.explain(raw_of(name), model, GROUPS, ADDRESSES, DOWN[name])["text"]
    return "\n".join(lines)


def changed() -> str:
    """What another registry changes for clients."""
    old, new = raw_of("lab"), raw_of("lab")
    rules = new["routing"]
    rules["exact_matches"]["llama3.1:8b"]["fallback_chain"].reverse()
    rules["exact_matches"]["coder"] = {"provider": "ollama", "backend_model": "qwen2.5-coder:7b"}
    rules["load_balancing"]["shared"]["providers"][0]["weight"] = 0.5
    rules["load_balancing"]["more"] = {"strategy": "least_loaded", "providers": ["native", "ollama"]}
    rules["load_balancing"]["more"]["providers"] = [{"provider": "ollama", "model": "llama3.1:8b"}, "native"]
    del rules["capability_routing"]["summaries"]
    return _json(entries.routing_diff(old, new, GROUPS, ADDRESSES))


def said() -> str:
    """What is said of each fault made by hand."""
    blocks = []
    for fault in by_hand():
        found = findings_of(fault.text, fault.inventory)
        rows = [f"  {finding.severity} {finding.check} {finding}" for finding in found]
        blocks.append("\n".join([fault.name, *rows]))
    return "\n".join(blocks) + "\n"


def refused() -> str:
    """What the entries say to wrong arguments."""
    wrong: dict[str, Any] = {
        "explain without a model": lambda: entries.explain(raw_of("lab"), " ", GROUPS, ADDRESSES, ()),
        "explain with a provider down that is none": lambda: entries.explain(
            raw_of("lab"), "coder", GROUPS, ADDRESSES, "vlm, nobody"
        ),
        "explain without a gateway": lambda: entries.explain(raw_of("lab"), "coder", {"gpu": ["one"]}, ADDRESSES, ()),
        "a config for no gateway": lambda: entries.litellm_config(raw_of("lab"), GROUPS, ADDRESSES, "two"),
        "groups that are none": lambda: entries.plan(raw_of("lab"), ["gateway"], ADDRESSES),
        "addresses that are none": lambda: entries.plan(raw_of("lab"), GROUPS, ["10.0.0.1"]),
        "no registry": lambda: entries.plan({}, GROUPS, ADDRESSES),
        "nothing to import": lambda: entries.import_config("", ""),
        "rows that are none": lambda: entries.status_table({"a": 1}, None),
        "columns that are none": lambda: entries.status_table([{"a": 1}], 7),
        "an import of nothing that is known": lambda: entries.import_config({"a.yaml": "b: {}"}, ""),
        "an import of what is not there": lambda: entries.import_config("/nonexistent/a.yaml", ""),
        "live findings that are no list": lambda: entries.live_report({}, None, None),
        "a live finding that is none": lambda: entries.live_report([7], None, None),
        "a live finding of an unknown check": lambda: entries.live_report(
            [{"check": "x", "severity": "critical", "path": "p", "message": "m", "hint": "h", "host": "one"}],
            None,
            None,
        ),
        "a capability of a provider without models": lambda: entries.plan(
            {
                **raw_of("tiny"),
                "providers": {
                    **raw_of("tiny")["providers"],
                    "bare": {"type": "vllm", "base_url": "http://10.0.0.9:1", "models": []},
                },
                "routing": {"capabilities": {"skill": {"provider": "bare"}}},
            },
            GROUPS,
            ADDRESSES,
        ),
        "memory that is no mapping": lambda: entries.validate(raw_of("lab"), GROUPS, ADDRESSES, [24], None, None),
    }
    lines = []
    for what, ask in wrong.items():
        try:
            ask()
        except RegistryError as error:
            lines += [what, *(f"  {finding.check} {finding}" for finding in error.findings)]
    return "\n".join(lines) + "\n"


def reported() -> str:
    """The document and the lines of a registry with several mistakes, and without warnings."""
    raw = raw_of("lab")
    raw["cache"] |= {"ttl": 0, "host": "x"}
    raw["providers"]["ollama"]["status"] = "inactive"
    raw["routing"]["exact_matches"]["coder"]["provider"] = "vlm"
    memory = INVENTORY.gpu_memory
    everything = entries.validate(raw, GROUPS, ADDRESSES, memory, None, lambda value: None)
    critical = entries.validate(raw, GROUPS, ADDRESSES, memory, "critical", lambda value: None)
    small = entries.validate(raw_of("lab"), GROUPS, ADDRESSES, {"one": 4}, None, lambda value: None)
    return "\n".join(
        [
            *everything["lines"],
            _json(everything["report"]),
            *critical["lines"],
            *small["lines"],
            str(small["plan"] is None),
        ]
    )


def imported() -> str:
    """Files and report of every kind of import."""
    folder = HERE / "import"
    made = {
        "today": entries.import_config(str(folder / "today"), ""),
        "litellm": entries.import_config(str(folder / "config.yaml"), ""),
        "ollama": entries.import_config({"api/tags": (folder / "tags.json").read_text()}, "http://127.0.0.1:11434"),
    }
    blocks = []
    for kind, result in made.items():
        said = [*result["screen"], "", *result["details"], "", *result["checked"], ""]
        blocks += [f"### {kind}: {', '.join(result['models'])}", *said, _json(result["report"]["names"])]
        blocks += [f"## {name}\n{text}" for name, text in result["files"].items()]
    return "\n".join(blocks)


def all_of_it() -> dict[str, Callable[[], str]]:
    """File name -> what makes its text."""
    makers: dict[str, Callable[[], str]] = {
        "routing_diff.json": changed,
        "said.txt": said,
        "refused.txt": refused,
        "report.txt": reported,
        "imported.txt": imported,
    }
    for name in ("lab", "team", "tiny", "words"):
        makers[f"{name}.plan.txt"] = functools.partial(plan, name)
        makers[f"{name}.registry.json"] = functools.partial(registry, name)
        makers[f"{name}.explain.txt"] = functools.partial(explained, name)
    return makers


if __name__ == "__main__":
    for file, make in all_of_it().items():
        (HERE / "expected" / file).write_text(make())
        print(f"tests/golden/expected/{file}")
