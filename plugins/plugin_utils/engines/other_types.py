# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Providers without a type of their own, and how each is written."""

from __future__ import annotations

import re
from collections.abc import Mapping

from .remote.well_known import CLOUDS

# Others that answer OpenAI's API, and their addresses.
_COMPATIBLE: Mapping[str, str] = {
    "litellmproxy": "http://HOST:4000/v1",
    "lmstudio": "http://HOST:1234/v1",
    "localai": "http://HOST:8080/v1",
    "sglang": "http://HOST:30000/v1",
    "tgi": "http://HOST:8080/v1",
}
# Others that LiteLLM knows, and what each needs.
_BY_PREFIX: Mapping[str, str] = {
    "azure": "`base_url: https://RESOURCE.openai.azure.com` and `env_var: AZURE_API_KEY`",
    "azure_ai": "`base_url: https://RESOURCE.services.ai.azure.com` and `env_var: AZURE_AI_API_KEY`",
    "bedrock": "`parameters: {aws_region_name: REGION}`",
    "databricks": "`base_url: https://WORKSPACE/serving-endpoints` and `env_var: DATABRICKS_API_KEY`",
    "nvidia_nim": "`env_var: NVIDIA_NIM_API_KEY`",
    "replicate": "`env_var: REPLICATE_API_KEY`",
    "sagemaker": "`parameters: {aws_region_name: REGION}`",
    "vertex_ai": "`parameters: {vertex_project: PROJECT, vertex_location: REGION}`",
    "watsonx": "`base_url: https://REGION.ml.cloud.ibm.com` and `env_var: WATSONX_API_KEY`",
}
# Other words for types that exist.
_SAME: Mapping[str, str] = {
    "chatgpt": "openai",
    "claude": "anthropic",
    "gguf": "llama_cpp",
    "gpt": "openai",
    "llamacpp": "llama_cpp",
    "llamacpppython": "llama_cpp",
    "llamaserver": "llama_cpp",
    "openaicompatible": "openai_compatible",
    "openaicompat": "openai_compatible",
    "custom": "openai_compatible",
}
_ALSO = {
    "azureopenai": "azure",
    "aws": "bedrock",
    "vertex": "vertexai",
    "google": "gemini",
    "googleai": "gemini",
    "grok": "xai",
    "hf": "huggingface",
}
_ENDINGS = re.compile(r"(ai|api|cloud)$")


def how_to_write(kind: str) -> str:
    """What to write instead of an unknown type; empty if nothing is known about it."""
    word = re.sub(r"[^a-z]", "", kind.lower())
    if word in _SAME:
        return f"write {_SAME[word]}"
    words = [name for name in (_ALSO.get(word), word, _ENDINGS.sub("", word)) if name is not None]
    cloud = next((name for name in words if name in CLOUDS), None)
    if cloud is not None:
        return f"write {cloud}"
    prefix = next((prefix for prefix in _BY_PREFIX if prefix.replace("_", "") in words), None)
    if prefix is not None:
        return f"write `type: litellm` with `prefix: {prefix}`, {_BY_PREFIX[prefix]}"
    name = next((name for name in words if name in _COMPATIBLE), None)
    return "" if name is None else f"write `type: openai_compatible` with `base_url: {_COMPATIBLE[name]}`"
