# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Importing what people have besides LiteLLM's config: their own files, a running Ollama, whole folders."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.lab.ai_backend.plugins.plugin_utils.findings.findings import RegistryError
from ansible_collections.lab.ai_backend.plugins.plugin_utils.importing.importing import import_path, import_texts
from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry.registry import Registry, load
from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry.yaml_files import read_files, read_texts
from ansible_collections.lab.ai_backend.plugins.plugin_utils.validation.validation import Inventory, validate_sources

Raw = dict[str, Any]
ROOT = Path(__file__).resolve().parents[3]
GROUPS = {"gateway": ["one"], "redis": ["one"]}
VLLM = {"type": "vllm", "base_url": "http://10.0.0.1:8001", "models": ["qwen"]}
OLLAMA = {"type": "ollama", "base_url": "http://10.0.0.2:11434", "models": ["llama3.1:8b", "phi4"]}


def made_of(**files: Any) -> Raw:
    return import_texts({f"{name}.yaml": yaml.safe_dump(content, sort_keys=False) for name, content in files.items()})


def registry_of(made: Raw) -> Registry:
    sources = read_texts(made["files"].items())
    outcome = validate_sources(sources, Inventory(GROUPS))
    assert [str(finding) for finding in outcome.findings if finding.severity == "critical"] == []
    return load(sources.registry)


def rows(made: Raw, fate: str) -> str:
    found = [row for row in made["report"]["findings"] if row["fate"] == fate]
    return "\n".join(f"{row['file']}:{row['line']} {row['path']}: {row['message']} → {row['hint']}" for row in found)


# -- names of providers ----------------------------------------------------------------------------------------------


def test_a_provider_with_another_name_is_renamed_wherever_it_is_named() -> None:
    rules = {
        "exact_matches": {"coder": {"provider": "vllm-qwen", "backend_model": "qwen", "fallback": "my.ollama"}},
        "patterns": {"qwen*": "vllm-qwen", "llama*": {"provider": "my.ollama", "fallback_chain": ["vllm-qwen"]}},
        "capability_routing": {
            "code": [{"model": "qwen", "provider": "vllm-qwen"}],
            "chat": {"providers": ["my.ollama"]},
        },
        "load_balancing": {"shared": {"providers": {"vllm-qwen": 0.7, "my.ollama": 0.3}}},
        "fallback_chains": {"phi4": ["vllm-qwen"], "qwen": {"primary": "vllm-qwen", "secondary": "my.ollama"}},
        "default_provider": "my.ollama",
    }
    ollama = {**OLLAMA, "default_model": "phi4"}
    made = made_of(a_mappings={"routing": rules}, providers={"providers": {"vllm-qwen": VLLM, "my.ollama": ollama}})
    routing = registry_of(made).routing
    assert (routing.exact_matches["coder"].provider, routing.exact_matches["coder"].chain) == (
        "vllm_qwen",
        ("my_ollama",),
    )
    assert [(rule.pattern, rule.provider) for rule in routing.patterns] == [
        ("llama*", "my_ollama"),
        ("qwen*", "vllm_qwen"),
    ]
    assert routing.patterns[0].chain == ("vllm_qwen",)
    assert routing.capability_routing["code"].preferred_models[0].provider == "vllm_qwen"
    assert routing.capability_routing["chat"].providers == ("my_ollama",)
    assert [member.provider for member in routing.load_balancing["shared"].providers] == ["my_ollama", "vllm_qwen"]
    assert (routing.fallback_chains["phi4"].chain, routing.default_provider) == (("vllm_qwen",), "my_ollama")
    assert routing.fallback_chains["qwen"].primary == "vllm_qwen"
    assert made["report"]["names"]["lost"] == []


def test_a_model_that_is_named_like_a_provider_was_keeps_its_name() -> None:
    rules = {"fallback_chains": {"phi4": ["the-coder"]}}
    coder = {**VLLM, "models": ["the-coder"]}
    made = made_of(mappings=rules, providers={"providers": {"the-coder": coder, "ollama": OLLAMA}})
    assert registry_of(made).routing.fallback_chains["phi4"].chain == ("the-coder",)


# -- ports -----------------------------------------------------------------------------------------------------------


def test_services_without_a_section_are_services() -> None:
    ports = {"vllm-qwen": {"port": 8001, "description": "vLLM"}, "web": 5000, "last_updated": "2026-01-01"}
    made = made_of(ports=ports, providers={"providers": {"vllm-qwen": VLLM}})
    services = registry_of(made).ports.services
    assert (services["vllm_qwen"].port, services["web"].port) == (8001, 5000)
    assert rows(made, "refused") == ""


# -- rules -----------------------------------------------------------------------------------------------------------


