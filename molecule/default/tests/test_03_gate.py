"""A release that does not work never serves: the one before does, and the operator is told why."""

import copy

from fleet import play, registry, wait


def with_model(**model):
    providers = copy.deepcopy(registry("providers"))
    providers["llama_cpp_native"]["models"] = [{"name": "lab-tiny", "context_length": 2048, **model}]
    return {"ai_backend_providers": providers}


def test_a_garbage_model_is_refused_and_the_release_before_answers(gateway, client):
    before = gateway.release("llama-cpp@llama_cpp_native")
    gateway.run("head -c 100000 /dev/urandom > /var/lib/ai-backend/models/garbage.gguf")
    run = play("deploy", extra=with_model(path="/var/lib/ai-backend/models/garbage.gguf"))
    assert run.code != 0
    assert "of llama-cpp was refused" in run.output
    assert f"Release {before} serves as before" in run.output
    assert "Last lines of ai-backend-llama-cpp@llama_cpp_native.service" in run.output
    assert "failed to load model" in run.output
    assert gateway.release("llama-cpp@llama_cpp_native") == before
    wait(client.answers, 10)


def test_a_broken_gateway_configuration_never_sees_a_client(gateway, client):
    slot, before = gateway.slot(), gateway.pids()
    broken = copy.deepcopy(registry("gateway"))
    broken["litellm"] = {"extra": {"litellm_settings": {"callbacks": ["no_such_module.handler"]}}}
    run = play("deploy", extra={"ai_backend_gateway": broken})
    assert run.code != 0
    assert "of litellm was refused" in run.output
    assert "no_such_module" in run.output
    assert f"(litellm@{slot}, proven again)" in run.output
    assert gateway.slot() == slot
    assert gateway.pids() == before
    assert client.answers()


def test_a_model_that_is_not_on_the_host_is_said_so_before_anything_moves(gateway):
    before = gateway.pids()
    run = play("deploy", extra=with_model(path="/var/lib/ai-backend/models/absent.gguf"))
    assert run.code != 0
    assert "put it there, or give the model `url` and `sha256`" in run.output
    assert gateway.pids() == before


def test_after_the_refusals_a_deploy_closes_their_generation_and_the_next_finds_nothing_to_do(gateway):
    before = gateway.pids()
    for changed in (1, 0):
        run = play("deploy")
        assert (run.code, run.changed) == (0, changed), run.output
    assert gateway.pids() == before
