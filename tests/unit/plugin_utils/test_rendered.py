# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What LiteLLM would refuse or silently ignore of its config."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.lab.ai_backend.plugins.plugin_utils.findings.findings import Finding
from ansible_collections.lab.ai_backend.plugins.plugin_utils.litellm import keys as litellm_keys
from ansible_collections.lab.ai_backend.plugins.plugin_utils.litellm.extra_checks import (
    KEYS,
    check_rendered,
    check_section,
)
from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry.registry import load
from ansible_collections.lab.ai_backend.plugins.plugin_utils.validation.validation import Inventory, validate
from plans import config_of, make_plan

Raw = dict[str, Any]
GROUPS = {"gateway": ["one"], "redis": ["one"], "llama_cpp": ["one"]}
LOCK = Path(__file__).resolve().parents[3] / "roles" / "litellm" / "files" / "litellm.lock"


@pytest.fixture
def checked(lab: Callable[..., Raw]) -> Callable[[Raw], list[Finding]]:
    def check(extra: Raw) -> list[Finding]:
        return list(check_rendered(load(lab(gateway={"litellm": {"extra": extra}}))))

    return check


def test_the_keys_are_those_of_the_locked_version() -> None:
    (locked,) = re.findall(r"^litellm==([0-9.]+)", LOCK.read_text(), re.MULTILINE)
    assert locked == litellm_keys.VERSION


def test_everything_we_write_is_a_key_litellm_reads(lab: Callable[..., Raw]) -> None:
    raw = lab(gateway={"workers": 2})
    raw["providers"]["ollama"]["models"][0] |= {"rate_limits": {"requests_per_minute": 5}, "cost_per_1k_tokens": 1}
    raw["routing"] = {"load_balancing": {"gguf": {"strategy": "fastest", "providers": ["python", "native"]}}}
    config = yaml.safe_load(config_of(make_plan(load(raw), GROUPS, None), "one", "litellm")["config"])
    for section in ("general_settings", "litellm_settings", "router_settings"):
        assert list(check_section(section, config[section], section)) == []
    assert config["litellm_settings"]["cache_params"].keys() <= KEYS["cache_params"].keys()
    options = {"top_k", "num_ctx", "num_gpu", "num_thread", "repeat_penalty", "keep_alive", "temperature", "top_p"}
    for row in config["model_list"]:
        # Parameters of a request are handed on as they are.
        assert row["litellm_params"].keys() - options <= KEYS["litellm_params"].keys()


@pytest.mark.parametrize(
    ("extra", "path", "severity", "remedy"),
    [
        ({"router_settings": {"retry_polcy": {}}}, "router_settings.retry_polcy", "critical", "did you mean"),
        ({"litellm_settings": {"drop_parms": True}}, "litellm_settings.drop_parms", "critical", "did you mean"),
        ({"general_settings": {"master_kee": "x"}}, "general_settings.master_kee", "critical", "did you mean"),
        (
            {"litellm_settings": {"cache_params": {"namespase": "x"}}},
            "litellm_settings.cache_params.namespase",
            "critical",
            "did you mean 'namespace'?",
        ),
        ({"litellm_settings": {"zzz_ours": 1}}, "litellm_settings.zzz_ours", "warning", "unless a callback of yours"),
        ({"router_settings": {"num_retries": "2"}}, "router_settings.num_retries", "critical", "write a whole number"),
        ({"router_settings": {"num_retries": True}}, "router_settings.num_retries", "critical", "write a whole number"),
        ({"router_settings": {"cooldown_time": "x"}}, "router_settings.cooldown_time", "critical", "write a number"),
        (
            {"router_settings": {"enable_tag_filtering": "false"}},
            "router_settings.enable_tag_filtering",
            "critical",
            "write true or false",
        ),
        (
            {"router_settings": {"fallbacks": [{"gguf": ["nobody"]}]}},
            "router_settings.fallbacks[0].gguf",
            "critical",
            "known: ",
        ),
        (
            {"router_settings": {"fallbacks": [{"ggu": ["gguf"]}]}},
            "router_settings.fallbacks[0]",
            "critical",
            "did you",
        ),
        ({"router_settings": {"fallbacks": {"gguf": []}}}, "router_settings.fallbacks", "critical", "write `- name"),
        ({"router_settings": {"fallbacks": ["gguf"]}}, "router_settings.fallbacks[0]", "critical", "write `name"),
        (
            {"litellm_settings": {"context_window_fallbacks": [{"gguf": "gpt-4o"}]}},
            "litellm_settings.context_window_fallbacks[0].gguf",
            "critical",
            "as a list",
        ),
        (
            {"litellm_settings": {"default_fallbacks": ["gpt-4"]}},
            "litellm_settings.default_fallbacks",
            "critical",
            "did you mean 'gpt-4o'?",
        ),
    ],
)
def test_what_would_have_no_effect_is_found(
    checked: Callable[[Raw], list[Finding]], extra: Raw, path: str, severity: str, remedy: str
) -> None:
    (finding,) = checked(extra)
    assert finding.path == f"ai_backend_gateway.litellm.extra.{path}"
    assert (finding.check, finding.severity) == ("rendered-config", severity)
    assert remedy in finding.remedy


@pytest.mark.parametrize(
    "extra",
    [
        {"router_settings": {"num_retries": 2, "cooldown_time": 1, "timeout": 1.5, "enable_tag_filtering": True}},
        {"router_settings": {"num_retries": None, "redis_host": "os.environ/REDIS_HOST"}},
        {"router_settings": {"fallbacks": [{"gguf": ["gpt-4o"]}, {"*": ["gpt-4o"]}]}},
        {"general_settings": {"background_health_checks": True, "max_parallel_requests": 5}},
        {"litellm_settings": {"success_callback": ["prometheus"], "cache_params": {"ttl": 5.5}}},
        {"mcp_servers": {"anything": {"url": "http://127.0.0.1:1"}}, "environment_variables": {"A": "b"}},
    ],
)
def test_what_litellm_reads_is_left_alone(checked: Callable[[Raw], list[Finding]], extra: Raw) -> None:
    assert checked(extra) == []


def test_it_is_said_beside_other_mistakes(lab: Callable[..., Raw]) -> None:
    raw = lab(gateway={"litellm": {"extra": {"router_settings": {"retry_polcy": 1}}}}, cache={"ttl": 0})
    findings = validate(raw, Inventory(GROUPS)).findings
    assert [finding.check for finding in findings] == ["cache", "rendered-config"]