def test_the_default_provider_of_routing_rules_is_kept() -> None:
    rules = {"routing_rules": {"default_provider": "ollama", "request_metadata_routing": {"high": "vllm"}}}
    made = made_of(mappings={"exact_matches": {"a": {"provider": "ollama", "backend_model": "phi4"}}, **rules},
                   providers={"providers": {"ollama": OLLAMA}})  # fmt: skip
    assert registry_of(made).routing.default_provider == "ollama"
    assert "mappings.yaml:7 routing_rules.request_metadata_routing: LiteLLM routes by name only" in rows(
        made, "refused"
    )


def test_a_key_without_a_mechanism_is_refused_at_its_line_by_the_name_it_is_for() -> None:
    capability = {
        "description": "Code",
        "min_model_size": "7B",
        "conditions": ["batch_size > 1"],
        "routing_strategy": "adaptive_weighted",
        "preferred_models": ["phi4"],
    }
    ollama = {**OLLAMA, "models": [{"name": "phi4", "size": "14B"}]}
    made = made_of(mappings={"capabilities": {"code": capability}}, providers={"providers": {"ollama": ollama}})
    rule = registry_of(made).routing.capability_routing["code"]
    assert (rule.min_model_size, rule.strategy) == (7, "priority")
    refused = [row for row in made["report"]["findings"] if row["fate"] == "refused"]
    assert [(row["line"], row["names"]) for row in refused] == [(5, ["code"]), (7, ["code"])]


def test_the_line_of_an_item_is_right_after_others_of_its_list_were_removed() -> None:
    patterns = [
        {"pattern": "^a.*", "provider": "nobody"},
        {"pattern": "^b.*", "provider": "ollama", "retry": 3},
        {"pattern": "^c(?=d)", "provider": "ollama"},
    ]
    made = made_of(mappings={"patterns": patterns}, providers={"providers": {"ollama": OLLAMA}})
    assert [rule.pattern for rule in registry_of(made).routing.patterns] == ["b*"]
    lines = {row["line"] for row in made["report"]["findings"] if row["fate"] == "refused"}
    assert lines == {3, 6, 7}


def test_every_part_of_the_example_registry_that_refers_to_its_providers_is_replaced(tmp_path: Path) -> None:
    """The documented path: init, import, copy, validate."""
    for file in (ROOT / "group_vars" / "all").glob("*.yml"):
        shutil.copy(file, tmp_path)
    server = {**VLLM, "base_url": "http://127.0.0.1:8000"}
    for name, text in made_of(providers={"providers": {"mine": server}})["files"].items():
        (tmp_path / name).write_text(text)
    outcome = validate_sources(read_files(sorted(tmp_path.glob("*.yml"))), Inventory(GROUPS))
    assert [str(finding) for finding in outcome.findings if finding.severity == "critical"] == []


# -- folders ---------------------------------------------------------------------------------------------------------


def test_what_a_deployment_wrote_is_no_source(tmp_path: Path) -> None:
    (tmp_path / "providers.yaml").write_text(yaml.safe_dump({"providers": {"vllm": VLLM}}))
    generated = {"model_list": [{"model_name": "qwen", "litellm_params": {"model": "hosted_vllm/qwen"}}]}
    (tmp_path / "litellm.yaml").write_text(f"# AUTO-GENERATED, do not edit\n{yaml.safe_dump(generated)}")
    made = import_path(str(tmp_path))
    assert list(registry_of(made).providers) == ["vllm"]
    assert "litellm.yaml: is skipped: a program generated it" in rows(made, "changed")


def test_included_files_are_read_where_they_are_included(tmp_path: Path) -> None:
    def config(name: str, **more: Any) -> str:
        params = {
            "model": f"openai/{name}",
            "api_base": "http://10.0.0.1/v1",
            "api_key": "none",  # pragma: allowlist secret
            "odd": "sk-" + "a1" * 9,
        }
        return yaml.safe_dump({"model_list": [{"model_name": name, "litellm_params": params}], **more}, sort_keys=False)

    (tmp_path / "config.yaml").write_text(config("a", include=["more/b.yaml", "gone.yaml"]))
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "b.yaml").write_text(config("b", include=["c.yaml"]))
    (tmp_path / "more" / "c.yaml").write_text(config("c"))
    made = import_path(str(tmp_path / "config.yaml"))
    assert made["models"] == ["a", "b", "c"]
    literal = [row for row in made["report"]["findings"] if "literal secret" in row["message"]]
    assert sorted((row["names"][0], row["file"], row["line"]) for row in literal) == [
        ("a", "config.yaml", 7),
        ("b", "more/b.yaml", 7),
        ("c", "c.yaml", 7),
    ]
    assert "include: 'gone.yaml' is not among the files" in rows(made, "refused")


