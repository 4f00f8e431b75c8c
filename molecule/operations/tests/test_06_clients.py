"""A client with a key of its own: added, rotated, revoked and rolled back on a host, while another one asks on."""

import os
from pathlib import Path

import httpx
import pytest
from fleet import play

SECRETS = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "secrets"
NAME = "AI_BACKEND_CLIENT_CI"
CI = {"ai_backend_clients": {"ci": {"models": ["lab-tiny"], "requests_per_minute": 100}}, "ai_backend_confirm": True}


def asked(client, key, model="lab-tiny"):
    """The status and, of a refusal, the code that the holder of a key gets."""
    body = {"model": model, "max_tokens": 3, "messages": [{"role": "user", "content": os.urandom(6).hex()}]}
    headers = {"Authorization": f"Bearer {key}"}
    answer = httpx.post(f"{client.base}/v1/chat/completions", json=body, headers=headers, timeout=60)
    return answer.status_code, answer.json().get("error", {}).get("code")


def key():
    """What the operator hands out."""
    return (SECRETS / NAME).read_text().strip()


@pytest.fixture(scope="module", autouse=True)
def _as_before():
    yield
    run = play("deploy")
    assert run.code == 0, run.output
    (SECRETS / NAME).unlink(missing_ok=True)


def test_a_new_client_has_its_own_models_and_its_key_is_not_on_the_host(gateway, client):
    with client.asking():
        run = play("reload", "-vvv", "--diff", extra=CI)
    assert run.code == 0, run.output
    assert asked(client, key()) == (200, None)
    assert asked(client, key(), "code_generation") == (403, "model_not_allowed")
    listed = httpx.get(f"{client.base}/v1/models", headers={"Authorization": f"Bearer {key()}"})
    assert [entry["id"] for entry in listed.json()["data"]] == ["lab-tiny"]
    assert key() not in run.output
    assert key() not in gateway.run("cat /etc/ai-backend/secrets/*; cat /proc/*/environ 2>/dev/null | tr '\\0' '\\n'")


def test_a_rotation_without_grace_ends_the_old_key(client):
    old = key()
    with client.asking():
        run = play("rotate", extra={**CI, "secret": NAME, "ai_backend_rotate_grace_hours": 0})
    assert run.code == 0, run.output
    assert asked(client, old) == (401, "invalid_api_key")
    assert asked(client, key()) == (200, None)


def test_a_client_that_is_taken_out_has_no_key_any_more_also_after_a_rollback(client):
    with client.asking():
        run = play("reload", extra={"ai_backend_confirm": True})
    assert run.code == 0, run.output
    assert asked(client, key()) == (401, "invalid_api_key")
    with client.asking():
        run = play("rollback")
    assert run.code == 0, run.output
    assert asked(client, key()) == (401, "invalid_api_key")
