#!/usr/bin/env python3
# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write registry.md, import.md, alerts.md and metrics.md in docs/ (between their markers), docs/registry.schema.json
and the rooms' lines of code.

With --check it writes nothing; the exit code is 1 if a file is not up to date.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import types
import typing
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
# The checkout as a collection; `make venv` makes it.
sys.path.insert(0, str(ROOT / ".cache" / "collections"))

import alert_page  # noqa: E402
import import_tables  # noqa: E402
import metrics_page  # noqa: E402
from pydantic import BaseModel, Field, TypeAdapter  # noqa: E402
from pydantic_core import PydanticUndefined  # noqa: E402

from ansible_collections.lab.ai_backend.plugins.plugin_utils.engines import (  # noqa: E402
    catalog,
    gguf_model,
    llama_cpp_model,
    llama_cpp_options,
    model,
    ollama_local_model,
    ollama_model,
    ollama_options,
    provider,
    request_options,
    vllm_model,
    vllm_options,
)
from ansible_collections.lab.ai_backend.plugins.plugin_utils.engines.cloud import Cloud  # noqa: E402
from ansible_collections.lab.ai_backend.plugins.plugin_utils.schema import (  # noqa: E402
    alerts,
    cache,
    clients,
    gateway,
    mcp,
    monitoring,
    pools,
    ports,
    routing,
    rules,
    webui,
)
from ansible_collections.lab.ai_backend.plugins.plugin_utils.schema.base import SECRET_NAME, Described, Strict  # noqa: E402
from ansible_collections.lab.ai_backend.plugins.plugin_utils.schema.secrets import GENERATED  # noqa: E402

PAGE = ROOT / "docs" / "registry.md"
SCHEMA = ROOT / "docs" / "registry.schema.json"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
ROOM = re.compile(r"^\| `(\w+)/` \| ([^|]*) \|(?: about \d+ \|)?$")
BEGIN, END = "<!-- generated: begin -->", "<!-- generated: end -->"
Mode = typing.Literal["validation", "serialization"]
# heading, model, the text above its table
LLAMA_CPP = catalog.provider_types()["llama_cpp"]
SECTIONS: list[tuple[str, type[BaseModel], str]] = [
    ("ai_backend_providers", provider.Provider, "A mapping of names to providers. Every provider has these keys."),
    ("Types of providers", LLAMA_CPP, ""),
    ("models", model.ModelEntry, "An entry of `models:` is a name or a mapping with these keys."),
    ("models of llama_cpp", llama_cpp_model.LlamaCppModel, ""),
    ("options of llama_cpp", llama_cpp_options.LlamaCppOptions, ""),
    ("models of ollama", ollama_local_model.LocalOllamaModel, ""),
    ("parameters of a model of ollama", ollama_local_model.ModelfileParameters, ""),
    ("options of an ollama provider", ollama_options.OllamaServerOptions, ""),
    (
        "options of models of ollama and ollama_cloud",
        ollama_model.OllamaOptions,
        "Sent with each request that does not set them.",
    ),
    ("models of vllm", vllm_model.VllmModel, ""),
    ("options of a vllm provider", vllm_options.VllmOptions, ""),
    (
        "defaults of models of llama_cpp, options of models of vllm, openai_compatible and clouds",
        request_options.OpenAiRequestOptions,
        "Sent with each request that does not set them.",
    ),
    (
        "options of models of anthropic and litellm",
        request_options.RequestOptions,
        "Sent with each request that does not set them.",
    ),
    ("rate_limits", model.RateLimits, ""),
    ("cost_per_1k_tokens", model.Cost, ""),
    ("ai_backend_routing", routing.Routing, ""),
    ("exact_matches", rules.Exact, "An entry is the name of a provider, or a mapping with these keys."),
    ("patterns", rules.Pattern, ""),
    ("load_balancing", pools.Pool, ""),
    ("members of a pool or capability", pools.PoolTarget, ""),
    ("capability_routing", pools.Capability, ""),
    ("fallback_chains", rules.Chain, "An entry is a list of names, or a mapping with these keys."),
    ("ai_backend_ports", ports.Ports, ""),
    ("services and reserved", ports.Service, "An entry is a port, or a mapping with these keys."),
    ("ai_backend_gateway", gateway.Gateway, ""),
    ("breaker", gateway.Breaker, ""),
    ("timeouts", gateway.Timeouts, ""),
    ("litellm", gateway.LiteLLM, ""),
    ("ai_backend_cache", cache.Cache, ""),
    ("ai_backend_monitoring", monitoring.Monitoring, "[observability.md](observability.md) explains it."),
    ("requests", monitoring.Requests, "[requests.md](requests.md) shows a record."),
    ("prometheus", monitoring.Prometheus, ""),
    ("receivers", alerts.Receiver, "A mapping of names to receivers, each with these keys."),
    ("alerts", alerts.Alerts, "[alerts.md](alerts.md) lists what each limit is for."),
    ("grafana", monitoring.Grafana, ""),
    ("loki", monitoring.Loki, ""),
    (
        "ai_backend_mcp_servers",
        mcp.McpServer,
        "A mapping of names to servers with tools ([mcp.md](mcp.md)), each with these keys.",
    ),
    ("ai_backend_webui", webui.WebUI, "[open-webui.md](open-webui.md) explains it."),
    (
        "ai_backend_clients",
        clients.Client,
        "A mapping of names to clients ([clients.md](clients.md)). A client may have these keys; without one of them "
        "nothing is limited.",
    ),
]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 on drift")
    check = parser.parse_args().check
    drifted = False
    pages = (
        (PAGE, page()),
        (import_tables.PAGE, import_tables.page()),
        (alert_page.PAGE, alert_page.page()),
        (metrics_page.PAGE, metrics_page.page()),
        (SCHEMA, schema()),
        (ARCHITECTURE, architecture()),
    )
    for path, text in pages:
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        drifted = True
        if check:
            print(f"{path.relative_to(ROOT)} is not up to date: run tests/tools/generate_docs.py")
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}")
    return 1 if check and drifted else 0