# -- Ollama ----------------------------------------------------------------------------------------------------------


def test_a_tag_that_is_listed_twice_is_kept_once() -> None:
    tags = {"models": [{"name": "a:1b"}, {"name": "a:1b"}, {"name": "b:1b", "details": None}]}
    made = import_texts({"api/tags": json.dumps(tags)}, "http://127.0.0.1:11434")
    assert made["models"] == ["a:1b", "b:1b"]
    assert "'a:1b' is in the list twice, and is kept once" in rows(made, "changed")


def test_a_server_without_models_makes_no_provider() -> None:
    made = import_texts({"api/tags": '{"models": []}'}, "http://127.0.0.1:11434")
    assert (made["files"], made["summary"]) == ({}, "kept 0 of 0 names")
    assert "models: the server has no model → run `ollama pull <model>` there" in rows(made, "refused")


# -- the report ------------------------------------------------------------------------------------------------------


def test_a_lost_name_is_in_the_summary_and_its_findings_are_critical() -> None:
    config = {"model_list": [{"model_name": "gone", "litellm_params": {"model": "nobody-knows"}},
                             {"model_name": "m", "litellm_params": {"model": "openai/m"}}]}  # fmt: skip
    made = made_of(config=config)
    assert made["summary"] == "kept 1 of 2 names; lost 1: see report"
    assert made["screen"][:3] == [made["summary"], "providers: 1 with 1 models", "lost: gone"]
    (row,) = [row for row in made["report"]["findings"] if row["names"] == ["gone"]]
    assert (row["severity"], row["file"], row["line"], row["docs"]) == ("critical", "config.yaml", 4, "docs/import.md")
    assert made["details"][:2] == [
        "refused:",
        "  config.yaml:4 gone: model_list[0].litellm_params.model: no provider can be told from 'nobody-knows' → "
        "write it with the prefix of its provider",
    ]
    assert made["checked"][0].startswith("validate: ")
    assert "explain m:" in made["checked"]


def test_a_name_whose_own_deployment_is_refused_leads_nowhere_else_in_silence() -> None:
    config = {
        "model_list": [
            {"model_name": "fast", "litellm_params": {"model": "openai/big", "api_base": "http://10.0.0.1/v1"}},
            {"model_name": "big", "litellm_params": {"model": "openai/no name", "api_base": "http://10.0.0.2/v1"}},
        ]
    }
    made = made_of(config=config)
    assert "big" in made["models"]
    assert "another model with this name answers" in rows(made, "refused")
    assert "big" in made["report"]["names"]["changed"]


# fmt: off
WORDS = [
    "model_list", "providers", "patterns", "models", "services",
]
# fmt: on
NASTY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["", "x", "openai/a", "os.environ/T", "*"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "model_list",
                    "model_name",
                    "litellm_params",
                    "model",
                    "api_base",
                    "rpm",
                    "timeout",
                    "weight",
                    "order",
                    "model_info",
                    "mode",
                    "fallbacks",
                    "router_settings",
                    "litellm_settings",
                    "general_settings",
                    "cache",
                    "cache_params",
                    "master_key",
                    "providers",
                    "type",
                    "models",
                    "name",
                    "exact_matches",
                    "patterns",
                    "ports",
                    "services",
                    "details",
                    "capability_routing",
                    "credential_list",
                    "include",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=25,
)


@given(st.dictionaries(st.sampled_from(WORDS), NASTY, min_size=1))
def test_no_content_ends_in_an_error_of_python(data: Raw) -> None:
    try:
        made = made_of(config=data)
    except RegistryError:
        return
    assert made["summary"].startswith("kept ")


def test_a_key_that_is_no_text_is_refused() -> None:
    params = {"model": "openai/m", "api_key": {"from": "vault"}}
    made = made_of(config={"model_list": [{"model_name": "m", "litellm_params": params}]})
    assert "api_key: a literal key is not imported" in rows(made, "refused")


@pytest.mark.parametrize(
    "params",
    [
        {"timeout": "os.environ/T"},
        {"rpm": "many"},
        {"weight": [1]},
        {"order": "first"},
        {"input_cost_per_token": "cheap"},
    ],
)
def test_a_number_that_is_none_is_refused_and_the_name_is_kept(params: Raw) -> None:
    place = {"model": "openai/m", "api_base": "http://10.0.0.1/v1"}
    made = made_of(config={"model_list": [{"model_name": "m", "litellm_params": {**place, **params}}]})
    (word,) = params
    assert f"litellm_params.{word}: is not a number that can be kept" in rows(made, "refused")
    assert made["models"] == ["m"]
