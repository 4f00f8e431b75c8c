# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Registry files from an existing configuration, and a report of what was kept, changed and refused.

The result passes all checks: what they refuse is removed again and reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from ..data.yaml_writer import to_yaml
from ..findings.findings import Finding, RegistryError
from ..preview.explain import explain
from ..preview.explain_lines import as_lines
from ..registry.registry import Registry, examine
from ..registry.yaml_files import PREFIX, Document, read_document
from ..schema.routing import Routing
from ..validation.validation import Inventory, validate
from .from_files import ABOUT_THE_FILE, import_mappings, import_providers, rename_references
from .from_litellm import import_litellm
from .from_ollama import import_ollama
from .from_ports import are_ports, import_ports
from .included import merged, with_included
from .report import details, document, screen, summary
from .result import Imported, Raw
from .settle import check_led, settle

HEADER = "# Imported by lab.ai_backend; you can edit it.\n---\n"
# Files that an import always writes, so that those of the example registry are replaced.
_ALWAYS = ("cache", "gateway", "ports", "providers", "routing", "secrets")
_EXPLAINED = 5
# What `explain` reports in addition to whom it asks.
_MORE = ("  breaker:", "  down:", "  prompt over ")
_HERE = "localhost"


def import_texts(texts: Mapping[str, str], base_url: str = "") -> dict[str, Any]:
    """Import files by name.

    {files: {name: text}, report: see report.document, screen and details: [line], summary: line, models: [name],
    checked: [line of what validate and explain report]}. The kind of a file follows from its content: `model_list` is
    LiteLLM's, `providers` and rules are registry-like files, `models` with digests are the list of a running Ollama;
    `base_url` is its address.

    Raises RegistryError if a file cannot be read.
    """
    made = Imported()
    documents = _read(made, texts)
    kinds = {name: _kind(dict(doc.value)) for name, doc in documents.items() if isinstance(doc.value, dict)}
    # Providers first: rules and ports refer to them.
    for name in sorted(kinds, key=lambda name: (list(_IMPORTERS).index(kinds[name]), name)):
        made.places = documents[name].places
        _IMPORTERS[kinds[name]](made, documents[name].value, base_url)
    rename_references(made)
    made.places = {}
    registry: Raw = {}
    served: dict[str, object] = {}
    checked: list[str] = []
    if settle(made):
        registry = {name: part for name, part in made.registry.items() if part}
        loaded = examine(registry).registry
        check_led(made, loaded.routes)
        served, checked = dict(loaded.routes.groups), _checked(registry, loaded, made.asked)
        registry = {**{name: {} for name in _ALWAYS}, **registry}
    if not registry:
        made.note("refused", "", "no provider could be imported", "give the files with providers or models")
    report = document(made, served)
    return {
        "files": {
            f"{name}.yml": HEADER + to_yaml({f"{PREFIX}{name}": part}) for name, part in sorted(registry.items())
        },
        "report": report,
        "screen": screen(report, registry),
        "details": details(report),
        "summary": summary(report),
        "models": sorted(examine(registry).registry.routes.names) if registry else [],
        "checked": checked,
    }


def import_path(path: str, base_url: str = "") -> dict[str, Any]:
    """The same for a file, with those that it includes, or for the YAML and JSON files of a folder."""
    place = Path(path).expanduser()
    suffixes = (".yaml", ".yml", ".json")
    files = sorted(f for f in place.glob("*.*") if f.suffix in suffixes) if place.is_dir() else [place]
    if not files:
        raise RegistryError([Finding(path, "has no YAML file", "name a configuration file or folder")])
    texts = {file.name: _text(file) for file in files}
    if not place.is_dir():
        texts |= {name: _text(file) for name, file in with_included(place, texts[place.name], _text).items()}
    return import_texts(texts, base_url)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        problem = "is not there" if isinstance(error, FileNotFoundError) else "cannot be read"
        raise RegistryError([Finding(str(file), problem, "name a configuration file or folder")]) from None


def _read(made: Imported, texts: Mapping[str, str]) -> dict[str, Document]:
    """The files that are imported. What a deployment wrote itself is no source, if there is another one."""
    found: dict[str, Document] = {}
    for name in sorted(texts):
        if "AUTO-GENERATED" in texts[name][:200] and len(texts) > 1:
            made.note("changed", name, "is skipped: a program generated it, from what is imported here")
            continue
        doc = read_document(name, texts[name])
        if not doc.readable:
            raise RegistryError(doc.findings)
        if not isinstance(doc.value, dict):
            raise RegistryError([Finding(name, "is not a mapping", "give a configuration file", check="yaml")])
        made.places = doc.places
        for finding in doc.findings:
            made.note("refused", finding.path, finding.problem, finding.remedy)
        found[name] = doc
    return merged(made, found)


def _kind(data: Raw) -> str:
    """What a file is, by its content; empty if it is nothing that is known."""
    if "model_list" in data or {"litellm_settings", "router_settings"} & set(data):
        return "litellm"
    if isinstance(data.get("models"), list) and "providers" not in data:
        return "ollama"
    entries = [value for key, value in data.items() if key not in ABOUT_THE_FILE]
    if isinstance(data.get("providers"), dict) or (
        entries and all(isinstance(v, dict) and "type" in v for v in entries)
    ):
        return "providers"
    if set(data) & {"routing", "routes", "capabilities", "routing_rules", *Routing.model_fields}:
        return "rules"
    return "ports" if are_ports(data) else ""


def _unknown(made: Imported, data: Any, _base_url: str) -> None:
    problem = "is neither providers, rules, ports, a LiteLLM config nor a list of Ollama's models"
    made.note("refused", "", f"the file with {', '.join(sorted(map(str, data))[:3]) or 'nothing in it'} {problem}")


_IMPORTERS: Mapping[str, Callable[[Imported, Any, str], None]] = {
    "litellm": lambda made, data, _base_url: import_litellm(made, data),
    "ollama": lambda made, data, base_url: import_ollama(made, data["models"], base_url),
    "providers": lambda made, data, _base_url: import_providers(made, data),
    "rules": lambda made, data, _base_url: import_mappings(made, data),
    "ports": lambda made, data, _base_url: import_ports(made, data),
    "": _unknown,
}


def _checked(registry: Raw, loaded: Registry, asked: Iterable[str]) -> list[str]:
    """What `validate` and `explain` report of the result and of the first names, on one host that has everything."""
    groups = {group: [_HERE] for group in ("gateway", "redis")}
    groups |= {provider.hosts: [_HERE] for provider in loaded.providers.values() if provider.hosts}
    # The values of secrets are not known here: they come from the environment of the deploy.
    outcome = validate(registry, Inventory(groups, {_HERE: "127.0.0.1"}))
    lines = [f"validate: {finding.severity}: {finding}" for finding in outcome.findings]
    lines = lines or ["validate: sound"]
    if outcome.fleet is None:
        return lines
    for name in [name for name in asked if name in loaded.routes.names][:_EXPLAINED]:
        told = as_lines(explain(outcome.fleet, name))
        lines += [f"explain {told[0]}", *(line for line in told[1:] if not line.startswith(_MORE))]
    return lines
