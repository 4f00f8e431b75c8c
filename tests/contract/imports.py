"""An import keeps each name, or its report names it: both configs are read by the locked LiteLLM, and compared."""

from __future__ import annotations

import itertools
import json
import pathlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any

import yaml

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / ".cache" / "collections"))

from ansible_collections.lab.ai_backend.plugins.plugin_utils.importing.importing import import_path, import_texts  # noqa: E402
from ansible_collections.lab.ai_backend.plugins.plugin_utils.litellm import config as litellm_config  # noqa: E402
from ansible_collections.lab.ai_backend.plugins.plugin_utils.plan.fleet import fleet_of  # noqa: E402
from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry.registry import load  # noqa: E402
from ansible_collections.lab.ai_backend.plugins.plugin_utils.schema.secrets import PLACEHOLDERS, references  # noqa: E402

Plain = dict[str, Any]
CORPUS = sorted((HERE / "imports").glob("*.yaml"))
GROUPS = {"gateway": ["one"], "redis": ["one"]}
# A word for what differs -> what a line of the report about it has in its path or text.
NAMED_BY: Mapping[str, Sequence[str]] = {
    "who": ("same as others", "weight", "order", "pattern"),
    "client": ("litellm_params.model", "custom_llm_provider"),
    "model": ("litellm_params.model",),
    "api_base": ("api_base", "address", "litellm_params.model"),
    "api_key": ("api_key",),
    "order": ("order",),
    "share": ("rpm", "tpm", "weight", "order", "routing_strategy", "same as others"),
    "chain": ("fallbacks", "pattern", "order", "same as others", "weight", "api_base", "asked at"),
    "mode": ("mode", "model_info"),
    "max_input_tokens": ("model_info",),
    "num_ctx": ("num_ctx",),
    "strategy": ("routing_strategy", "order", "pattern", "same as others"),
    "long": ("context_window_fallbacks",),
    "refused": ("content_policy_fallbacks",),
    "cache": ("cache",),
}
# Servers that usually have no key; docs/import.md states that they get none of the environment.
OWN_SERVERS = {"hosted_vllm", "lm_studio", "ollama", "ollama_chat"}
# Deployments of which each order is tried.
FEW = 5
_SHUFFLE = "simple-shuffle"
# Places of a deployment or an alias as a whole.
_WHOLE = re.compile(r"model_list\[\d+\]|router_settings\.model_group_alias\..*")
# What a line without a name may be about.
OF_ALL = {"cache", "chain", "long", "refused", "share", "strategy"}
# What the gateway sets for every deployment; if the config said nothing, its own values are no loss.
OURS = {"timeout", "stream_timeout", "use_chat_completions_api"}
# Keys of model_info that the registry has. LiteLLM adds what it knows of a model to it.
INFO = {"mode": "abilities", "max_input_tokens": "max_input_tokens"}


