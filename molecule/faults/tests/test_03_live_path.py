"""The fault is in what serves: clients may go without for a bounded time, which is measured, and nobody has to help."""

from fleet import play, wait
from underway import Underway, when

ENGINE = "ai-backend-llama-cpp@llama_cpp_native.service"
EDGE = "ai-backend-edge.service"
ACTIVE = "/etc/ai-backend/litellm/active-slot"


def underway(world):
    return Underway("deploy", "--tags", "litellm", extra=world.other())


def unit_of(slot):
    return f"ai-backend-litellm@{slot}.service"


def test_redis_that_is_down_during_a_change_costs_nothing(world, unharmed):
    with unharmed():
        world.machine.run("systemctl stop ai-backend-redis.service")
        try:
            world.straight()
        finally:
            world.machine.run("systemctl start ai-backend-redis.service")


def test_an_edge_that_reloads_in_the_middle_of_a_change_costs_nothing(world, unharmed):
    with unharmed(), underway(world) as run:
        run.until("Verify | Prove litellm")
        world.machine.run(f"systemctl reload {EDGE}")
        done = run.finish()
        assert done.code == 0, done.output
        world.is_other()


def test_an_edge_that_is_killed_in_the_middle_of_a_change_is_back_by_itself(world, bounded):
    with bounded("edge_killed", 15), underway(world) as run:
        run.until("Verify | Prove litellm")
        world.machine.run(f"systemctl kill -s KILL {EDGE}")
        done = run.finish()
        assert done.code == 0, done.output
        world.is_other()
    world.stands()


def test_the_only_engine_that_is_killed_during_a_change_is_back_by_itself(world, bounded):
    with bounded("engine_killed", 20), underway(world) as run:
        run.until("Verify | Prove litellm")
        world.machine.run(f"systemctl kill -s KILL {ENGINE}")
        done = run.finish()
        assert done.code == 0, done.output
        world.is_other()
    world.stands()


def test_a_slot_that_crashes_while_it_is_watched_gives_the_traffic_back(world, bounded):
    machine = world.machine
    slot, new = machine.slot(), machine.other_slot()
    with bounded("crash_within_soak", 15):
        killing = when(machine, f"grep -q {new} {ACTIVE}", f"systemctl kill -s KILL {unit_of(new)}")
        run = play("deploy", "--tags", "litellm", extra=world.other())
        assert killing.wait(30) == 0
        words = " ".join(run.output.split())
        assert run.code != 0
        assert f"slot {new} was rolled back after its commit" in words
        assert f"slot {slot} serves again" in words
        assert machine.slot() == slot
    world.stands()


def test_a_slot_that_crashes_after_it_was_watched_is_back_by_itself(world, bounded):
    """The old slot drains or has gone, so the time is that of a start."""
    machine = world.machine
    new = machine.other_slot()
    with bounded("crash_after_soak", 45):
        killing = when(machine, f"grep -q {new} {ACTIVE}", f"sleep 4.5; systemctl kill -s KILL {unit_of(new)}")
        run = play("deploy", "--tags", "litellm", extra=world.other())
        assert killing.wait(30) == 0
        assert run.code == 0, run.output
        world.is_other()
    world.stands()


def test_a_host_that_loses_power_in_the_middle_of_a_change_serves_the_old_release(world, bounded):
    machine = world.machine
    slot = machine.slot()
    with bounded("reboot", 90), underway(world) as run:
        run.until("Verify | Prove litellm")
        machine.reboot()
        run.kill()
        assert machine.slot() == slot
    wait(machine.settled, 60)
    world.straight()
    world.stands()


def test_a_serving_release_that_was_tampered_with_is_made_anew_by_a_deploy(world, unharmed):
    machine = world.machine
    config = f"/opt/ai-backend/instances/litellm@{machine.slot()}/files/config.yaml"
    with unharmed():
        machine.run(f"sed -i 's/allowed_fails: 2/allowed_fails: 9/' {config}")
        run = play("deploy", "--tags", "litellm", extra=world.same())
        assert run.code == 0, run.output
        assert run.changed > 0


def test_a_release_that_was_tampered_with_is_no_way_back(world, unharmed):
    machine = world.machine
    world.straight()
    there = machine.run("ls /opt/ai-backend/releases/litellm").split()
    earlier = world.trees[not world.more]
    (release,) = [name for name in there if f"litellm/{name}\n" in earlier]
    config = f"/opt/ai-backend/releases/litellm/{release}/files/config.yaml"
    machine.run(f"cp {config} /root/config.yaml && echo '# tampered' >> {config}")
    try:
        with unharmed():
            run = play("rollback")
            words = " ".join(run.output.split())
            assert run.code != 0
            assert f"release {release} of litellm is not what it was when it was made" in words
            assert "nothing was changed" in words
    finally:
        machine.run(f"cat /root/config.yaml > {config}")
