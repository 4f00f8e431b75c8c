"""The record of requests on a host: who may read it, that it is bounded, and that a change of slots loses no line."""

import collections

from fleet import play, wait
from recorded import PLACE, ask, record, records


def test_a_request_is_in_the_file_and_in_the_journal_by_its_id(gateway, client):
    answer = ask(client)
    identifier = answer.headers["x-request-id"]
    assert identifier.startswith("test-")
    found = record(gateway, identifier)
    expected = {"client": "ci", "model": "lab-tiny", "provider": "llama_cpp_native", "status": 200, "error": None}
    assert {key: found[key] for key in expected} == expected
    assert found["tokens_out"] == 3
    lines = gateway.run(f"journalctl --output cat AI_BACKEND_REQUEST={identifier}").splitlines()
    assert [line.split(" in ")[0] for line in lines] == [f"request {identifier}: 200 chat/completions lab-tiny for ci"]


def test_a_request_that_went_on_tells_so(gateway, client):
    found = record(gateway, ask(client, model="lab-absent").headers["x-request-id"])
    assert (found["provider"], found["status"]) == ("llama_cpp_native", 200)
    assert [(one["provider"], one["reason"]) for one in found["fallbacks"]] == [("absent", "no_engine")]


def test_refusals_are_there(gateway, client):
    answers = [ask(client, "limited") for _ in range(3)] + [ask(client, model="nothing")]
    assert [answer.status_code for answer in answers] in ([200, 200, 429, 404], [200, 200, 200, 404])
    assert [record(gateway, one.headers["x-request-id"])["status"] for one in answers] == [
        one.status_code for one in answers
    ]


def test_only_root_and_its_group_read_it(gateway):
    assert gateway.run(f"stat -c '%a %U %G' {PLACE}").split() == ["640", "ai-backend-litellm", "ai-backend-records"]
    assert gateway.run("stat -c '%a %U %G' /var/log/ai-backend").split() == [
        "2750",
        "ai-backend-litellm",
        "ai-backend-records",
    ]
    assert gateway.host.run(f"runuser -u nobody -- cat {PLACE}").rc != 0
    assert gateway.host.run(f"runuser -u nobody -g ai-backend-records -- cat {PLACE}").rc == 0


def test_the_files_are_bounded(gateway, client):
    """A megabyte each, three of them: older lines stand in for requests of days."""
    gateway.run(f"runuser -u ai-backend-litellm -- /bin/sh -c 'yes \"{{}}\" | head -c 999990 >> {PLACE}'")
    first = ask(client).headers["x-request-id"]
    wait(lambda: gateway.host.run(f"grep -q {first} {PLACE}").rc == 0, 15)
    assert gateway.run(f"ls {PLACE}.1").strip() == f"{PLACE}.1"
    assert gateway.run(f"stat -c '%a %G' {PLACE}").split() == ["640", "ai-backend-records"]
    assert int(gateway.run(f"stat -c %s {PLACE}")) < 1_000_000


def test_a_change_of_the_gateway_under_traffic_loses_no_record(gateway, client):
    """Both slots write for a while."""
    before = {one.get("id") for one in records(gateway)}
    with client.asking() as answers:
        run = play("reload", extra={"ai_backend_gateway": {"workers": 1}, "ai_backend_confirm": True})
    assert run.code == 0, run.output

    def asked():
        found = [one for one in records(gateway) if one.get("id") not in before and one.get("client") == "operator"]
        return collections.Counter(one["id"] for one in found if one["path"] == "chat/completions")

    wait(lambda: len(asked()) >= len(answers), 15)
    assert set(asked().values()) == {1}


def test_a_file_that_cannot_be_written_costs_records_and_no_answer(gateway, client):
    gateway.run(f"mv {PLACE} {PLACE}.away && mkdir {PLACE}")
    try:
        assert [ask(client).status_code for _ in range(3)] == [200] * 3
        told = f"journalctl --unit ai-backend-litellm@{gateway.slot()} --output cat --grep 'records of requests'"
        wait(lambda: gateway.host.run(told).rc == 0, 15)
    finally:
        gateway.run(f"sleep 1; rmdir {PLACE}; mv {PLACE}.away {PLACE}")
    assert ask(client).status_code == 200
    wait(lambda: sum(one.get("lost", 0) for one in records(gateway)) >= 3, 15)
