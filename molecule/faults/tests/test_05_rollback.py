"""A way back that is cut off in the middle costs nothing either, and the same command again brings it to its end."""

import subprocess

import pytest
from fleet import play, registry, wait
from underway import KILL_MODULES, Underway, unlocked, when

ACTIVE = "/etc/ai-backend/litellm/active-slot"


def boots(slot):
    """The candidate of the way back is up and not yet proven."""
    return f"systemctl is-active --quiet ai-backend-litellm@{slot}"


def back_where_it_was(world):
    """The host runs what it ran before its last change, and knows it."""
    world.is_other()
    newest = world.newest()
    assert newest["complete"]
    assert newest["restores"]
    settled = play("deploy", extra=world.same())
    assert (settled.code, settled.changed) == (0, 0), settled.output


def again(world):
    run = unlocked(lambda: play("rollback"))
    assert run.code == 0, run.output
    back_where_it_was(world)


@pytest.mark.parametrize(
    ("moment", "besides"),
    [
        pytest.param(boots, KILL_MODULES, id="while the candidate boots"),
        pytest.param(boots, "true", id="while the candidate boots, and its module lives on"),
        pytest.param(lambda slot: f"grep -q {slot} {ACTIVE}", KILL_MODULES, id="between commit and drain"),
    ],
)
def test_a_killed_controller_costs_nothing(world, unharmed, moment, besides):
    world.straight()
    with unharmed():
        killing = when(world.machine, moment(world.machine.other_slot()), besides)
        with Underway("rollback") as run:
            assert killing.wait(120) == 0
            run.kill()
        again(world)


def test_a_controller_killed_when_all_is_back_leaves_a_generation_that_the_next_one_closes(world, unharmed):
    world.straight()
    with unharmed():
        with Underway("rollback") as run:
            run.until("Rollback | Remove the instances that the generation did not have")
            run.kill()
        again(world)


def test_the_command_on_the_host_that_is_killed_costs_nothing(world, unharmed):
    world.straight()
    machine = world.machine
    with unharmed():
        killing = when(machine, boots(machine.other_slot()), "pkill -KILL -f [a]i-backend-rollback")
        cut_off = subprocess.run(["docker", "exec", machine.container, "ai-backend-rollback"], check=False)
        assert (killing.wait(120), cut_off.returncode != 0) == (0, True)
        machine.run("ai-backend-rollback")
        back_where_it_was(world)


def test_a_host_that_loses_power_in_the_middle_of_a_way_back_serves_as_before_it(world, bounded):
    world.straight()
    machine = world.machine
    slot = machine.slot()
    with bounded("reboot_in_a_rollback", 90), Underway("rollback") as run:
        assert when(machine, boots(machine.other_slot()), "true").wait(120) == 0
        machine.reboot()
        run.kill()
        assert machine.slot() == slot
    wait(machine.settled, 60)
    again(world)
    world.stands()


def test_a_way_back_whose_gateway_is_refused_ends_on_what_served_before_it(world):
    """The cache is back already when the gateway's candidate can't have its socket: both stand as before."""
    machine = world.machine
    changed = play("deploy", extra={**world.other(), "ai_backend_cache": {**registry("cache"), "maxmemory": "200mb"}})
    assert changed.code == 0, changed.output
    world.is_other()
    before, slot = world.stand(), machine.other_slot()
    world.traffic.steady()
    with machine.without_socket(slot):
        run = play("rollback")
    words = " ".join(run.output.split())
    assert run.code != 0
    assert "litellm was not restored" in words
    assert "The previous release serves on this host, redis again" in words
    assert world.stand() == before
    world.lost_nothing()
    newest = world.newest()
    assert (newest["complete"], list(newest["refused"])) == (False, [f"litellm@{slot}"])
    listed = " ".join(play("rollback", "-e", "ai_backend_list=true").output.split())
    assert f"yes, without litellm@{slot}" in listed
    world.mend()
    mended = play("deploy", extra=world.same())
    assert mended.code == 0, mended.output
    world.stands()
