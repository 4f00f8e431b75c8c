"""What watches, asks and measures lets an engine sleep that sleeps."""

import time

from fleet import wait

ENGINE = "ai-backend-llama-cpp@sleepy.service"
# Each look at everything is a quarter of a minute, and each question a minute.
SECONDS = 1800


def starts(gateway):
    """How often it was started, as its journal tells."""
    return int(gateway.run(f"journalctl -u {ENGINE} -o cat | grep -c '^Started ' || true"))


def asleep(gateway):
    return gateway.run(f"systemctl is-active {ENGINE} || true").strip() == "inactive"


def test_an_engine_sleeps_for_half_an_hour_with_everything_on(watch, gateway, client):
    assert client.answers(model="sleepy-tiny")
    wait(lambda: asleep(gateway), 180)
    before, end = starts(gateway), time.monotonic() + SECONDS
    wait(lambda: watch.value('ai_backend_engine_asleep{provider="sleepy"}') == 1, 60)
    wait(lambda: time.monotonic() > end or starts(gateway) > before, SECONDS + 60)
    assert (starts(gateway), asleep(gateway)) == (before, True)
    assert watch.query('up{job="llama-cpp",provider="sleepy"}'), "it was looked at all the time"
    assert not watch.firing() & {"EngineDown", "EngineUnread", "UnitDown", "ModelSilent"}


def test_it_still_wakes_for_a_request(client):
    assert client.answers(model="sleepy-tiny")
