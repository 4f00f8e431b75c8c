"""A run that ends in the middle, a unit that somebody stopped: the next deploy puts it right."""

import copy

import pytest
from fleet import play, registry, wait


def test_a_reboot_before_the_commit_leaves_the_old_slot_serving(gateway, client):
    """The candidate runs and was proven; power goes before the rename."""
    slot = gateway.slot()
    other = gateway.other_slot()
    link = gateway.run(f"readlink /opt/ai-backend/instances/litellm@{slot}").strip()
    gateway.run(f"ln -sfn {link} /opt/ai-backend/instances/litellm@{other}")
    gateway.run(f"mkdir -p /etc/systemd/system/ai-backend-litellm@{other}.service.d")
    gateway.run(f"cp {link}/release.conf /etc/systemd/system/ai-backend-litellm@{other}.service.d/")
    gateway.run(f"systemctl daemon-reload && systemctl start ai-backend-litellm@{other}.service")
    gateway.reboot()
    wait(client.answers, 90)
    assert [unit for unit in gateway.pids() if "litellm" in unit] == [f"ai-backend-litellm@{slot}.service"]


def test_a_reboot_between_commit_and_drain_brings_up_the_new_slot_alone(gateway, client):
    """The rename has happened; power goes before HAProxy was told and the old slot stopped."""
    other = gateway.other_slot()
    gateway.run(f"systemctl start ai-backend-litellm@{other}.service")
    gateway.run(f"printf 'active {other}\\n' > /etc/ai-backend/litellm/active-slot")
    gateway.reboot()
    wait(client.answers, 90)
    assert [unit for unit in gateway.pids() if "litellm" in unit] == [f"ai-backend-litellm@{other}.service"]
    run = play("deploy")
    assert (run.code, run.changed) == (0, 0), run.output


def test_a_candidate_left_running_by_a_dead_run_is_stopped_by_the_next(gateway, client):
    slot = gateway.slot()
    other = gateway.other_slot()
    gateway.run(f"systemctl start ai-backend-litellm@{other}.service")
    run = play("deploy")
    assert run.code == 0, run.output
    assert [unit for unit in gateway.pids() if "litellm" in unit] == [f"ai-backend-litellm@{slot}.service"]
    assert client.answers()


def test_an_edge_that_routes_elsewhere_than_the_file_says_is_mended(gateway, client):
    other = gateway.other_slot()
    path = "/etc/ai-backend/litellm/active-slot"
    script = (
        "import socket; s = socket.socket(socket.AF_UNIX); s.connect('/run/ai-backend-edge/admin.sock'); "
        f"s.sendall(b'set map {path} active {other}\\n'); s.recv(100)"
    )
    gateway.run(f'python3 -c "{script}"')
    assert not client.answers()
    run = play("deploy")
    assert (run.code, run.changed > 0) == (0, True), run.output
    assert client.answers()


@pytest.mark.parametrize("unit", ["ai-backend-redis.service", "ai-backend-llama-cpp@llama_cpp_native.service"])
def test_a_unit_somebody_stopped_is_started_by_the_next_deploy(gateway, client, unit):
    gateway.run(f"systemctl stop {unit}")
    run = play("deploy")
    assert (run.code, run.changed > 0) == (0, True), run.output
    assert unit in gateway.pids()
    assert play("deploy").changed == 0


def test_a_change_of_the_registry_is_committed_without_a_lost_request(gateway, client):
    slot = gateway.slot()
    changed = copy.deepcopy(registry("gateway"))
    changed["breaker"] = {"failures": 4, "cooldown_seconds": 120}
    with client.asking() as answers:
        run = play("deploy", extra={"ai_backend_gateway": changed})
        assert run.code == 0, run.output
        assert gateway.slot() != slot
        assert play("deploy").code == 0
        assert gateway.slot() == slot
    assert len(answers) > 30


def test_each_tag_alone_changes_nothing():
    for tag in ("redis", "llama_cpp", "edge", "litellm"):
        run = play("deploy", "--tags", tag)
        assert (run.code, run.changed) == (0, 0), run.output


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"llama_cpp_archive_url": "file:///nope.tgz", "llama_cpp_archive_sha256": "0" * 64}, "/nope.tgz isn't on the"),
        ({"llama_cpp_archive_url": "", "llama_cpp_archive_sha256": ""}, "which needs llama_cpp_archive_url"),
        ({"llama_cpp_install": "package", "llama_cpp_package": "no-such-engine"}, "has no package no-such-engine"),
    ],
)
def test_check_mode_says_what_would_stop_an_install(gateway, extra, words):
    run = play("deploy", "--check", "--tags", "llama_cpp", extra=extra)
    assert run.code != 0
    assert words in run.output
