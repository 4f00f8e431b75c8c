"""A change of the registry is shown before it is made, and clients lose no name that nobody agreed to lose."""

import copy

from fleet import play, registry


def with_alias(name):
    routing = copy.deepcopy(registry("routing"))
    routing["exact_matches"][name] = {"provider": "llama_cpp_native", "backend_model": "lab-tiny"}
    return {"ai_backend_routing": routing}


def test_without_a_change_nothing_is_done():
    run = play("reload")
    assert (run.code, run.changed) == (0, 0), run.output
    assert "nothing changes at the gateway" in run.output


def test_what_would_change_is_shown_and_nothing_touched(gateway):
    before = gateway.pids()
    run = play("reload", "--check", extra=with_alias("shown-only"))
    assert "new: shown-only" in run.output
    assert "would serve" in run.output
    assert gateway.pids() == before
    run = play("reload", extra={**with_alias("shown-only"), "ai_backend_validate_only": True})
    assert (run.code, run.changed) == (0, 0), run.output
    assert gateway.pids() == before


def test_a_name_goes_only_when_somebody_confirms_it_and_no_request_is_lost(gateway, client):
    with client.asking() as answers:
        added = play("reload", extra=with_alias("passing"))
        assert added.code == 0, added.output
        assert "passing" in client.models()
        before = gateway.pids()
        for words in ({}, {"ai_backend_confirm": "false"}):
            refused = play("reload", extra=words)
            assert refused.code != 0
            assert "clients could no longer ask for passing, and nobody confirmed it" in " ".join(
                refused.output.split()
            )
            assert gateway.pids() == before
        gone = play("reload", "-e", "ai_backend_confirm=true")
        assert gone.code == 0, gone.output
        assert "gone: passing" in gone.output
        assert "passing" not in client.models()
    assert len(answers) > 30
    assert play("reload").changed == 0
