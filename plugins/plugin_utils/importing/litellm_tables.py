# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What each key of a LiteLLM config becomes. docs/import.md shows these tables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from ..engines.clients import OPENAI
from ..engines.remote.well_known import CLOUDS
from .result import Fate


class Key(NamedTuple):
    """The fate of a key, and what it becomes in the registry, or why it is not there."""

    fate: Fate
    becomes: str


class Way(NamedTuple):
    """Types of a provider for LiteLLM's prefix: with an address, without one (empty: none), and for a wildcard."""

    addressed: str
    known: str
    wildcard: str


_OPENAI = Way("openai_compatible", "openai", "openai_compatible")
_SERVER = Way("openai_compatible", "", "openai_compatible")
WAYS: Mapping[str, Way] = {
    "openai": _OPENAI,
    "text-completion-openai": _OPENAI,
    "custom_openai": _SERVER,
    "openai_like": _SERVER,
    "llamafile": _SERVER,
    "lm_studio": _SERVER,
    "anthropic": Way("anthropic", "anthropic", "anthropic"),
    "ollama": Way("ollama", "ollama", "ollama"),
    "ollama_chat": Way("ollama", "ollama", "ollama"),
    "hosted_vllm": Way("vllm", "", "openai_compatible"),
    "vllm": Way("vllm", "", "openai_compatible"),
    # A pattern uses OpenAI's API of those clouds, which their own prefixes do not.
    **{kind: Way("", "", kind) for kind, known in CLOUDS.items() if known.prefix == OPENAI},
    **{known.prefix: Way(kind, kind, kind) for kind, known in CLOUDS.items() if known.prefix != OPENAI},
}
# The client that the gateway uses for those prefixes is another one; what differs for the engine.
OTHER_CLIENT: Mapping[str, str] = {
    "ollama": "is asked at /api/chat, where LiteLLM used /api/generate",
    "text-completion-openai": "is asked at /chat/completions, where LiteLLM used /completions",
    "vllm": "is asked over HTTP, where LiteLLM loaded the model itself",
}
# The key that LiteLLM takes from its environment where a deployment names none; of others it is <PREFIX>_API_KEY.
KEYS: Mapping[str, str] = {
    "bedrock": "",
    "bedrock_mantle": "",
    "cohere_chat": "COHERE_API_KEY",
    "gemini": "GEMINI_API_KEY",
    "hosted_vllm": "",
    "huggingface": "HUGGINGFACE_API_KEY",
    "ollama": "",
    "ollama_chat": "",
    "openai": "OPENAI_API_KEY",
    "sagemaker": "",
    "sagemaker_chat": "",
    "vertex_ai": "",
    "vertex_ai_beta": "",
    **{known.prefix: known.env_var for known in CLOUDS.values() if known.prefix != OPENAI},
}
_AWS = {
    "aws_access_key_id": "AWS_ACCESS_KEY_ID",
    "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY",  # pragma: allowlist secret
    "aws_region_name": "AWS_REGION_NAME",
}
_VERTEX = {"vertex_project": "VERTEXAI_PROJECT", "vertex_location": "VERTEXAI_LOCATION"}
# What LiteLLM takes from its environment besides, where a deployment has nothing with the same beginning.
ENVIRONMENT: Mapping[str, Mapping[str, str]] = {
    "azure": {"api_base": "AZURE_API_BASE"},
    "bedrock": _AWS,
    "hosted_vllm": {"api_base": "HOSTED_VLLM_API_BASE"},
    "sagemaker": _AWS,
    "vertex_ai": _VERTEX,
}
# Addresses that LiteLLM knows: its own Ollama, and those of clouds that differ from the registry's.
LOCAL_OLLAMA = "http://localhost:11434"
ADDRESSES: Mapping[str, str] = {
    "deepseek": "https://api.deepseek.com/beta",
    "together_ai": "https://api.together.ai/v1",
}
# Names without a prefix that LiteLLM gives to a vendor, now or in earlier versions (its lists of models).
BARE: Mapping[str, re.Pattern[str]] = {
    "anthropic": re.compile(r"claude"),
    "bedrock": re.compile(r"(anthropic|amazon|meta|mistral|cohere|ai21)\."),
    "cohere_chat": re.compile(r"command"),
    "openai": re.compile(r"gpt-|chatgpt-|o\d|text-embedding-|text-davinci|davinci|babbage|dall-e|tts-|whisper|omni-"),
    "vertex_ai": re.compile(r"gemini-"),
}

# -- keys of a deployment: litellm_params ----------------------------------------------------------------------------

PARAMETERS: Mapping[str, Key] = {
    "model": Key("kept", "provider and name of a model"),
    "api_base": Key("kept", "`base_url`"),
    "base_url": Key("kept", "`base_url`"),
    "api_key": Key("kept", "`env_var`"),
    "custom_llm_provider": Key("kept", "`type`, or `prefix` of the type `litellm`"),
    "litellm_credential_name": Key("kept", "what `credential_list` has under this name"),
    "order": Key("kept", "a pool with `strategy: priority`"),
    "weight": Key("kept", "`weight` of a member"),
    "rpm": Key("kept", "`rate_limits.requests_per_minute` of the model"),
    "tpm": Key("kept", "`rate_limits.tokens_per_minute` of the model"),
    "timeout": Key("kept", "`timeout_seconds` of the provider"),
    "input_cost_per_token": Key("kept", "`cost_per_1k_tokens` of the model"),
    "output_cost_per_token": Key("kept", "`cost_per_1k_tokens` of the model"),
    "temperature": Key("kept", "`options` of the model"),
    "top_p": Key("kept", "`options` of the model"),
    "max_tokens": Key("kept", "`options` of the model"),
    "seed": Key("kept", "`options` of the model"),
    "stop": Key("kept", "`options` of the model"),
    "reasoning_effort": Key("kept", "`options` of the model"),
    "stream_timeout": Key("kept", "`stream_gap_seconds` of the provider"),
    "drop_params": Key("changed", "it is on for all"),
    "num_retries": Key("changed", "the gateway uses a fallback instead of a retry"),
    "max_retries": Key("changed", "the gateway uses a fallback instead of a retry"),
    "model_info": Key("refused", "write it next to litellm_params"),
}
# A timeout of a deployment -> key of a provider.
TIMEOUTS = {"timeout": "timeout_seconds", "stream_timeout": "stream_gap_seconds"}
# Any other key of a deployment.
OTHER_PARAMETER = Key("kept", "`parameters` of a provider of the type `litellm`, unchanged")
COSTS = ("input_cost_per_token", "output_cost_per_token")