def page() -> str:
    """docs/registry.md with new tables; the text outside the markers is written by hand and stays."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n\n{tables()}\n{END}{after}"


def architecture() -> str:
    """docs/architecture.md with the lines of code of each room, to the nearest hundred."""
    library, lines = ROOT / "plugins", []
    for line in ARCHITECTURE.read_text(encoding="utf-8").splitlines():
        if found := re.match(r"\| room of `(.*?)/`", line):
            library = ROOT / found[1]
        if (room := ROOM.match(line)) and (library / room[1]).is_dir():
            files = (library / room[1]).rglob("*.py")
            count = sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files)
            line = f"| `{room[1]}/` | {room[2]} | about {round(count, -2) or 100} |"
        lines.append(line)
    return "\n".join(lines) + "\n"


def tables() -> str:
    parts = []
    for heading, shape, above in SECTIONS:
        level = "##" if heading.startswith("ai_backend_") else "###"
        title = f"`{heading}`" if re.fullmatch(r"[a-z_]+", heading) else heading
        described = above or first_line(shape)
        if shape is LLAMA_CPP:
            parts.append(f"{level} {title}\n\n{types_table()}")
            for name in ("llama_cpp", "ollama", "vllm", "litellm"):
                described = f"In addition to the keys of every provider, `{name}` has:"
                keys = table(catalog.provider_types()[name], skip=set(provider.Provider.model_fields))
                parts.append(f"{described}\n\n{keys}")
            continue
        local = issubclass(shape, gguf_model.GgufModel | vllm_model.VllmModel)
        skip = set(model.ModelEntry.model_fields) if local else set()
        parts.append("\n".join(filter(None, [f"{level} {title}\n\n{described}\n", table(shape, skip), refused(shape)])))
    names = ", ".join(f"`{name}`" for name in GENERATED)
    parts.append(
        "## `ai_backend_secrets`\n\nA mapping of names to values, from the environment or a vault. "
        f"The controller generates these once if they are missing: {names}, and `AI_BACKEND_CLIENT_<NAME>` for each "
        "client.\n"
    )
    return "\n".join(parts)


def first_line(shape: type[BaseModel]) -> str:
    return " ".join((shape.__doc__ or "").strip().split("\n\n")[0].split())


def types_table() -> str:
    rows = ["| `type` | Server | Models it answers with |", "| --- | --- | --- |"]
    found = catalog.provider_types()
    for kind_of in dict.fromkeys(found.values()):
        names = ", ".join(f"`{name}`" for name, other in found.items() if other is kind_of)
        many = "every model that it has, by name" if kind_of.MANY_MODELS else "the model that it was started with"
        rows.append(f"| {names} | {first_line(kind_of)} | {many} |")
    return "\n".join(rows) + "\n\n" + clouds_table()


def clouds_table() -> str:
    """The defaults of clouds."""
    rows = ["| cloud | default of `base_url` | default of `env_var` |", "| --- | --- | --- |"]
    for name, kind_of in catalog.provider_types().items():
        if issubclass(kind_of, Cloud):
            base_url, env_var = kind_of.usual(name)
            rows.append(f"| `{name}` | `{base_url}` | `{env_var}` |")
    return "\n".join(rows) + "\n"


def table(shape: type[BaseModel], skip: set[str] | None = None) -> str:
    """Fields of a model; the keys that only people read are one row at the end."""
    people = set(Described.model_fields) if issubclass(shape, Described) else set()
    rows = ["| Key | Value | Default | Meaning |", "| --- | --- | --- | --- |"]
    if shape is provider.Provider:
        rows.append("| `type` | text | required | One of the types below. |")
        rows.append("| `models` | list of text or mapping |  | The models it serves. |")
    for name, field in shape.model_fields.items():
        if name in (skip or set()) | people | {"type"}:
            continue
        default = "required" if field.is_required() else shown(field.default)
        rows.append(f"| `{name}` | {kind(field.annotation)} | {default} | {field.description or ''} |")
    if people and not people <= (skip or set()):
        rows.append("| `description`, `docs`, `features`, `notes`, `location` | text | | For people only. |")
    return "\n".join(rows) + "\n"


def refused(shape: type[BaseModel]) -> str:
    """The keys that a model refuses in addition to those of the model it extends."""
    words: dict[str, str] = getattr(shape, "REFUSED", {})
    known: dict[str, str] = getattr(shape.__mro__[1], "REFUSED", {})
    lines = [f"- `{word}`: {remedy}" for word, remedy in sorted(words.items()) if known.get(word) != remedy]
    return "These keys are refused; write this instead:\n\n" + "\n".join(lines) + "\n" if lines else ""


def shown(default: Any) -> str:
    if default is PydanticUndefined or default is None or default in ((), {}, ""):
        return ""
    if isinstance(default, BaseModel):
        return ""
    return f"`{json.dumps(default)}`" if isinstance(default, bool) else f"`{default}`"


def kind(annotation: Any) -> str:
    """A type in the words of YAML."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return kind(arguments[0])
    if origin in (typing.Union, types.UnionType):
        return " or ".join(dict.fromkeys(kind(item) for item in arguments if item is not type(None)))
    if origin is typing.Literal:
        return ", ".join(f"`{item}`" for item in arguments)
    if origin is tuple:
        return f"list of {kind(arguments[0])}"
    if origin is dict:
        return f"mapping of {kind(arguments[1])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "mapping"
    return {str: "text", int: "number", float: "number", bool: "true or false"}.get(annotation, "anything")


