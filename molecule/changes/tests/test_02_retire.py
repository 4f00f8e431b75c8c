"""What leaves the registry leaves the host; what belongs to the user stays."""

import copy

from fleet import play, registry, wait


def second_engine():
    providers = copy.deepcopy(registry("providers"))
    second = copy.deepcopy(providers["llama_cpp_native"])
    second["models"] = [{"name": "lab-second", "source": "tiny", "context_length": 1024}]
    providers["second"] = second
    ports = copy.deepcopy(registry("ports"))
    ports["services"]["second"] = {"port": 8082, "category": "engines"}
    return {"ai_backend_providers": providers, "ai_backend_ports": ports}


def test_of_two_engines_the_one_that_was_asked_answers(gateway, client):
    run = play("deploy", extra=second_engine())
    assert run.code == 0, run.output
    before = gateway.tokens(8080), gateway.tokens(8082)
    answer = client.ask(model="lab-second", text="second only")
    assert answer.json()["model"] == "lab-second"
    assert gateway.tokens(8080) == before[0]
    assert gateway.tokens(8082) > before[1]


def test_a_provider_taken_out_is_gone_after_the_next_deploy_and_its_model_kept(gateway, client):
    shown = play("deploy", "--check", "--diff")
    assert "-llama-cpp@second" in shown.output
    run = play("deploy")
    assert run.code == 0, run.output
    unit = "ai-backend-llama-cpp@second.service"
    assert unit not in gateway.pids()
    assert gateway.host.run(f"systemctl is-enabled {unit}").rc != 0
    assert not gateway.host.file(f"/etc/systemd/system/{unit}.d").exists
    assert gateway.host.file("/var/lib/ai-backend/models/lab-second.gguf").exists
    assert "lab-second" not in client.models()
    assert client.answers()


def test_remove_wants_a_confirmation(gateway):
    run = play("remove")
    assert run.code != 0
    assert "ai_backend_confirm=true" in run.output
    assert gateway.pids()


def test_remove_leaves_nothing_of_ours_but_models_and_data(gateway):
    run = play("remove", extra={"ai_backend_confirm": True})
    assert run.code == 0, run.output
    assert gateway.host.run("systemctl list-unit-files 'ai-backend*' --no-legend").stdout.strip() == ""
    assert gateway.run("systemctl list-units --all 'ai-backend*' --no-legend --plain").strip() == ""
    assert "ai-backend" not in gateway.run("cat /etc/passwd /etc/group")
    left = gateway.run("find / -xdev -path '*ai-backend*' -not -path '/proc/*' -not -path '/sys/*' | sort").split()
    assert [path for path in left if not path.startswith("/var/lib/ai-backend")] == []
    assert "/var/lib/ai-backend/models/lab-tiny.gguf" in left
    assert gateway.host.run("systemctl is-active redis-server haproxy").stdout.split() == ["inactive", "inactive"]
    assert play("remove", extra={"ai_backend_confirm": True}).changed == 0


def test_a_port_that_somebody_else_holds_stops_a_deploy_before_anything_changes(gateway):
    gateway.run("systemd-run --quiet --unit=somebody python3 -m http.server --bind 127.0.0.1 8080")
    wait(lambda: gateway.host.run("ss -Hltn sport = :8080").stdout.strip(), 10)
    run = play("deploy")
    gateway.run("systemctl stop somebody.service")
    assert run.code != 0
    words = " ".join(run.output.split())
    assert "Port 8080 of llama-cpp@llama_cpp_native is used on gpu1 by python3" in words
    assert "somebody.service" in words
    assert "`managed: false`" in words
    assert not gateway.host.file("/opt/ai-backend").exists


def test_a_first_deploy_that_fails_leaves_nobody_serving_after_a_reboot_either(gateway, client):
    broken = copy.deepcopy(registry("gateway"))
    broken["litellm"] = {"extra": {"litellm_settings": {"callbacks": ["no_such_module.handler"]}}}
    run = play("deploy", extra={"ai_backend_gateway": broken})
    assert run.code != 0
    assert "There was no previous release; the unit was removed again." in run.output
    gateway.reboot()
    wait(lambda: "ai-backend-edge.service" in gateway.pids(), 30)
    answer = client.ask()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json()["error"]["message"] == "no gateway release was deployed yet"
    assert not [unit for unit in gateway.pids() if "litellm" in unit]


def test_a_removed_host_can_be_deployed_again(gateway, client):
    run = play("deploy")
    assert run.code == 0, run.output
    assert client.answers()
