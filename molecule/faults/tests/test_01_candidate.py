"""The fault is the candidate's: no client notices, the host stays what it was, and the operator is told the cause."""

import time

import pytest
from fleet import play, registry
from underway import Underway, when

RELEASES = "/opt/ai-backend/releases/litellm"
GENERATIONS = "/var/lib/ai-backend/generations"


def deploy(extra, **variables):
    return play("deploy", "--tags", "litellm", extra={**extra, **variables})


def with_extra(world, **sections):
    """A registry that adds sections to LiteLLM's config, which our checks can't know."""
    return world.same(ai_backend_gateway={**registry("gateway"), "litellm": {"extra": sections}})


def never_seen(world):
    """A registry whose release no host has had."""
    return with_extra(world, litellm_settings={"request_timeout": 600 + time.time_ns() % 10**9})


def refused(run, machine, *causes):
    """The play failed, and its message names the causes and what serves instead."""
    words = " ".join(run.output.split())
    assert run.code != 0, run.output
    for cause in ("of litellm was refused:", *causes):
        assert cause in words, run.output
    slot = machine.slot()
    assert f"Release {machine.release(f'litellm@{slot}')} serves as before (litellm@{slot}, proven again)" in words


def test_a_straight_change_under_load_loses_nothing(world, unharmed):
    with unharmed():
        world.straight()


def test_a_candidate_stands_back_until_it_serves(world, unharmed):
    """Its threads are nice while it boots; none of them is once clients depend on it."""
    machine = world.machine
    nice = "ps -L -o ni= -p $(systemctl show -p MainPID --value ai-backend-litellm@{}.service)"
    candidate = machine.other_slot()
    with unharmed(), Underway("deploy", "--tags", "litellm", extra=world.other()) as run:
        run.until("Verify | Prove litellm")
        assert set(machine.run(nice.format(candidate)).split()) == {"10"}
        done = run.finish()
        assert done.code == 0, done.output
        world.is_other()
    assert machine.slot() == candidate
    assert set(machine.run(nice.format(candidate)).split()) == {"0"}


@pytest.mark.parametrize(
    ("edit", "causes"),
    [
        pytest.param("$ a broken: [", ["does not stay up", "config.yaml"], id="is no yaml"),
        pytest.param("s/model_name: lab-tiny/model_name: tiny/", ["does not list lab-tiny"], id="lacks a model"),
        # The journal says why: the candidate's own breaker soon answers in the engine's place.
        pytest.param(
            "s#:8080/v1#:8079/v1#", ["model code_generation answered 502", "Connection error"], id="gives no answer"
        ),
    ],
)
def test_a_candidate_whose_configuration_was_damaged_never_serves(world, unharmed, edit, causes):
    """Between its making and its start, on the disk of the host."""
    machine = world.machine
    known = " ".join(f"-e {name}" for name in machine.run(f"ls {RELEASES}").split())
    new = f"ls {RELEASES} | grep -vxF {known}"
    with unharmed():
        damaging = when(machine, f"{new} | grep -q .", f"sed -i '{edit}' {RELEASES}/$({new})/files/config.yaml")
        run = deploy(never_seen(world), litellm_timeout=40)
        assert damaging.wait(30) == 0
        refused(run, machine, *causes)


def test_a_configuration_that_litellm_refuses_never_serves(world, unharmed):
    with unharmed():
        run = deploy(with_extra(world, litellm_settings={"callbacks": ["no_such_module.handler"]}))
        refused(run, world.machine, "does not stay up", "no_such_module")


def test_a_new_route_whose_engine_lists_the_model_and_gives_no_answer_never_serves(world, unharmed):
    with unharmed():
        providers = registry("providers")
        providers["paced"]["models"].append("lab-broken")
        run = deploy(world.same(ai_backend_providers=providers), litellm_timeout=30)
        refused(run, world.machine, "a route that changes:", "model lab-broken answered")


def test_a_candidate_that_hangs_is_given_up(world, unharmed):
    unit = f"ai-backend-litellm@{world.machine.other_slot()}.service"
    with unharmed():
        stopping = when(world.machine, f"systemctl is-active -q {unit}", f"systemctl kill -s STOP {unit}")
        begin = time.monotonic()
        run = deploy(world.other(), litellm_timeout=15)
        assert stopping.wait(30) == 0
        refused(run, world.machine, "no good answer within 15 s")
        assert time.monotonic() - begin < 120, "the hung candidate was waited for"


