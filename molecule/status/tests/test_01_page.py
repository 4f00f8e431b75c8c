"""The status page of a live host, through its edge."""

import httpx
import pytest
from fleet import play, wait


def status(gateway, key):
    return httpx.get(f"http://{gateway.address}:4000/status", auth=("operator", key), trust_env=False, timeout=30)


@pytest.fixture
def key(gateway):
    return gateway.run("cat /etc/ai-backend/secrets/exporter.key").strip()


def test_it_shows_the_services_of_the_host(gateway, key):
    """It is made each 15 seconds, so one of before the end of the deploy may be there."""
    assert status(gateway, key).status_code == 200
    words = {"gpu1", "prometheus", "llama-cpp@llama_cpp_native", "serves", "in rotation", "generation 1"}
    wait(lambda: not {word for word in words if word not in status(gateway, key).text}, 40)


def test_a_request_is_soon_on_it(gateway, client, key):
    assert client.ask(stream=True).status_code == 200
    wait(lambda: "lab-tiny" in status(gateway, key).text, 40)


def test_a_service_that_stops_is_soon_down_on_it(gateway, key):
    gateway.run("systemctl stop ai-backend-redis-exporter")
    wait(lambda: "down: redis-exporter" in status(gateway, key).text, 40)
    gateway.run("systemctl start ai-backend-redis-exporter")
    wait(lambda: "services are up" in status(gateway, key).text, 40)


def test_the_exporter_holds_the_key_where_others_do_not_read_it(gateway, key):
    assert gateway.run("stat -c %a /etc/ai-backend/secrets/exporter.key").strip() == "600"
    pid = gateway.run("systemctl show -p MainPID --value ai-backend-exporter").strip()
    assert gateway.run(f"ps -o user= -p {pid}").split() != ["root"]
    assert key not in gateway.run(f"tr '\\0' ' ' < /proc/{pid}/cmdline; tr '\\0' ' ' < /proc/{pid}/environ")


def test_after_a_rotation_only_the_new_key_opens_it(gateway, key):
    done = play("rotate", extra={"secret": "LITELLM_MASTER_KEY"})
    assert done.code == 0, done.output
    new = gateway.run("cat /etc/ai-backend/secrets/exporter.key").strip()
    assert new != key
    assert (status(gateway, key).status_code, status(gateway, new).status_code) == (401, 200)
