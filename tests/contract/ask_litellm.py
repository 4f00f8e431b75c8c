"""The real LiteLLM, asked: runs with the Python of tests/tools/litellm_venv.py, which has nothing of ours.

Reads one JSON line for each registry, `{config, cases: [{model, down, words}]}`, and writes one with, for each case,
every request that reached an engine, `[provider, host, model]`. Engines are HTTP servers on loopback, one for each
provider and host, that answer 200, or 500 when the case says that the provider is down.
"""

from __future__ import annotations

import asyncio
import copy
import datetime
import json
import os
import random
import sys
import threading
import time
import uuid
from typing import Any
from urllib.parse import unquote, urlsplit

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
os.environ["NO_PROXY"] = "*"
SECONDS = 20

Plain = dict[str, Any]


class Engines:
    """The back ends: who is down, and who was asked for what.

    They have a thread of their own: LiteLLM asks Ollama for its models (`/api/show`) in a way that blocks its loop.
    """

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.ports: dict[tuple[str, str], int] = {}
        self.servers: list[asyncio.Server] = []
        self.down: set[str] = set()
        self.asked: list[tuple[str, str, str]] = []

    def port(self, provider: str, host: str) -> int:
        """The port of one, started when first needed."""
        return asyncio.run_coroutine_threadsafe(self._port(provider, host), self.loop).result(SECONDS)

    async def _port(self, provider: str, host: str) -> int:
        if (provider, host) not in self.ports:

            async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                try:
                    while await self.serve(provider, host, reader, writer):
                        pass
                except (asyncio.IncompleteReadError, ConnectionError):
                    pass
                finally:
                    writer.close()

            server = await asyncio.start_server(serve, "127.0.0.1", 0)
            self.servers.append(server)
            self.ports[provider, host] = server.sockets[0].getsockname()[1]
        return self.ports[provider, host]

    async def serve(self, provider: str, host: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; whether another may follow."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        length = next((int(line[15:]) for line in head if line.lower().startswith("content-length:")), 0)
        body = json.loads(await reader.readexactly(length) or b"{}")
        path = head[0].split(" ")[1]
        if path.endswith(("/chat/completions", "/api/chat", "/messages")):
            self.asked.append((provider, host, body["model"]))
        status, answer = 500, {"error": {"message": "down", "type": "server_error"}}
        if provider not in self.down:
            status, answer = 200, reply(path, body.get("model", ""))
        data = json.dumps(answer).encode()
        writer.write(
            b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % (status, len(data))
        )
        writer.write(data)
        await writer.drain()
        return True


def reply(path: str, model: str) -> Plain:
    """What an engine answers when it is well."""
    if path.endswith("/api/chat"):
        message = {"role": "assistant", "content": "ok"}
        counts = {"prompt_eval_count": 1, "eval_count": 1, "total_duration": 1}
        return {"model": model, "created_at": "2026-01-01T00:00:00Z", "message": message, "done": True, **counts}
    if path.endswith("/messages"):
        usage = {"input_tokens": 1, "output_tokens": 1}
        content = [{"type": "text", "text": "ok"}]
        common = {"id": "m", "type": "message", "role": "assistant", "stop_reason": "end_turn"}
        return {**common, "model": model, "content": content, "stop_sequence": None, "usage": usage}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    choice = {"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}
    return {"id": "c", "object": "chat.completion", "created": 1, "model": model, "choices": [choice], "usage": usage}


def redirect(config: Plain, engines: Engines) -> None:
    """Send every deployment of a config to the engine that stands for its provider and host."""
    for row in config["model_list"]:
        params, provider = row["litellm_params"], row["model_info"]["provider"]
        host = unquote(row["model_info"]["id"].rsplit(f"|{provider}@", 1)[1].partition("/")[0])
        port = engines.port(provider, host)
        params["api_base"] = urlsplit(params["api_base"])._replace(scheme="http", netloc=f"127.0.0.1:{port}").geturl()
        params["api_key"] = "none"  # pragma: allowlist secret


def router_of(config: Plain) -> Any:
    """A Router as the proxy makes it of a config (litellm/proxy/proxy_server.py, load_config)."""
    import litellm
    from litellm.types.router import RouterGeneralSettings

    for name in (
        "callbacks",
        "success_callback",
        "failure_callback",
        "_async_success_callback",
        "_async_failure_callback",
    ):
        setattr(litellm, name, [])
    for key, value in config["litellm_settings"].items():
        if key not in ("cache", "cache_params"):
            setattr(litellm, key, value)
    known = litellm.Router.get_valid_args()
    settings = {key: value for key, value in config["router_settings"].items() if key in known}
    return litellm.Router(
        model_list=config["model_list"],
        **settings,
        router_general_settings=RouterGeneralSettings(async_only_mode=True),
        ignore_invalid_deployments=True,
    )


async def ask(router: Any, model: str, words: int) -> bool:
    """One request for a model, with a prompt of so many words; whether it was answered."""
    import litellm

    messages = [{"role": "user", "content": "hello " * words}]
    data = {"model": model, "messages": messages, "litellm_call_id": str(uuid.uuid4())}
    # The proxy has one log for a request, whatever that leads to; the breaker counts by it.
    log, data = litellm.utils.function_setup("acompletion", litellm.utils.Rules(), datetime.datetime.now(), **data)
    try:
        await asyncio.wait_for(router.acompletion(**data, litellm_logging_obj=log), SECONDS)
    except TimeoutError:
        raise
    except Exception:
        return False
    return True


async def main() -> None:
    """Answer line by line."""
    import litellm

    litellm.suppress_debug_info = True
    engines = Engines()
    while line := await asyncio.to_thread(sys.stdin.readline):
        job = json.loads(line)
        random.seed(job["seed"])
        redirect(job["config"], engines)
        outcomes, made = [], 0.0
        for case in job["cases"]:
            # A router of its own for each case: no breaker and no count is left of the case before.
            began = time.perf_counter()
            router = router_of(copy.deepcopy(job["config"]))
            made += time.perf_counter() - began
            engines.down, engines.asked = set(case["down"]), []
            answered = await ask(router, case["model"], case["words"])
            router.discard()
            outcomes.append({"asked": engines.asked, "answered": answered})
        print(json.dumps({"outcomes": outcomes, "router_seconds": made}), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
