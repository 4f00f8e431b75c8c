# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Registry files from an existing configuration, and a report of what was kept, changed and refused.

The result passes all checks: what they refuse is removed again and reported.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ..data.plain import to_plain
from ..data.yaml_writer import to_yaml
from ..findings.findings import Finding, RegistryError
from ..findings.paths import join, steps_of
from ..litellm.extra_checks import check_rendered
from ..registry.registry import examine
from ..registry.yaml_files import PREFIX
from ..schema.routing import Routing
from .from_files import import_mappings, import_ports, import_providers
from .from_litellm import import_litellm
from .result import Imported, Note, Raw

HEADER = "# Imported by lab.ai_backend; you can edit it.\n---\n"
_FATES = ("kept", "changed", "refused")


def import_texts(texts: Mapping[str, str], base_url: str = "") -> dict[str, Any]:
    """Import files by name, as {files: {name: text}, report: {kept, changed, refused: [line]}, models: [name]}.

    The kind of a file follows from its content: `model_list` is LiteLLM's, `providers` and rules are registry-like
    files, `models` with digests are the list of a running Ollama; `base_url` is its address.

    Raises RegistryError if there is nothing to import.
    """
    made = Imported()
    for name in sorted(texts):
        _import(made, name, _load(name, texts[name]), base_url)
    if not made.registry.get("providers"):
        problem = "has no provider that could be imported"
        lines = "; ".join(str(note) for note in made.notes if note.fate == "refused")
        raise RegistryError(
            [Finding(", ".join(sorted(texts)), problem, lines or "give files with providers or models")]
        )
    _settle(made)
    registry = {name: part for name, part in made.registry.items() if part}
    refused = [note.where for note in made.notes if note.fate == "refused"]
    # What was imported and then refused by the checks was not kept.
    notes = sorted(
        n for n in set(made.notes) if n.fate != "kept" or not any(w.endswith(f".{n.where}") for w in refused)
    )
    return {
        "files": {
            f"{name}.yml": HEADER + to_yaml({f"{PREFIX}{name}": part}) for name, part in sorted(registry.items())
        },
        "report": {fate: [str(note) for note in notes if note.fate == fate] for fate in _FATES},
        "models": sorted(examine(registry).registry.routes.names),
    }


def import_path(path: str, base_url: str = "") -> dict[str, Any]:
    """The same for a file, or for the YAML and JSON files of a folder."""
    place = Path(path).expanduser()
    files = (
        sorted(f for f in place.glob("*.*") if f.suffix in (".yaml", ".yml", ".json")) if place.is_dir() else [place]
    )
    texts: dict[str, str] = {}
    for file in files:
        try:
            texts[file.name] = file.read_text()
        except (OSError, UnicodeDecodeError) as error:
            problem = "is not there" if isinstance(error, FileNotFoundError) else "cannot be read"
            raise RegistryError([Finding(str(file), problem, "name a configuration file or folder")]) from None
    if not texts:
        raise RegistryError([Finding(path, "has no YAML file", "name a configuration file or folder")])
    return import_texts(texts, base_url)


def _load(name: str, text: str) -> Raw:
    try:
        data = to_plain(yaml.safe_load(text))
    except (yaml.YAMLError, ValueError, RecursionError):
        raise RegistryError([Finding(name, "is not YAML or JSON", "correct the file", check="yaml")]) from None
    if not isinstance(data, dict):
        raise RegistryError([Finding(name, "is not a mapping", "give a configuration file", check="yaml")])
    return dict(data)


def _import(made: Imported, name: str, data: Raw, base_url: str) -> None:
    if "model_list" in data:
        import_litellm(made, data)
    elif isinstance(data.get("models"), list) and "providers" not in data:
        _import_ollama(made, data["models"], base_url)
    elif isinstance(data.get("providers"), dict) or all(isinstance(v, dict) and "type" in v for v in data.values()):
        import_providers(made, data)
    elif set(data) & {"ports", "services", "reserved_ports", "port_ranges"}:
        import_ports(made, data)
    elif set(data) & {"routing", "routes", "capabilities", *Routing.model_fields}:
        import_mappings(made, data)
    else:
        made.note("refused", name, "is neither providers, rules, ports, a LiteLLM config nor a list of Ollama's models")


