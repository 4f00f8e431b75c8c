"""The modules for models of Ollama as Ansible runs them: what they would do, what they do, and that they do it once."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ollama_stand_in import GGUF, publish, serving

from ansible_collections.lab.ai_backend.plugins.module_utils.ollama.server import Server

MODULES = "ansible_collections.lab.ai_backend.plugins.modules"
Result = dict[str, Any]
Run = Callable[..., Result]


@pytest.fixture
def server(tmp_path: pathlib.Path) -> Iterator[Server]:
    with serving(tmp_path) as found:
        yield found


@pytest.fixture
def model(server: Server) -> Run:
    """Runs `ollama_model` against the server; `check` is check mode."""

    def run(check: bool = False, **arguments: Any) -> Result:
        given = {"url": server.url, "_ansible_check_mode": check, "_ansible_diff": True, **arguments}
        text = json.dumps({"ANSIBLE_MODULE_ARGS": given})
        code = (
            "import sys; from ansible.module_utils import basic; basic._ANSIBLE_ARGS = sys.argv[1].encode(); "
            "basic._ANSIBLE_PROFILE = 'legacy'; "
            f"from {MODULES} import ollama_model; ollama_model.main()"
        )
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(
            [sys.executable, "-c", code, text], capture_output=True, text=True, check=False, env=environment
        )
        assert done.stdout, done.stderr
        result: Result = json.loads(done.stdout)
        return result

    return run


def test_check_mode_tells_what_a_run_then_does_once(model: Run, server: Server, tmp_path: pathlib.Path) -> None:
    digest = publish(tmp_path, "small:1b")
    told = model(check=True, name="small:1b")
    assert (told["changed"], told["actions"], told["digest"]) == (True, ["pull small:1b"], "")
    assert told["diff"]["prepared"] == "pull small:1b\n"
    assert server.models() == {}
    done = model(name="small:1b")
    assert (done["changed"], done["actions"], done["digest"]) == (True, told["actions"], digest)
    for check in (True, False):
        again = model(check=check, name="small:1b")
        assert (again["changed"], again["actions"], again["diff"]) == (False, [], {})


def test_one_that_is_made_again_from_the_same_is_no_change(model: Run, server: Server, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(GGUF)
    arguments = {"name": "house", "path": str(file), "system": "Be short.", "aliases": ["casa"]}
    made = model(**arguments)
    assert made["actions"] == [f"make house:latest from {file}", "copy house:latest to casa:latest"]
    assert set(server.models().values()) == {made["digest"]}
    assert model(**arguments)["changed"] is False
    assert model(check=True, **{**arguments, "system": "Be long."})["actions"][0].startswith("make house:latest from")


def test_it_goes_with_its_other_names_alone(model: Run, server: Server, tmp_path: pathlib.Path) -> None:
    for name in ("small:1b", "other:1b"):
        publish(tmp_path, name, GGUF + name.encode())
        model(name=name)
    assert model(check=True, name="small:1b", state="absent")["actions"] == ["remove small:1b"]
    assert len(server.models()) == 2
    assert model(name="small:1b", state="absent")["changed"] is True
    assert list(server.models()) == ["other:1b"]
    assert model(name="small:1b", state="absent")["changed"] is False


def test_another_digest_is_an_error(model: Run, tmp_path: pathlib.Path) -> None:
    publish(tmp_path, "small:1b")
    failed = model(name="small:1b", digest="0" * 12)
    assert failed["failed"] is True
    assert "but the registry names 000000000000" in failed["msg"]


def test_a_server_that_is_not_there_is_named(model: Run) -> None:
    failed = model(name="small:1b", url="http://127.0.0.1:9")
    assert failed["msg"].startswith("http://127.0.0.1:9 does not answer: ")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"path": "/m.gguf", "base": "small:1b"}, "path and base can't be used together"),
        ({"path": "/m.gguf", "digest": "0" * 12}, "digest is that of a pulled model"),
        ({"system": "Be short."}, "need path or base"),
        ({"base": "mine:latest"}, "base must be another model than name"),
    ],
)
def test_arguments_that_mean_nothing_together_are_refused(model: Run, arguments: Result, words: str) -> None:
    assert words in model(name="mine", **arguments)["msg"]
