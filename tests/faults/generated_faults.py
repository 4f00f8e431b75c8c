"""Faults made from sound registries: each kind of edit, at places drawn from a seed."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from typing import Any

from corpus import Data, Fault, Place, at, dump, generated, path_of, put, rename, take, written

SEED = 20261121
EACH = 6


def places(data: Data, above: Place = ()) -> Iterator[Place]:
    """Every place below the root, keys and items."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield (*above, key)
        yield from places(value, (*above, key))


def _below(data: Data, *names: str) -> list[Place]:
    """Places whose second part is one of these variables' keys."""
    return [place for place in places(data) if place[0] in names]


Edit = Callable[[Data, Place, random.Random], tuple[str, ...]]


def _misspelt(word: str, dice: random.Random) -> str:
    """The word with two letters swapped, so that it is another one."""
    spots = [i for i in range(len(word) - 1) if word[i] != word[i + 1]]
    spot = dice.choice(spots)
    return word[:spot] + word[spot + 1] + word[spot] + word[spot + 2 :]


def _key_misspelt(data: Data, place: Place, dice: random.Random) -> tuple[str, ...]:
    wrong = _misspelt(str(place[-1]), dice)
    rename(data, place, wrong)
    return (path_of((*place[:-1], wrong)),)


def _value(new: Any) -> Edit:
    def edit(data: Data, place: Place, _dice: random.Random) -> tuple[str, ...]:
        put(data, place, new)
        return (path_of(place),)

    return edit


def _removed(data: Data, place: Place, _dice: random.Random) -> tuple[str, ...]:
    take(data, place)
    return (path_of(place),)


def _reference(data: Data, place: Place, dice: random.Random) -> tuple[str, ...]:
    put(data, place, f"nobody{dice.randint(100, 999)}")
    # A rule, a member or a chain is named as a whole.
    return tuple(path_of(place[:end]) for end in range(3, len(place) + 1))


def _own_port(data: Data, place: Place, _dice: random.Random) -> tuple[str, ...]:
    put(data, place, 4000)
    return (path_of(place[:3]), "ai_backend_ports.services.litellm_gateway")


def _literal(data: Data, place: Place, _dice: random.Random) -> tuple[str, ...]:
    put(data, place, "sk-proj-0123456789abcdefghij")  # pragma: allowlist secret
    return (path_of(place),)


def _round(data: Data, place: Place, _dice: random.Random) -> tuple[str, ...]:
    """A name falls back to somebody who now falls back to the name."""
    name, first = str(place[2]), at(data, place)[0]
    put(data, place, [first])
    data["ai_backend_routing"].setdefault("fallback_chains", {})[first] = [name]
    data["ai_backend_routing"]["exact_matches"].pop(first, None)
    # A round has no first step.
    return path_of(place), path_of(("ai_backend_routing", "fallback_chains", first))


def _kinds(data: Data) -> Iterator[tuple[str, str, list[Place], Edit]]:
    """(kind, check, where it may happen, edit)."""
    providers = _below(data, "ai_backend_providers")
    entries = [p for p in providers if len(p) == 2]
    keys = [p for p in providers if len(p) == 3 and len(str(p[2])) > 3 and p[2] not in ("type", "env_var")]
    models = [p for p in providers if len(p) == 4 and p[2] == "models"]
    known = [p for p in providers if len(p) == 5 and p[2] == "models" and p[4] not in ("name", "url", "sha256", "path")]
    routing = _below(data, "ai_backend_routing")
    rules = [p for p in routing if len(p) == 4 and p[1] == "exact_matches" and p[3] == "provider"]
    chains = [p for p in routing if len(p) == 5 and p[1] == "exact_matches" and p[3] == "fallback_chain"]
    alone = [p for p in routing if len(p) == 4 and p[1] == "fallback_chains" and isinstance(p[3], int)]
    pools = [p for p in routing if len(p) == 6 and p[1] == "load_balancing" and p[5] == "provider"]
    skills = [p for p in routing if len(p) == 5 and p[1] == "capability_routing" and isinstance(at(data, p), str)]
    globs = [p for p in routing if len(p) == 3 and p[1] == "patterns" and isinstance(at(data, p), str)]
    # Others have their port in a second place too.
    engines = [name for name, provider in data["ai_backend_providers"].items() if "hosts" in provider]
    services = [("ai_backend_ports", "services", name, "port") for name in engines]
    secrets = [p for p in _below(data, "ai_backend_secrets") if len(p) == 2]
    addresses = [p for p in providers if len(p) == 3 and p[2] == "base_url"]
    whole = [p for p in chains if p[4] == 0]
    yield "a key of a provider misspelt", "schema", keys, _key_misspelt
    yield "a key of a model misspelt", "schema", known, _key_misspelt
    yield "a provider without type", "schema", [(*p, "type") for p in entries], _removed
    yield "a provider of an unknown type", "schema", [(*p, "type") for p in entries], _value("gpt")
    yield "a provider that is a text", "schema", entries, _value("ollama")
    yield "a model that is a list", "schema", models, _value([["x"]])
    yield "an address that is none", "schema", addresses, _value("ftp://10.0.0.1")
    yield (
        "a section of rules that is a text",
        "schema",
        [p for p in routing if len(p) == 2 and p[1] != "default_provider"],
        _value("x"),
    )
    yield "a rule to nobody", "references", rules, _reference
    yield "a chain item that is nobody", "references", chains, _reference
    yield "an item of a chain alone that is nobody", "references", alone, _reference
    yield "a pool of nobody", "references", pools, _reference
    yield "a capability of nobody", "references", skills, _reference
    yield "a pattern to nobody", "references", globs, _reference
    yield "a chain that is circular", "routes", [p[:4] for p in whole], _round
    yield "a model with a blank", "names", models, _value("two words")
    yield "the gateway's port taken", "ports", services, _own_port
    yield "a port too large", "ports", services, _value(65536)
    yield "a key that is empty", "secrets", secrets, _value("")
    yield "a literal key for a description", "secrets", [(*p, "description") for p in entries], _literal


def by_seed() -> Iterator[Fault]:
    """Some faults of each kind, on hand-written and generated registries of several sizes."""
    dice = random.Random(SEED)
    bases = {
        "lab": written()["lab"],
        **{f"generated-{n}": generated(n, size) for n, size in ((3, 12), (9, 40), (17, 90))},
    }
    for base, data in bases.items():
        for kind, check, found, edit in _kinds(data):
            for place in dice.sample(found, min(EACH, len(found))):
                edited = copy.deepcopy(data)
                paths = edit(edited, place, dice)
                parent = edit is _removed
                yield Fault(f"{kind}: {path_of(place)} of {base}", dump(edited), check, paths, parent=parent)