def _import_ollama(made: Imported, models: list[Any], base_url: str) -> None:
    """The result of `GET /api/tags`: names, parameters, quantization."""
    entries = []
    for index, model in enumerate(models):
        if not isinstance(model, dict) or not isinstance(model.get("name"), str):
            made.note("refused", join("models", index), "has no name")
            continue
        details = model.get("details") or {}
        words = {"size": details.get("parameter_size"), "quantization": details.get("quantization_level")}
        entries.append({"name": model["name"], **{word: value for word, value in words.items() if value}})
    entry = {"type": "ollama", "base_url": base_url.rstrip("/"), "managed": False, "models": entries}
    made.part("providers")["ollama"] = entry
    made.note("changed", "ollama", "has `managed: false`, because it runs already")


# -- what the checks refuse --------------------------------------------------------------------------------------------


def _settle(made: Imported) -> None:
    """Remove what is refused until nothing is; each round removes something, so it ends."""
    while made.registry.get("providers"):
        examined = examine(made.registry)
        ignored = [finding for finding in check_rendered(examined.registry) if finding.severity == "critical"]
        findings = list(examined.findings) or ignored
        if not findings:
            _count(made)
            return
        removed = False
        # The last item of a list first, so that the others keep their numbers.
        for finding in sorted(findings, key=lambda finding: _order(finding.path), reverse=True):
            made.note("refused", finding.path, f"{finding.problem}: {finding.remedy}")
            removed = _take_out(made.registry, finding) or removed
        if not removed:
            break
    raise RegistryError([Finding(note.where, note.text, "correct it") for note in made.notes if note.fate == "refused"])


def _order(path: str) -> list[tuple[int, str]]:
    return [(step, "") if isinstance(step, int) else (0, step) for step in steps_of(path)]


def _take_out(registry: Raw, finding: Finding) -> bool:
    """Remove the part at a finding's path, or the nearest existing part that contains it, but not a whole section."""
    first, *rest = steps_of(finding.path)
    steps: list[str | int] = [str(first).removeprefix(PREFIX), *rest]
    holder: Any = registry
    way: list[tuple[Any, str | int]] = []
    for step in steps:
        there = step in holder if isinstance(holder, dict) else isinstance(step, int) and step < len(holder)
        if not there:
            break
        way.append((holder, step))
        holder = holder[step]
        if not isinstance(holder, dict | list):
            break
    least = 2 if len(steps) <= 2 or steps[0] in ("providers", "secrets") else 3
    if len(way) < least:
        return finding.check == "ports" and _take_out_port(registry, finding.problem)
    inner, key = way[-1]
    del inner[key]
    for outer, step in reversed(way[1:-1]):
        # An empty rule has no effect.
        if outer[step] in ({}, []):
            del outer[step]
    return True


def _take_out_port(registry: Raw, problem: str) -> bool:
    """The port is the default of a managed service: the imported one is removed."""
    found = re.search(r"port (\d+)", problem)
    services = registry.get("ports", {}).get("services", {})
    port = int(found[1]) if found else 0
    wrong = [
        name for name, entry in services.items() if (entry.get("port") if isinstance(entry, dict) else entry) == port
    ]
    for name in wrong:
        del services[name]
    return bool(wrong)


def _count(made: Imported) -> None:
    providers = made.registry["providers"]
    models = sum(len(entry.get("models", ())) for entry in providers.values())
    made.notes.append(Note("kept", "providers", f"{len(providers)} with {models} models"))
    for section, rules in sorted(made.registry.get("routing", {}).items()):
        if isinstance(rules, dict | list):
            made.notes.append(Note("kept", f"routing.{section}", f"{len(rules)} rules"))