# -- model_info ------------------------------------------------------------------------------------------------------

INFO: Mapping[str, Key] = {
    "mode": Key("kept", "`abilities` of the model, for what is not a chat"),
    "max_input_tokens": Key("kept", "`context_length` of the model"),
    "input_cost_per_token": Key("kept", "`cost_per_1k_tokens` of the model"),
    "output_cost_per_token": Key("kept", "`cost_per_1k_tokens` of the model"),
    "description": Key("kept", "`description` of the model"),
    "tags": Key("kept", "`tags` of the model"),
    "id": Key("changed", "each deployment gets an id that follows from its name and provider"),
    "access_groups": Key("refused", "write the models of each client in ai_backend_clients"),
}
# Any other key of model_info.
OTHER_INFO = Key("refused", "GET /model/info will not show it")
# LiteLLM's mode -> ability; a chat needs none.
MODES: Mapping[str, str] = {
    "completion": "completion",
    "embedding": "embedding",
    "rerank": "rerank",
    "moderation": "moderation",
    "image_generation": "image",
    "audio_transcription": "transcription",
    "audio_speech": "speech",
}
NO_MODES = ("chat", "responses")

# -- settings --------------------------------------------------------------------------------------------------------

# Settings of LiteLLM that the registry has: key -> place in ai_backend_gateway.
SETTINGS: Mapping[str, tuple[str, str]] = {
    "allowed_fails": ("breaker", "failures"),
    "cooldown_time": ("breaker", "cooldown_seconds"),
    "request_timeout": ("timeouts", "request_seconds"),
    "timeout": ("timeouts", "request_seconds"),
    "stream_timeout": ("timeouts", "stream_gap_seconds"),
}
_RETRY = "the gateway uses a fallback instead of a retry"
_REDIS = "the deployment has its own Redis"
_DATABASE = "this collection runs LiteLLM without a database: write ai_backend_clients for keys and limits"
# Settings that this collection decides itself, and why they are not needed.
DECIDED: Mapping[str, str] = {
    "num_retries": _RETRY,
    "retry_policy": _RETRY,
    "model_group_retry_policy": _RETRY,
    "retry_after": _RETRY,
    "max_fallbacks": "it follows from the longest chain",
    "enable_weighted_failover": "it is on",
    "drop_params": "it is on",
    "json_logs": "it is on",
    "set_verbose": "logs are JSON; raise the level at run time",
    "redis_host": _REDIS,
    "redis_port": _REDIS,
    "redis_password": _REDIS,
    "redis_url": _REDIS,
    "redis_db": _REDIS,
    "database_url": _DATABASE,
    "store_model_in_db": _DATABASE,
    "custom_auth": "the deployment has its own",
    "port": "write it in ai_backend_ports.services.litellm_gateway",
    "host": "write `bind` in ai_backend_gateway",
}
# The keys of cache_params that the registry has.
CACHE = ("ttl", "namespace")
# Their values name a file of the user, next to the config, if they have a dot.
MODULES = ("callbacks", "success_callback", "failure_callback", "service_callback", "input_callback")
# What else a config may have, and what becomes of it.
SECTIONS: Mapping[str, Key] = {
    "model_list": Key("kept", "providers, models and rules (below)"),
    "router_settings": Key("kept", "rules, ai_backend_gateway, or `litellm.extra` (below)"),
    "litellm_settings": Key("kept", "ai_backend_gateway, ai_backend_cache, or `litellm.extra` (below)"),
    "general_settings": Key("kept", "ai_backend_secrets.LITELLM_MASTER_KEY, or `litellm.extra` (below)"),
    "credential_list": Key("kept", "address, key and parameters of the deployments that name an entry"),
    "include": Key("kept", "the files are read as LiteLLM reads them"),
    "environment_variables": Key("kept", "`litellm.extra`, without literal secrets"),
    "mcp_servers": Key("kept", "`litellm.extra`, without literal secrets"),
    "guardrails": Key("refused", "this collection has no guardrails"),
    "vector_store_registry": Key("refused", "this collection has no vector stores"),
}
# How names lead to others: (section, key) -> what becomes of it.
ROUTING: Mapping[str, Key] = {
    "routing_strategy": Key("kept", "`strategy` of each pool"),
    "fallbacks": Key("kept", "`fallback_chains`"),
    "default_fallbacks": Key("kept", "`litellm.extra`, unchanged"),
    "context_window_fallbacks": Key("kept", "`litellm.extra`, unchanged"),
    "content_policy_fallbacks": Key("kept", "`litellm.extra`, unchanged"),
    "model_group_alias": Key("kept", "rules of `exact_matches` and `load_balancing`"),
}
