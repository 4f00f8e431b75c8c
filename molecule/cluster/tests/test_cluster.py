"""The gateway here, the engine there."""

from fleet import play, wait


def test_the_gateway_answers_with_the_engine_of_the_other_host(client):
    answer = client.ask(text="from afar")
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-litellm-model-api-base"] == "http://198.18.41.12:8080/v1"


def test_the_engine_listens_on_loopback_and_its_edge_on_the_address_of_the_plan(machines):
    lines = machines["gpu1"].run("ss -Hltnp").splitlines()
    # 127.0.0.11 is Docker's own name service inside a container.
    listeners = [line.split() for line in lines if "127.0.0.11:" not in line]
    found = sorted((words[3], "haproxy" in words[5]) for words in listeners)
    assert found == [
        ("127.0.0.1:6379", False),
        ("127.0.0.1:8080", False),
        ("198.18.41.12:6379", True),
        ("198.18.41.12:8080", True),
    ]


def test_the_cache_of_the_other_host_answers_repeats(client, machines):
    assert 0 < client.cached(machines["gpu1"]) <= 3600


def test_a_host_that_is_no_member_is_refused_with_the_right_key_too(machines):
    key = machines["gpu1"].secret("llama-cpp.env", "LLAMA_API_KEY")
    url = "http://198.18.41.12:8080/v1/models"
    assert "lab-tiny" in machines["gateway1"].fetch(url, key).stdout
    refused = machines["outsider"].fetch(url, key)
    assert refused.rc != 0
    assert "reset" in refused.stderr.lower() or "closed" in refused.stderr.lower()


def test_a_host_that_runs_nothing_of_ours_is_left_alone(machines):
    assert not machines["outsider"].host.file("/opt/ai-backend").exists


def test_the_other_host_restarting_is_survived(machines, client):
    machines["gpu1"].reboot()
    # The breaker opens after three failures and closes after its cooldown; a fresh question may meet it.
    wait(lambda: machines["gpu1"].host.run("systemctl is-active ai-backend-edge.service").rc == 0, 60)
    wait(client.answers, 330)


def test_a_limit_to_one_host_changes_nothing_there():
    for host in ("gateway1", "gpu1"):
        run = play("deploy", "--limit", host)
        assert (run.code, run.changed) == (0, 0), run.output


def test_status_covers_every_host():
    run = play("status")
    assert run.code == 0, run.output
    assert "gpu1" in run.output
    assert "llama-cpp@llama_cpp_native" in run.output
    assert "outsider" in run.output
