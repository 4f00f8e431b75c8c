"""Lines of every host are in one place, and a page for browsers shows what is measured.

Grafana, Loki and Alloy are stand-ins (tests/simulators), packed as releases are; roles, units and edges are real.
"""

import json
import re
import uuid
from urllib.parse import quote

import httpx
import pytest
from fleet import play, wait

LOKI = "http://127.0.0.1:3100"
STATUS = """
import sys, urllib.error, urllib.request as r
data = sys.argv[2].encode() or None
try:
    print(r.urlopen(r.Request(sys.argv[1], data, {"Content-Type": "application/json"}), timeout=5).status)
except urllib.error.HTTPError as error:
    print(error.code)
except OSError as error:
    print(error)
"""


def lines(gateway, query):
    """[(labels, line)] that Loki has; none while it does not answer."""
    done = gateway.fetch(f"{LOKI}/loki/api/v1/query_range?query={quote(query)}", "")
    found = json.loads(done.stdout) if done.rc == 0 else {"data": {"result": []}}
    return [(one["stream"], line) for one in found["data"]["result"] for _at, line in one["values"]]


def status(machine, url, data=""):
    """The status of an answer to this host, or why there is none."""
    return machine.host.run("python3 -c %s %s %s", STATUS, url, data).stdout.strip()


@pytest.mark.parametrize("name", ["gateway1", "gpu1"])
def test_the_journal_of_each_host_arrives_with_its_unit(machines, gateway, name):
    word = uuid.uuid4().hex
    machines[name].run(f"systemd-run -q --wait --unit checks-{word[:8]} echo {word}")
    query = f'{{job="journal",host="{name}"}} |= "{word}"'
    wait(lambda: lines(gateway, query), 30)
    ((labels, line),) = [(labels, line) for labels, line in lines(gateway, query) if line == word]
    assert labels == {"job": "journal", "host": name, "unit": f"checks-{word[:8]}.service"}
    assert line == word


def test_the_record_of_a_request_arrives(gateway, client):
    word = f"checks-{uuid.uuid4().hex}"
    body = {"model": "lab-tiny", "max_tokens": 2, "messages": [{"role": "user", "content": word}]}
    assert client.http.post("/v1/chat/completions", json=body, headers={"x-request-id": word}).status_code == 200
    wait(lambda: lines(gateway, f'{{job="requests",host="gateway1"}} |= "{word}"'), 30)
    ((labels, line),) = lines(gateway, f'{{job="requests"}} |= "{word}"')
    assert labels == {"job": "requests", "host": "gateway1", "filename": "/var/log/ai-backend/requests.jsonl"}
    assert json.loads(line)["id"] == word


def test_what_was_written_while_loki_was_away_arrives_after_it(machines, gateway):
    word = uuid.uuid4().hex
    gateway.run("systemctl stop ai-backend-loki")
    machines["gpu1"].run(f"systemd-run -q --wait echo {word}")
    gateway.run("systemctl start ai-backend-loki")
    wait(lambda: lines(gateway, f'{{job="journal",host="gpu1"}} |= "{word}"'), 60)


def test_another_host_brings_lines_and_reads_none(machines):
    there = machines["gpu1"]
    config = there.run("cat /opt/ai-backend/instances/alloy/files/config.alloy")
    url = re.search(r"http://[^\"]+", config)[0]
    assert status(there, url.replace("/push", "/query_range")) == "404"
    assert status(there, url.replace("/loki/api/v1/push", "/metrics")) == "404"
    assert status(there, url, '{"streams": []}') == "204"


def test_a_host_that_is_no_member_reaches_neither(machines, gateway):
    for port in (3100, 9184):
        assert "refused" in status(machines["outsider"], f"http://{gateway.address}:{port}/")


def test_grafana_is_a_page_for_who_signs_in(gateway, client):
    page = httpx.Client(base_url=f"http://{gateway.address}:3000")
    assert page.get("/api/health").status_code == 200
    assert page.get("/api/search").status_code == 401
    assert page.get("/metrics").status_code == 404, "only this host reads what it measures"
    password = gateway.run("cat /etc/ai-backend/secrets/grafana-admin.key").strip()
    boards = page.get("/api/search", auth=("admin", password)).json()
    assert len(boards) == 6
    sources = page.get("/api/datasources", auth=("admin", password)).json()
    assert {one["url"] for one in sources} == {"http://127.0.0.1:9090", LOKI}


def test_the_live_proof_finds_all_of_it():
    run = play("verify_observability")
    assert run.code == 0, run.output
    assert "6 of 6 are loaded" in run.output