def test_a_candidate_that_the_kernel_kills_is_given_up(world, unharmed):
    """As often as systemd starts it, as it is where memory is short."""
    machine = world.machine
    unit = f"ai-backend-litellm@{machine.other_slot()}.service"
    up, kill = f"systemctl is-active -q {unit}", f"systemctl kill -s KILL {unit}"
    again = f"for n in 1 2 3; do until {up}; do sleep 0.1; done; {kill}; sleep 0.5; done"
    with unharmed():
        killing = when(machine, up, again)
        run = deploy(world.other())
        killing.terminate()
        killing.wait()
        refused(run, machine, "does not stay up")


def test_a_candidate_that_is_killed_once_is_started_again_and_serves(world, unharmed):
    unit = f"ai-backend-litellm@{world.machine.other_slot()}.service"
    with unharmed():
        killing = when(world.machine, f"systemctl is-active -q {unit}", f"systemctl kill -s KILL {unit}")
        world.straight()
        assert killing.wait(30) == 0


def test_a_candidate_that_can_not_have_its_socket_is_refused_and_the_other_slot_serves(world, unharmed):
    machine, slot = world.machine, world.machine.other_slot()
    with unharmed(), machine.without_socket(slot):
        refused(deploy(world.other()), machine, f"litellm@{slot}")


def test_a_full_disk_is_said_and_the_half_made_release_has_no_name(world, unharmed):
    machine = world.machine
    before = machine.run(f"ls -A {RELEASES}")
    machine.run(f"mkdir -p /root/releases && cp -a {RELEASES}/. /root/releases/")
    machine.run(f"mount -t tmpfs -o size=1m,mode=755 tmpfs {RELEASES} && cp -a /root/releases/. {RELEASES}/")
    machine.host.run(f"head -c 2M /dev/zero > {RELEASES}/.filled")
    try:
        with unharmed():
            run = deploy(never_seen(world))
            words = " ".join(run.output.split())
            assert run.code != 0
            assert "Traceback" not in words
            assert f"of litellm could not be written below {RELEASES}: [Errno 28] No space left on device" in words
            assert "The running services are unchanged" in words
            assert machine.run(f"ls -A --ignore=.filled {RELEASES}") == before
    finally:
        machine.run(f"umount {RELEASES} && rm -r /root/releases")


def test_a_generation_that_finds_no_room_is_said_and_what_served_serves(world, unharmed):
    """A change that can't be recorded has no way back, so it must not serve."""
    machine = world.machine
    slot, before = machine.slot(), machine.run(f"cd {GENERATIONS} && ls -A && cat *")
    machine.run(f"mkdir -p /root/generations && cp -a {GENERATIONS}/. /root/generations/")
    machine.run(f"mount -t tmpfs -o size=1m,mode=755 tmpfs {GENERATIONS} && cp -a /root/generations/. {GENERATIONS}/")
    machine.host.run(f"head -c 2M /dev/zero > {GENERATIONS}/.filled")
    try:
        with unharmed():
            run = deploy(world.other())
            words = " ".join(run.output.split())
            assert run.code != 0
            assert "Traceback" not in words
            assert f"no generation can be recorded in {GENERATIONS}: [Errno 28] No space left on device" in words
            release = machine.release(f"litellm@{slot}")
            assert f"Release {release} serves as before (litellm@{slot}, proven again)" in words
            assert machine.slot() == slot
            assert machine.run(f"cd {GENERATIONS} && ls -A --ignore=.filled && cat *") == before
    finally:
        machine.run(f"umount {GENERATIONS} && rm -r /root/generations")
    world.straight()


def test_a_wrong_engine_key_never_serves_and_the_right_one_comes_back(world, unharmed):
    """The engine keeps the key that it was started with; the candidate gets another one."""
    with unharmed():
        wrong = deploy(world.same(ai_backend_secrets={"AI_BACKEND_ENGINE_KEY": "not-the-key"}), litellm_timeout=30)
        refused(wrong, world.machine, "model code_generation answered", "401")
        mended = deploy(world.same())
        assert mended.code == 0, mended.output


def test_of_two_changes_at_once_the_second_is_refused(world, unharmed):
    with unharmed(), Underway("reload", extra={**world.other(), "ai_backend_confirm": True}) as first:
        first.until("Verify | Prove litellm")
        second = play("reload", extra={**world.other(), "ai_backend_confirm": True})
        assert second.code != 0
        assert "is being changed by" in " ".join(second.output.split())
        done = first.finish()
        assert done.code == 0, done.output
        world.is_other()
