"""The edge: TLS, the limit of a client, and a configuration that can't be."""

import copy
import ssl

import httpx
from fleet import play, registry, wait

# Its bit among the capabilities of a process.
NET_BIND_SERVICE = 1 << 10


def with_gateway(**changes):
    return {"ai_backend_gateway": copy.deepcopy(registry("gateway")) | changes}


def issue(gateway):
    """Put a new certificate and its key on the host."""
    gateway.run(
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=gpu1 -keyout /root/key -out /root/crt 2>/dev/null"
        " && cat /root/crt /root/key > /root/edge.pem && chmod 600 /root/edge.pem"
    )


def trusted(gateway):
    context = ssl.create_default_context(cadata=gateway.run("cat /root/crt"))
    context.check_hostname = False
    return context


def rights(gateway):
    """The capabilities that the edge's process has."""
    pid = gateway.pids()["ai-backend-edge.service"]
    return int(gateway.run(f"grep -oP '^CapEff:\\s+\\K.*' /proc/{pid}/status"), 16)


def test_more_requests_than_the_limit_are_told_to_wait(gateway, client):
    run = play("deploy", "--tags", "edge", extra=with_gateway(requests_per_minute=20))
    assert run.code == 0, run.output
    answers = [client.http.get("/v1/models") for _ in range(25)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert 4 <= len(refused) <= 6
    assert refused[0].headers["retry-after"] == "60"
    assert refused[0].json()["error"]["code"] == "429"


def test_a_change_of_the_edge_reloads_it_and_keeps_its_process(gateway, client):
    before = gateway.pids()["ai-backend-edge.service"]
    run = play("deploy", "--tags", "edge")
    assert (run.code, run.changed > 0) == (0, True), run.output
    assert gateway.pids()["ai-backend-edge.service"] == before
    assert client.answers()


def test_a_certificate_turns_the_endpoint_to_tls(gateway, client):
    issue(gateway)
    run = play("deploy", "--tags", "edge", extra=with_gateway(tls_certificate="/root/edge.pem"))
    assert run.code == 0, run.output
    url = f"https://{gateway.address}:4000/v1/models"
    answer = httpx.get(url, headers=client.http.headers, verify=trusted(gateway))
    assert answer.status_code == 200
    # A change under TLS is a reload too: what checks the configuration before it has to see the certificate.
    process = gateway.pids()["ai-backend-edge.service"]
    changes = {"tls_certificate": "/root/edge.pem", "requests_per_minute": 601}
    run = play("deploy", "--tags", "edge", extra=with_gateway(**changes))
    assert (run.code, run.changed > 0) == (0, True), run.output
    assert gateway.pids()["ai-backend-edge.service"] == process


def served(gateway):
    """The serial number of the certificate that clients get."""
    ask = f"openssl s_client -connect {gateway.address}:4000 </dev/null 2>/dev/null"
    return gateway.run(f"{ask} | openssl x509 -noout -serial").strip()


def test_a_new_certificate_cuts_no_stream(gateway, client):
    extra = with_gateway(tls_certificate="/root/edge.pem", requests_per_minute=601)
    before, url = served(gateway), f"https://{gateway.address}:4000/v1/chat/completions"
    body = {"model": "lab-tiny", "stream": True, "max_tokens": 4000, "ignore_eos": True}
    body["messages"] = [{"role": "user", "content": "a long story"}]
    context = trusted(gateway)
    with httpx.stream("POST", url, json=body, headers=client.http.headers, verify=context, timeout=60) as stream:
        lines = stream.iter_lines()
        next(lines)
        issue(gateway)
        process = gateway.pids()["ai-backend-edge.service"]
        run = play("deploy", "--tags", "edge", extra=extra)
        assert (run.code, run.changed > 0) == (0, True), run.output
        assert served(gateway) != before
        assert gateway.pids()["ai-backend-edge.service"] == process
        stream_lines = list(lines)
    assert "data: [DONE]" in stream_lines
    assert httpx.get(url.replace("chat/completions", "models"), headers=client.http.headers, verify=trusted(gateway))
    run = play("deploy", "--tags", "edge", extra=extra)
    assert (run.code, run.changed) == (0, 0), run.output


def test_the_endpoint_may_have_the_port_of_https_with_the_one_right_that_takes(gateway, client):
    assert gateway.run("cat /proc/sys/net/ipv4/ip_unprivileged_port_start").strip() == "1024", (
        "anybody may have 443 here"
    )
    ports = copy.deepcopy(registry("ports"))
    ports["services"]["litellm_gateway"] = {"port": 443}
    run = play(
        "deploy", "--tags", "edge", extra={**with_gateway(tls_certificate="/root/edge.pem"), "ai_backend_ports": ports}
    )
    assert run.code == 0, run.output
    answer = httpx.get(f"https://{gateway.address}/v1/models", headers=client.http.headers, verify=trusted(gateway))
    assert answer.status_code == 200
    assert rights(gateway) == NET_BIND_SERVICE
    run = play("deploy", "--tags", "edge")
    assert run.code == 0, run.output
    assert rights(gateway) == 0


def test_a_certificate_that_is_not_there_changes_nothing(gateway):
    before = gateway.release("edge")
    absent = with_gateway(tls_certificate="/root/absent.pem")
    for options in (["--check"], []):
        run = play("deploy", "--tags", "edge", *options, extra=absent)
        assert run.code != 0
        assert "needs /root/absent.pem, which isn't there" in run.output
    assert "/root/absent.pem isn't there" in play("validate", "--tags", "live", extra=absent).output
    assert gateway.release("edge") == before


def test_a_certificate_haproxy_refuses_brings_the_release_before_back(gateway, client):
    gateway.run("echo nonsense > /root/nonsense.pem")
    run = play("deploy", "--tags", "edge", extra=with_gateway(tls_certificate="/root/nonsense.pem"))
    assert run.code != 0
    assert "of edge was refused" in run.output
    assert "serves as before" in run.output
    run = play("deploy")
    assert run.code == 0, run.output
    wait(client.answers, 20)
