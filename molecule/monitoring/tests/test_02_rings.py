"""Real faults: the right alert is sent, and no other critical one, and it ends after the fault."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from fleet import PROJECT, play, registry, wait
from watching import quiet

# Two looks of Prometheus, one evaluation, and Alertmanager's wait for others of the group.
SECONDS = 45
ENGINE = "ai-backend-llama-cpp@llama_cpp_native"
# Longer than a look at the engine may take.
FROZEN = "kill -s {} $(systemctl show -p MainPID --value {})"
SOCKET = "/run/ai-backend/llama-cpp@llama_cpp_native/http.sock"
# So many requests a second with the key of a file.
FLOOD = "systemd-run -q --unit checks-flood python3 /root/flood.py {} {}"
# The one that serves, whichever it is.
EACH_SLOT = "systemctl kill -s {} ai-backend-litellm@$(cut -d' ' -f2 /etc/ai-backend/litellm/active-slot)"
# A change of the gateway: the scenario's own rules, and a chain.
ROUTING = yaml.safe_load((PROJECT / "molecule/monitoring/inventory/group_vars/all/routing.yml").read_text())
CHAINS = {"lab-tiny": ["flaky-model"]}
CHANGED = {"ai_backend_routing": {**ROUTING["ai_backend_routing"], "fallback_chains": CHAINS}}
# What the gateway sees of the file systems.
IN_GATEWAY = (
    "nsenter -m -t $(systemctl show -p MainPID --value "
    "ai-backend-litellm@$(cut -d' ' -f2 /etc/ai-backend/litellm/active-slot)) sh -c '{}'"
)
# A card and its driver, as the exporter sees them; what the driver answers is the fault.
IN_EXPORTER = "nsenter -m -t $(systemctl show -p MainPID --value ai-backend-exporter) sh -c '{}'"
DRIVER = "printf '#!/bin/sh\\n{}\\n' > /usr/local/bin/nvidia-smi; chmod 755 /usr/local/bin/nvidia-smi; "
CARD = IN_EXPORTER.format(
    "mount -t tmpfs card /sys/bus/pci/devices && mkdir /sys/bus/pci/devices/card && cd /sys/bus/pci/devices/card && "
    "echo 0x10de > vendor && echo 0x030000 > class"
)
NO_CARD = IN_EXPORTER.format("umount /sys/bus/pci/devices") + "; rm /usr/local/bin/nvidia-smi"


@dataclass
class Fault:
    """What is done to the host and undone, the alert, and for how long it must be so before it is sent."""

    alert: str
    begin: str
    end: str
    lasts: int
    # Critical alerts that may come with it.
    with_it: tuple[str, ...] = ()
    # Seconds after which it has ended; that something was so often lately stays true for ten minutes.
    ends: int = 420


FAULTS = {
    "the engine is killed and stays away": Fault(
        "EngineDown",
        f"systemctl stop {ENGINE}",
        f"systemctl start {ENGINE}",
        60,
        ("UnitDown", "ModelSilent", "RequestsFail"),
    ),
    "the engine is frozen": Fault(
        "EngineDown", FROZEN.format("STOP", ENGINE), FROZEN.format("CONT", ENGINE), 60, ("ModelSilent", "RequestsFail")
    ),
    "the cache is gone": Fault(
        "CacheDown", "systemctl stop ai-backend-redis", "systemctl start ai-backend-redis", 60, ("UnitDown",)
    ),
    "the cache is frozen": Fault(
        "CacheDown", FROZEN.format("STOP", "ai-backend-redis"), FROZEN.format("CONT", "ai-backend-redis"), 60
    ),
    "an exporter is dead": Fault(
        "TargetDown",
        "systemctl stop ai-backend-node-exporter",
        "systemctl start ai-backend-node-exporter",
        120,
        ("UnitDown",),
    ),
    "the gateway is frozen": Fault(
        "GatewayDown",
        EACH_SLOT.format("STOP"),
        EACH_SLOT.format("CONT"),
        60,
        ("ModelSilent", "RequestsFail"),
    ),
    "the edge is away": Fault(
        "GatewayDown",
        "systemctl stop ai-backend-edge",
        "systemctl start ai-backend-edge",
        60,
        ("ModelSilent", "RequestsFail", "EngineDown", "UnitDown"),
    ),
    "a unit starts again and again": Fault(
        "UnitRestarts",
        "for i in 1 2 3 4; do systemctl kill -s KILL ai-backend-blackbox-exporter; sleep 8; done",
        "true",
        0,
        ends=720,
    ),
    "a file system is full": Fault(
        "DiskFull",
        "mkdir -p /mnt/small && mount -t tmpfs -o size=40m small /mnt/small && fallocate -l 39M /mnt/small/file",
        "umount /mnt/small",
        300,
    ),
    "the record can not be written": Fault(
        "RecordSilent",
        IN_GATEWAY.format(
            "mount -t tmpfs -o size=4k,mode=0777 small /var/log/ai-backend && "
            "head -c 4096 /dev/zero > /var/log/ai-backend/filler"
        ),
        # The file is open.
        IN_GATEWAY.format("umount -l /var/log/ai-backend"),
        # Five minutes without a record, and two more.
        420,
    ),
    "an engine lists other models": Fault(
        "ProviderModelsMissing",
        f"systemctl stop {ENGINE}; systemd-run -q --unit checks-impostor python3 /root/impostor.py {SOCKET}",
        f"systemctl stop checks-impostor; rm -rf $(dirname {SOCKET}); systemctl restart {ENGINE}",
        # It is asked once a minute.
        360,
        ("UnitDown", "ModelSilent", "RequestsFail"),
    ),
    "an engine answers with errors": Fault(
        # Three errors open its breaker: then it is not asked, and has no further errors.
        "ProviderCooling",
        "echo broken > /root/flaky",
        "echo well > /root/flaky",
        120,
        ends=600,
    ),
    "a card is hot": Fault("CardHot", DRIVER.format("echo 0, Test, 100, 1000, 50, 95, 100") + CARD, NO_CARD, 300),
    "a driver does not answer": Fault("CardsUnread", DRIVER.format("sleep 60") + CARD, NO_CARD, 300),
    "an engine is slow": Fault(
        "FirstTokenSlow", "echo slow > /root/flaky", "echo well > /root/flaky", 780, ("AnswersSlow",), ends=1200
    ),
    "the exporter of the collection is dead": Fault(
        "TargetDown", "systemctl stop ai-backend-exporter", "systemctl start ai-backend-exporter", 120
    ),
    "a flood without keys": Fault(
        "KeysRefused",
        "echo sk-wrong > /root/wrong-key; " + FLOOD.format("/root/wrong-key", 6),
        "systemctl stop checks-flood",
        300,
        ends=900,
    ),
    "a client over its limit": Fault(
        "ClientLimited", FLOOD.format("/root/slow-lane", 2), "systemctl stop checks-flood", 420, ends=900
    ),
}


@pytest.fixture(scope="module", autouse=True)
def key_of_the_client(gateway):
    """The controller has it; hosts have its digest."""
    key = (Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "secrets/AI_BACKEND_CLIENT_SLOW_LANE").read_text().strip()
    gateway.run(f"umask 077; echo {key} > /root/slow-lane")


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_rings_and_ends(watch, gateway, fault):
    quiet(watch)
    since = watch.now()
    gateway.run(fault.begin)
    try:
        wait(lambda: (fault.alert, "firing") in watch.received(since), fault.lasts + SECONDS)
        rang = watch.now() - since
        others = watch.firing("critical") - {fault.alert, *fault.with_it}
        assert others == set()
    finally:
        gateway.run(fault.end)
    wait(lambda: (fault.alert, "resolved") in watch.received(since), fault.ends)
    print(f"{fault.alert}: {rang:.0f} s, of which {fault.lasts} had to pass")


def test_a_change_notes_what_it_restarts_until_the_proof(gateway):
    providers = yaml.safe_load((PROJECT / "molecule/monitoring/inventory/group_vars/all/providers.yml").read_text())
    providers["ai_backend_providers"]["llama_cpp_native"]["models"][0]["context_length"] = 1024
    look = "while sleep 0.05; do ls /run/ai-backend-changing; done >> /root/noted 2> /dev/null"
    gateway.run(f"rm -f /root/noted; systemd-run -q --unit checks-look sh -c '{look}'")
    try:
        assert play("deploy", extra=providers).code == 0
        noted = set(gateway.run("cat /root/noted").split())
    finally:
        gateway.run("systemctl stop checks-look")
    assert ENGINE.removeprefix("ai-backend-") in noted
    assert gateway.run("ls /run/ai-backend-changing") == ""
    assert play("deploy").code == 0


def test_what_a_change_restarts_rings_only_after_it(watch, gateway):
    """As while a large model is loaded: the note is what a switch writes, and a proof removes."""
    quiet(watch)
    since, note = watch.now(), f"/run/ai-backend-changing/{ENGINE.removeprefix('ai-backend-')}"
    gateway.run(f"mkdir -p $(dirname {note}); echo $(($(date +%s) + 600)) > {note}; systemctl stop {ENGINE}")
    try:
        wait(lambda: watch.firing() >= {"EngineDown", "UnitDown", "ChangeRuns"}, 240)
        held = time.monotonic() + SECONDS
        wait(lambda: time.monotonic() > held, SECONDS + 10)
        assert {name for name, state in watch.received(since) if state == "firing"} <= {"ModelSilent", "RequestsFail"}
        gateway.run(f"rm {note}")
        wait(lambda: ("EngineDown", "firing") in watch.received(since), 60 + SECONDS)
    finally:
        gateway.run(f"rm -f {note}; systemctl start {ENGINE}")


def test_a_certificate_near_its_end_rings(watch, gateway):
    """The endpoint gets one for five days, and then none again."""
    quiet(watch)
    since = watch.now()
    gateway.run(
        "openssl req -x509 -newkey rsa:2048 -nodes -days 5 -subj /CN=gpu1 -keyout /root/key -out /root/crt 2>/dev/null"
        " && cat /root/crt /root/key > /root/edge.pem && chmod 600 /root/edge.pem"
    )
    secured = {"ai_backend_gateway": {**registry("gateway"), "tls_certificate": "/root/edge.pem"}}
    run = play("deploy", extra=secured)
    assert run.code == 0, run.output
    try:
        # It is asked once a minute.
        wait(lambda: ("CertificateEnds", "firing") in watch.received(since), 60 + SECONDS)
        assert watch.firing("critical") == set()
    finally:
        assert play("deploy").code == 0
    wait(lambda: ("CertificateEnds", "resolved") in watch.received(since), 600)


def test_a_release_that_is_refused_rings(watch, gateway, client):
    """Clients notice nothing; the operator is told."""
    quiet(watch)
    since = watch.now()
    with gateway.without_socket(gateway.other_slot()):
        assert play("reload", extra=CHANGED).code != 0
    assert client.answers()
    wait(lambda: ("ChangeRefused", "firing") in watch.received(since), SECONDS)
    assert watch.firing("critical") == set()
    assert play("reload").code == 0
    wait(lambda: ("ChangeRefused", "resolved") in watch.received(since), 1000)


def test_fifteen_quiet_minutes_with_a_reload_ring_nothing(watch, client):
    quiet(watch)
    since, end = watch.now(), time.monotonic() + 900
    assert play("reload", extra=CHANGED).code == 0
    wait(lambda: time.monotonic() > end, 910)
    assert [name for name, state in watch.received(since) if state == "firing"] == []
    assert play("reload").code == 0
