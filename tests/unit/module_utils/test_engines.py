"""Engines as a gateway sees them: well, with the models the registry names, and told in words that hold no secret."""

from __future__ import annotations

import http.server
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from host_stand_in import made, manifest

from ansible_collections.lab.ai_backend.plugins.module_utils.host.layout import Layout, write_atomic
from ansible_collections.lab.ai_backend.plugins.module_utils.probes.upstreams import ask_all
from ansible_collections.lab.ai_backend.plugins.module_utils.switching.switch import point

SECRET = "the-key-of-the-engine"  # pragma: allowlist secret


class Server(http.server.BaseHTTPRequestHandler):
    """Answers as a test sets them: {path: (status, body)}; every answer also echoes the key it was sent."""

    answers: dict[str, tuple[int, str]] = {}
    asked: list[tuple[str, dict[str, str]]] = []
    over = threading.Event()

    def do_GET(self) -> None:
        """One answer."""
        Server.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        status, text = Server.answers.get(self.path, (404, f"no such path for {self.headers.get('Authorization')}"))
        self.send_response(status)
        if status == 302:
            self.send_header("Location", text)
        self.end_headers()
        if text == "trickle":
            while not Server.over.wait(0.05):
                self.wfile.write(b" ")
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def gateway(layout: Layout) -> None:
    """Deploy a gateway, whose keys are sent."""
    point(layout, "litellm@blue", made(layout, manifest("litellm", slotted=True, secrets=["litellm.env"])))


@pytest.fixture
def base(layout: Layout) -> Iterator[str]:
    Server.answers, Server.asked, Server.over = {}, [], threading.Event()
    gateway(layout)
    write_atomic(os.path.join(layout.secrets, "litellm.env"), f'ENGINE_KEY="{SECRET}"\n', 0o600)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    Server.over.set()
    server.shutdown()
    server.server_close()


def upstream(base: str, *models: str, **changes: Any) -> dict[str, Any]:
    """A vLLM of somebody else that wants a key."""
    return {
        "provider": "vllm",
        "host": "gpu1",
        "health": f"{base}/health",
        "models_url": f"{base}/v1/models",
        "models": [{"name": name, "path": f"ai_backend_providers.vllm.models[{i}]"} for i, name in enumerate(models)],
        "key": "ENGINE_KEY",
        "headers": {"Authorization": "Bearer {key}"},
        "spelling": {"tag": "", "endings": []},
        "aliases": False,
        "any_name": False,
        "unit": "",
        "hint": "start it with that model",
        **changes,
    }


def openai(*names: str) -> tuple[int, str]:
    return 200, json.dumps({"object": "list", "data": [{"id": name} for name in names]})


def ollama(*names: str) -> tuple[int, str]:
    return 200, json.dumps({"models": [{"name": name} for name in names]})


def one(layout: Layout, given: dict[str, Any], **options: Any) -> tuple[str, str, str, str, str]:
    """(check, severity, path, message, hint) of the only finding."""
    (finding,) = ask_all(layout, [given], **options)
    assert SECRET not in str(finding)
    check, severity, path, message, hint = finding.values()
    return check, severity, path, message, hint


def test_an_engine_that_is_well_and_has_its_models_and_more_is_no_finding(layout: Layout, base: str) -> None:
    Server.answers = {"/health": (200, ""), "/v1/models": openai("a", "b", "c")}
    assert ask_all(layout, [upstream(base, "a", "b")]) == []
    assert [(path, sent["authorization"]) for path, sent in Server.asked] == [
        ("/health", f"Bearer {SECRET}"),
        ("/v1/models", f"Bearer {SECRET}"),
    ]


def test_an_engine_without_a_key_is_asked_without_one(layout: Layout, base: str) -> None:
    Server.answers = {"/health": (200, ""), "/v1/models": openai("a")}
    assert ask_all(layout, [upstream(base, "a", key="", headers={})]) == []
    assert all("authorization" not in sent for _path, sent in Server.asked)


def test_where_health_is_the_list_it_is_asked_once(layout: Layout, base: str) -> None:
    Server.answers = {"/v1/models": openai("a")}
    assert ask_all(layout, [upstream(base, "a", health=f"{base}/v1/models")]) == []
    assert len(Server.asked) == 1


def test_a_model_the_engine_lacks_is_critical_at_its_place_in_the_registry(layout: Layout, base: str) -> None:
    Server.answers = {"/health": (200, ""), "/v1/models": openai("Qwen/Coder-7B")}
    check, severity, path, message, hint = one(layout, upstream(base, "Qwen/Coder-7B", "Qwen/Coder-7b-AWQ"))
    assert (check, severity, path) == ("references", "critical", "ai_backend_providers.vllm.models[1]")
    assert message == f"'vllm' at {base}/v1/models does not have 'Qwen/Coder-7b-AWQ'"
    assert hint.startswith("did you mean 'Qwen/Coder-7B'?")


def test_a_missing_tag_is_the_usual_one_and_the_hint_says_how_a_model_is_got(layout: Layout, base: str) -> None:
    Server.answers = {"/api/version": (200, "{}"), "/api/tags": ollama("llama3.1:latest", "qwen2.5-coder:7b")}
    kind = {
        "health": f"{base}/api/version",
        "models_url": f"{base}/api/tags",
        "key": "",
        "spelling": {"tag": "latest", "endings": []},
        "hint": "`ollama pull {model}` there",
    }
    assert ask_all(layout, [upstream(base, "llama3.1", "qwen2.5-coder:7b", **kind)]) == []
    *_rest, hint = one(layout, upstream(base, "mistral:7b", **kind))
    assert "`ollama pull mistral:7b` there" in hint