def schema() -> str:
    """One JSON schema for all files of the registry: each holds one of its properties."""
    any_provider: Any = typing.Union[tuple(catalog.provider_types().values())]  # noqa: UP007  # made from a list
    one: Any = typing.Annotated[any_provider, Field(discriminator="type")]
    variables: dict[str, Any] = {
        "ai_backend_providers": dict[str, one],
        "ai_backend_routing": routing.Routing,
        "ai_backend_ports": ports.Ports,
        "ai_backend_gateway": gateway.Gateway,
        "ai_backend_cache": cache.Cache,
        "ai_backend_monitoring": monitoring.Monitoring,
        "ai_backend_webui": webui.WebUI,
        "ai_backend_mcp_servers": dict[str, mcp.McpServer],
        "ai_backend_clients": dict[str, clients.Client],
    }
    inputs: list[tuple[str, Mode, TypeAdapter[Any]]] = [
        (name, "validation", TypeAdapter(kind)) for name, kind in variables.items()
    ]
    parts, common = TypeAdapter.json_schemas(inputs, ref_template="#/$defs/{model}")
    properties: dict[str, Any] = {name: parts[(name, "validation")] for name in variables}
    # Existing files may have all rules below one key.
    rules = properties["ai_backend_routing"]
    wrapped = [
        {"type": "object", "properties": {key: rules}, "required": [key], "additionalProperties": False}
        for key in ("routing", "routes")
    ]
    properties["ai_backend_routing"] = {"anyOf": [rules, *wrapped]}
    # Clouds fill in their address and key, so nothing but `type` has to be there.
    properties["ai_backend_secrets"] = {
        "type": "object",
        "propertyNames": {"pattern": f"^{SECRET_NAME.pattern}$"},
        "additionalProperties": {"type": "string"},
    }
    result = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "lab.ai_backend registry",
        "type": "object",
        "properties": properties,
        **common,
    }
    return json.dumps(spelled(result), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


_ROUTING: tuple[type[Strict], ...] = (routing.Routing, rules.Exact, rules.Pattern, rules.Chain)
_POOLS: tuple[type[Strict], ...] = (pools.Pool, pools.PoolTarget, pools.Capability)
_OPTIONS: tuple[type[Strict], ...] = (ollama_options.OllamaServerOptions, vllm_options.VllmOptions)
SPELLED = {shape.__name__: shape for shape in (*_ROUTING, *_POOLS, *_OPTIONS)}


def spelled(value: Any) -> Any:
    """Add the other spellings: they are read before the model, so its schema does not contain them."""
    if isinstance(value, list):
        return [spelled(item) for item in value]
    if not isinstance(value, dict):
        return value
    value = {key: spelled(item) for key, item in value.items()}
    fields, title = value.get("properties"), value.get("title")
    if isinstance(fields, dict) and title in SPELLED:
        also = SPELLED[title].ALSO
        # A tier is one name of a chain, and one provider is a text.
        texts = {word for word, field in also.items() if word in rules.TIERS or field == "providers"}
        fields |= {word: {"type": "string"} if word in texts else fields[field] for word, field in also.items()}
    if title == "LlamaCppOptions":
        value["properties"] |= {word: value["properties"][name] for word, name in llama_cpp_options.SYNONYMS.items()}
    if title == "Capability":
        value.pop("required", None)
    if title == "Pattern":
        value["required"] = ["provider"]
    return value


if __name__ == "__main__":
    sys.exit(main())
