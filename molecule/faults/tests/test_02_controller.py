"""The controller dies in the middle of a change: clients notice nothing, the next run ends as a straight one would."""

import pytest
from fleet import play, wait
from underway import KILL_MODULES, Underway, unlocked, when


def again(world):
    """The operator's next run, of everything: one of some tags alone closes no generation that it did not open."""
    run = unlocked(lambda: play("deploy", extra=world.other()))
    assert run.code == 0, run.output
    world.is_other()
    assert world.newest()["complete"]
    settled = play("deploy", extra=world.same())
    assert (settled.code, settled.changed) == (0, 0), settled.output


@pytest.mark.parametrize(
    "task",
    [
        pytest.param("Configure | Create the release of litellm", id="before the release"),
        pytest.param("Verify | Prove litellm", id="while the candidate boots"),
        pytest.param("Run | Commit litellm", id="proven and not committed"),
        pytest.param("Close the generation", id="before the generation closes"),
    ],
)
def test_a_killed_controller_costs_nothing(world, unharmed, task):
    with unharmed():
        with Underway("deploy", "--tags", "litellm", extra=world.other()) as run:
            run.until(task)
            run.kill()
        again(world)


def test_a_controller_killed_between_commit_and_drain_costs_nothing(world, unharmed):
    """Its module dies with it: nobody is left on the host to watch or drain."""
    machine = world.machine
    slot = machine.slot()
    with unharmed():
        with Underway("deploy", "--tags", "litellm", extra=world.other()) as run:
            killing = when(machine, f"! grep -q {slot} /etc/ai-backend/litellm/active-slot", KILL_MODULES)
            assert killing.wait(120) == 0
            run.kill()
        wait(lambda: machine.slot() != slot, 10)
        again(world)