@pytest.mark.parametrize("name", ["kimi-k2:1t-cloud", "kimi-k2:1t"])
def test_an_ending_that_a_provider_does_not_list_makes_no_other_model(layout: Layout, base: str, name: str) -> None:
    Server.answers = {"/api/tags": ollama("kimi-k2:1t")}
    spelling = {"tag": "latest", "endings": [":cloud", "-cloud"]}
    tags = f"{base}/api/tags"
    assert ask_all(layout, [upstream(base, name, health=tags, models_url=tags, spelling=spelling)]) == []


def test_one_that_answers_to_any_name_with_another_model_is_a_warning(layout: Layout, base: str) -> None:
    Server.answers = {"/health": (200, ""), "/v1/models": openai("/models/x.gguf")}
    assert one(layout, upstream(base, "mine", any_name=True))[:2] == ("references", "warning")
    assert one(layout, upstream(base, "mine", hint="deploy"))[4].endswith(" else deploy")


def test_a_provider_may_take_the_key_its_own_way_and_know_names_it_does_not_list(layout: Layout, base: str) -> None:
    Server.answers = {"/v1/models": openai("claude-3-20240229"), "/v1/models/claude-latest": (200, "{}")}
    given = upstream(base, "claude-latest", "claude-9", aliases=True, health=f"{base}/v1/models")
    given["headers"] = {"x-api-key": "{key}", "anthropic-version": "2023-06-01"}
    (finding,) = ask_all(layout, [given])
    assert finding["path"] == "ai_backend_providers.vllm.models[1]"
    assert all(sent["anthropic-version"] == "2023-06-01" for _path, sent in Server.asked)
    assert all(sent["x-api-key"] == SECRET and "authorization" not in sent for _path, sent in Server.asked)


@pytest.mark.parametrize(
    ("status", "key", "check", "words"),
    [
        (503, "ENGINE_KEY", "references", "answers 503"),
        (404, "", "references", "answers 404"),
        (401, "ENGINE_KEY", "secrets", "refuses the key ENGINE_KEY (401)"),
        (403, "", "secrets", "needs a key, and none is configured (403)"),
    ],
)
def test_an_answer_that_is_no_good_one_is_critical(
    layout: Layout, base: str, status: int, key: str, check: str, words: str
) -> None:
    Server.answers = {"/health": (status, f"Bearer {SECRET} is wrong")}
    found = one(layout, upstream(base, key=key))
    assert found[:3] == (check, "critical", "ai_backend_providers.vllm")
    assert words in found[3]


def test_a_key_that_only_the_list_refuses_is_a_secrets_finding(layout: Layout, base: str) -> None:
    Server.answers = {"/health": (200, ""), "/v1/models": (401, SECRET)}
    assert one(layout, upstream(base, "a"))[:2] == ("secrets", "critical")


@pytest.mark.parametrize("answer", [(404, ""), (200, "<html>"), (200, "[]"), (200, '{"data": [7]}'), (200, "7")])
def test_an_engine_that_lists_nothing_readable_is_a_warning(layout: Layout, base: str, answer: tuple[int, str]) -> None:
    Server.answers = {"/health": (200, ""), "/v1/models": answer}
    check, severity, _path, message, _hint = one(layout, upstream(base, "a"))
    assert (check, severity) == ("references", "warning")
    assert "does not list its models" in message


def test_nobody_there_is_critical_and_says_where_to_look(layout: Layout) -> None:
    gateway(layout)
    write_atomic(os.path.join(layout.secrets, "litellm.env"), f'ENGINE_KEY="{SECRET}"\n', 0o600)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{free.getsockname()[1]}"
    ours = upstream(base, unit="ai-backend-llama-cpp@fast.service", provider="fast")
    check, severity, path, message, hint = one(layout, ours)
    assert (check, severity, path) == ("references", "critical", "ai_backend_providers.fast")
    assert message == f"'fast' on gpu1 at {base}/health does not answer: Connection refused"
    assert "journalctl -u ai-backend-llama-cpp@fast.service -u ai-backend-edge.service -n 50` on gpu1" in hint
    assert "`status: inactive`" in one(layout, upstream(base))[4]


def test_a_key_that_is_not_on_the_host_is_named_and_nobody_is_asked(layout: Layout, base: str) -> None:
    found = one(layout, upstream(base, key="OTHER_KEY"))
    assert found[:2] == ("secrets", "critical")
    assert "OTHER_KEY" in found[3]
    assert Server.asked == []


def test_a_redirect_is_not_followed_with_the_key(layout: Layout, base: str) -> None:
    Server.answers = {"/health": (302, f"{base}/elsewhere")}
    assert "answers 302" in one(layout, upstream(base))[3]
    assert [path for path, _sent in Server.asked] == ["/health"]


def test_a_stranger_on_the_engines_port_is_not_sent_its_key(layout: Layout, base: str) -> None:
    found = one(layout, upstream(base), held={int(base.rpartition(":")[2])})
    assert found[0] == "references"
    assert "another process listens there" in found[3]
    assert Server.asked == []


def test_engines_are_asked_side_by_side_and_none_is_waited_for_without_end(layout: Layout, base: str) -> None:
    Server.answers = {"/health": (200, "trickle"), "/well": (200, ""), "/v1/models": openai("a")}
    begin = time.monotonic()
    slow = [upstream(base, provider=f"slow{number}") for number in range(5)]
    well = upstream(base, "a", provider="well", health=f"{base}/well")
    found = ask_all(layout, [*slow, well], timeout=0.2)
    assert time.monotonic() - begin < 3
    assert [finding["path"] for finding in found] == [f"ai_backend_providers.slow{number}" for number in range(5)]
    assert all("does not end its answer" in finding["message"] for finding in found)
