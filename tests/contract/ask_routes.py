"""The real LiteLLM's own reading of a config: for each name, what its engines would receive.

Runs with the Python of tests/tools/litellm_venv.py, which has nothing of ours. Reads one JSON line for each config,
`{path: file or "", config: {}, names: [name], environment: [variable]}`, and writes one: `{routes: {name: {deployments,
chain, long, refused}}, cache: bool}`. Each variable has its own name as value, so that a value shows where it is from.
"""

from __future__ import annotations

import asyncio
import copy
import json
import logging
import os
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
os.environ["NO_PROXY"] = "*"

import litellm
import yaml
from litellm.proxy.common_utils.config_includes import resolve_include_file_path, resolve_includes
from litellm.router_utils.fallback_event_handlers import get_fallback_model_group
from litellm.types.utils import CredentialItem
from litellm.utils import load_credentials_from_list

Plain = dict[str, Any]
# Addresses and keys that a client of LiteLLM uses by itself, where a deployment names none.
ADDRESSES = {
    "anthropic": "https://api.anthropic.com",
    "openai": "https://api.openai.com/v1",
    "openrouter": "https://openrouter.ai/api/v1",
}
KEYS = {"cohere_chat": "COHERE_API_KEY", "huggingface": "HUGGINGFACE_API_KEY"}
# Variables that stand for a number.
NUMBERS = re.compile(r"(^|_)(RPM|T|TIMEOUT)$")
# LiteLLM's own fields of a deployment that say nothing about a request.
INTERNAL = (
    "allow_client_keepalive_override",
    "use_in_pass_through",
    "use_litellm_proxy",
    "merge_reasoning_content_in_choices",
    "use_xai_oauth",
)


async def read(path: str) -> Plain:
    """A file with what it includes."""

    async def load(location: str) -> Mapping[str, object]:
        with open(location) as file:
            return dict(yaml.safe_load(file))

    def resolve(entry: str, declared_in: str) -> str:
        return str(resolve_include_file_path(entry, declared_in, path))

    return dict(await resolve_includes(config=await load(path), location=path, resolve=resolve, read=load))


def router_of(config: Plain) -> Any:
    """A Router as the proxy makes it of a config."""
    settings = config.get("litellm_settings") or {}
    litellm.default_fallbacks = settings.get("default_fallbacks")
    # The proxy reads the environment for them.
    credentials = json.loads(json.dumps(config.get("credential_list") or []).replace("os.environ/", ""))
    litellm.credential_list = [CredentialItem(**{"credential_info": {}, **entry}) for entry in credentials]
    router = dict(config.get("router_settings") or {})
    # The router's own setting, or that of the library, as load_config of the proxy reads it.
    fallbacks = router.pop("fallbacks", None) or settings.get("fallbacks") or []
    known = {key: value for key, value in router.items() if key in litellm.Router.get_valid_args()}
    for key in ("redis_host", "redis_port", "redis_password", "cache_kwargs", "provider_budget_config"):
        known.pop(key, None)
    rows = copy.deepcopy(config.get("model_list") or [])
    return litellm.Router(model_list=rows, fallbacks=fallbacks, **known, ignore_invalid_deployments=True)


def deployments(router: Any, name: str) -> list[Plain]:
    """The deployments that the router would choose from, a wildcard's with the name filled in."""
    try:
        _model, found = router._common_checks_available_deployment(model=name)
    except Exception:
        return []
    rows = [deployment(row) for row in (found if isinstance(found, list) else [found])]
    return [row for row in rows if row]


def deployment(row: Plain) -> Plain:
    """What an engine would receive from one of them, and how often; nothing if LiteLLM knows no client for it."""
    params = {key: value for key, value in row["litellm_params"].items() if value is not None and key not in INTERNAL}
    load_credentials_from_list(params)
    params.pop("litellm_credential_name", None)
    given = {key: params.pop(key, None) for key in ("model", "custom_llm_provider", "api_base", "base_url", "api_key")}
    base = given["api_base"] or given["base_url"]
    try:
        model, client, key, address = litellm.get_llm_provider(
            given["model"], given["custom_llm_provider"], base, given["api_key"]
        )
    except litellm.BadRequestError:
        return {}
    api_base = str(base or address or ADDRESSES.get(client, "")).rstrip("/")
    usual = KEYS.get(client, f"{client.upper()}_API_KEY")
    info = {word: value for word, value in (row.get("model_info") or {}).items() if value is not None}
    return {
        "client": "openai" if openai_like(client) else client,
        "model": model,
        "api_base": api_base,
        "api_key": given["api_key"] or key or (usual if usual in os.environ else None),
        "info": info,
        **params,
    }


def openai_like(client: str) -> bool:
    """Whether a client sends requests of OpenAI's API."""
    return client in ("openai", "hosted_vllm", "custom_openai", "openai_like") or (
        client in litellm.openai_compatible_providers
    )


def chain(router: Any, name: str, seen: tuple[str, ...] = ()) -> Iterator[list[list[str]]]:
    """Who is asked one after the other: the levels of a name, then those of the names after it."""
    found = deployments(router, name)
    # Beside deployments with an order, LiteLLM asks none without.
    for order in sorted({row["order"] for row in found if row.get("order") is not None}) or [None]:
        yield sorted([row["api_base"], row["model"]] for row in found if row.get("order") == order)
    after, _index = get_fallback_model_group(router.fallbacks or [], name)
    for item in after or ():
        if isinstance(item, str) and item not in (*seen, name):
            yield from chain(router, item, (*seen, name))


def answer(config: Plain, names: list[str]) -> Plain:
    """The routes of these names."""
    router = router_of(config)
    routes = {
        name: {
            "deployments": deployments(router, name),
            "chain": list(chain(router, name)),
            "long": get_fallback_model_group(router.context_window_fallbacks or [], name)[0],
            "refused": get_fallback_model_group(router.content_policy_fallbacks or [], name)[0],
        }
        for name in names
    }
    router.discard()
    return {"routes": routes, "cache": (config.get("litellm_settings") or {}).get("cache") is True}


async def main() -> None:
    """Answer line by line."""
    litellm.suppress_debug_info = True
    logging.disable(logging.CRITICAL)
    for line in sys.stdin:
        job = json.loads(line)
        for name in job["environment"]:
            os.environ[name] = "60" if NUMBERS.search(name) else name
        config = await read(job["path"]) if job["path"] else job["config"]
        try:
            found = answer(config, job["names"])
        except Exception as error:
            found = {"error": f"{type(error).__name__}: {error}"}
        for name in job["environment"]:
            del os.environ[name]
        print(json.dumps(found, default=str), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