class LiteLLM:
    """The process that reads configs."""

    def __init__(self, python: str) -> None:
        # Lives as long as the process.
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self.process = subprocess.Popen(
            [python, str(HERE / "ask_routes.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )

    def __enter__(self) -> LiteLLM:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()

    def read(self, source: pathlib.Path | Plain, names: Collection[str], environment: Collection[str]) -> Plain:
        """What LiteLLM makes of a config, in a file or as plain data."""
        path, config = (str(source), {}) if isinstance(source, pathlib.Path) else ("", source)
        job = {"path": path, "config": config, "names": sorted(names), "environment": sorted(environment)}
        if self.process.stdin is None or self.process.stdout is None:
            raise RuntimeError("no pipes")
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            self.errors.seek(0)
            raise RuntimeError(f"LiteLLM ended\n{self.errors.read()[-3000:]}")
        found: Plain = json.loads(answer)
        return found


def made_of(source: pathlib.Path | Plain) -> Plain:
    """The import of a config."""
    if isinstance(source, pathlib.Path):
        return import_path(str(source))
    return import_texts({"config.yaml": yaml.safe_dump(source)})


def rendered(made: Plain) -> Plain:
    """LiteLLM's config of the imported registry, as a gateway gets it."""
    raw: Plain = {}
    for text in made["files"].values():
        raw |= {key.removeprefix("ai_backend_"): part for key, part in yaml.safe_load(text).items()}
    reach = fleet_of(load(raw), GROUPS, None).reach
    return litellm_config.build(load(raw), reach.endpoints["one"], reach.cache.get("one"))


def names_in(config: Plain) -> list[str]:
    """The names that a client could ask for; for each wildcard two that it takes."""
    aliases = (config.get("router_settings") or {}).get("model_group_alias") or {}
    declared = [row.get("model_name", "") for row in config.get("model_list") or []]
    # An alias of no name is one of those that nobody knows.
    names = [alias for alias, target in aliases.items() if _is_known(target, declared)]
    names += [*(row.get("model_name", "") for row in config.get("model_list") or [])]
    filled = [name.replace("*", word) for name in names if "*" in name for word in ("gpt-4o", "next-9b")]
    return sorted({*filled, *(name for name in names if name and "*" not in name)})


def _strategy(config: Plain, name: str) -> str:
    """How LiteLLM chooses among the deployments of a name."""
    router = config.get("router_settings") or {}
    own = [group["routing_strategy"] for group in router.get("routing_groups") or [] if name in group["models"]]
    return str((own or [router.get("routing_strategy") or _SHUFFLE])[0])


def _is_known(target: Any, declared: Sequence[str]) -> bool:
    name = target["model"] if isinstance(target, dict) else target
    return any(name == known or ("*" in known and name.startswith(known.partition("*")[0])) for known in declared)


def unexplained(litellm: LiteLLM, source: pathlib.Path | Plain, change: Any = None) -> list[str]:
    """What differs between a config and its import without a line of the report that names it.

    `change` is applied to the rendered config: the proof that a difference is seen.
    """
    made = made_of(source)
    original = yaml.safe_load(source.read_text()) if isinstance(source, pathlib.Path) else source
    names = names_in(original)
    after_config = rendered(made) if made["files"] else {"model_list": []}
    if change is not None:
        change(after_config)
    # LiteLLM takes a key of its environment where a deployment has none.
    prefixes = {str(row.get("litellm_params", {}).get("model", "")).partition("/")[0] for row in original["model_list"]}
    usual = {f"{prefix.upper()}_API_KEY" for prefix in prefixes - OWN_SERVERS if prefix.isidentifier()}
    environment = references(after_config) | references(original) | usual
    before = litellm.read(source, names, environment)
    if "error" in before:
        # LiteLLM did not start with it.
        return []
    after = litellm.read(after_config, names, environment)
    if "error" in after:
        return [f"LiteLLM does not start with the import: {after['error']}"]
    found = []
    for name in names:
        was, now = before["routes"][name], after["routes"][name]
        # What LiteLLM itself could not route is no loss.
        differences = list(differs(was, now)) if was["deployments"] else []
        if before["cache"] != after["cache"]:
            differences.append("cache")
        orders = [row.get("order") for row in was["deployments"]]
        # Where each level has one deployment, nothing is chosen.
        if len(set(orders)) < len(orders) and _strategy(original, name) != _strategy(after_config, name):
            differences.append("strategy")
        if _strategy(original, name) != _SHUFFLE:
            differences = [word for word in differences if word != "share"]
        for word in differences:
            if not named(made["report"], original, name, word):
                found.append(f"{name}: {word}: was {_shown(was, word)}, is {_shown(now, word)}")
    return found


def _after(config: Plain, name: str) -> set[str]:
    """The names that are asked after a name."""
    settings = [config.get(section) or {} for section in ("router_settings", "litellm_settings")]
    found: set[str] = set()
    waiting = [name, "*"]
    while waiting:
        asked = waiting.pop()
        items = [
            item
            for part in settings
            for chains in part.get("fallbacks") or []
            for key, chain in chains.items()
            if key == asked
            for item in chain
        ]
        items += [item for part in settings for item in part.get("default_fallbacks") or []]
        waiting += [item for item in items if item not in found]
        found |= set(items)
    return found


def _shown(route: Plain, word: str) -> object:
    return route.get(word) or [row.get(word) for row in route["deployments"]] or "nobody"


def differs(was: Plain, now: Plain) -> Iterator[str]:
    """Words for what differs between two routes of a name."""
    if not now["deployments"]:
        yield "lost"
        return
    for word in ("long", "refused"):
        if was[word] != now[word]:
            yield word
    if list(_once(was["chain"])) != list(_once(now["chain"])):
        yield "chain"
    pairs = _pairs(was["deployments"], now["deployments"])
    if pairs is None:
        yield "who"
        return
    one_level = len({row.get("order") for row in was["deployments"]}) == 1
    if one_level and _shares(was["deployments"]) != _shares([new for _old, new in pairs]):
        yield "share"
    for old, new in pairs:
        yield from _parameters(old, new)


def _pairs(was: list[Plain], now: list[Plain]) -> list[tuple[Plain, Plain]] | None:
    """Each deployment beside the one that took its place: all of them together as similar as possible."""
    if len(was) != len(now):
        # What follows in a chain may be further levels of the name.
        now = [row for row in now if row.get("order") == now[0].get("order")]
    if len(was) != len(now):
        return None
    orders = itertools.permutations(now) if len(now) <= FEW else iter([_greedy(was, now)])
    best = min(orders, key=lambda order: sum(_distance(old, new) for old, new in zip(was, order, strict=True)))
    return list(zip(was, best, strict=True))


def _greedy(was: list[Plain], now: list[Plain]) -> tuple[Plain, ...]:
    rest, found = list(now), []
    for old in was:
        new = min(rest, key=lambda row: _distance(old, row))
        rest.remove(new)
        found.append(new)
    return tuple(found)


def _distance(old: Plain, new: Plain) -> int:
    """How many words differ; of those that count for nothing, too, so that equals are found first."""
    return 10 * len(list(_parameters(old, new))) + sum(new.get(word) != value for word, value in old.items())


def _shares(rows: list[Plain]) -> list[float]:
    """How the traffic is shared, as LiteLLM's shuffle does it."""
    for word in ("weight", "rpm", "tpm"):
        weights = [float(row.get(word) or 0) for row in rows]
        if sum(weights) > 0:
            return [round(weight / sum(weights), 3) for weight in weights]
    return [round(1 / len(rows), 3) for _row in rows]


def _parameters(old: Plain, new: Plain) -> Iterator[str]:
    for word in sorted({*old, *new} - {"info", "weight", "order", "use_chat_completions_api"}):
        before, after = old.get(word), new.get(word)
        if before is None and (word in OURS or word.endswith("_cost_per_token")):
            continue
        # A key that stands for none.
        if word == "api_key" and {before, after} <= {None, "fake-api-key", *PLACEHOLDERS}:
            continue
        if before != after and not _near(before, after):
            yield word
    for word, ours in INFO.items():
        value = old["info"].get(word)
        if word == "mode":
            value = None if value in (None, "chat") else value
        if value is not None and new["info"].get(ours) is None and new["info"].get(word) != value:
            yield word


def _near(first: object, second: object) -> bool:
    """Whether both are the same number; a text may be one."""
    try:
        return abs(float(str(first)) - float(str(second))) <= 1e-6 * abs(float(str(first)))
    except ValueError:
        return False


def _once(way: list[Any]) -> Iterator[Any]:
    seen: list[Any] = []
    for step in way:
        fresh = []
        for engine in step:
            if engine not in seen:
                seen.append(engine)
                fresh.append(engine)
        if fresh:
            yield fresh


def named(report: Plain, original: Plain, name: str, word: str) -> bool:
    """Whether a line of the report says that something of a name is another one now."""
    globs = [row["model_name"] for row in original.get("model_list") or [] if "*" in str(row.get("model_name"))]
    about_it = {name, *(_after(original, name) if word == "chain" else ())}
    mine = {*about_it, *(glob for glob in globs if any(one.startswith(glob.partition("*")[0]) for one in about_it))}
    if mine & set(report["names"]["lost"]):
        return True
    for row in report["findings"]:
        if row["fate"] == "refused" and mine & set(row["names"]) and _WHOLE.fullmatch(row["path"]):
            # The whole deployment is.
            return True
        about = bool(mine & set(row["names"])) or (not row["names"] and word in OF_ALL)
        text = f"{row['path']} {row['message']}"
        if word == "lost":
            if row["fate"] == "refused" and mine & set(row["names"]):
                return True
        elif row["fate"] != "kept" and about and any(part in text for part in NAMED_BY.get(word, (word,))):
            return True
    return False
