# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the check of a configuration makes of the words of vLLM's parser, here of a parser in its place.

tests/heavy/test_vllm.py asks the real one.
"""

from __future__ import annotations

import pathlib
import subprocess
import sys
import textwrap

import pytest

CHECK = pathlib.Path(__file__).resolve().parents[3] / "roles" / "vllm" / "files" / "check_config.py"
PARSER = """
import argparse
class FlexibleArgumentParser(argparse.ArgumentParser):
    def parse_args(self, words):
        return super().parse_args(open(words[1]).read().split())
def make_arg_parser(parser):
    parser.add_argument("--max-num-seqs", type=int)
    parser.add_argument("--tensor-parallel-size", type=int, default=1)
    parser.add_argument("--pipeline-parallel-size", type=int, default=1)
    return parser
def validate_parsed_serve_args(found):
    if found.max_num_seqs == 13:
        raise TypeError("Error: it brings bad luck")
def validate_api_server_args(found):
    if found.max_num_seqs == 7:
        raise KeyError("invalid tool call parser: x")
"""
PLACES = ("entrypoints/launchers/cli_args", "entrypoints/launchers/launcher", "utils/argparse_utils")


@pytest.fixture
def place(tmp_path: pathlib.Path) -> pathlib.Path:
    """Where a parser in the place of vLLM's is, and a torch that sees one card."""
    for name in PLACES:
        file = tmp_path / "vllm" / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(PARSER)
    (tmp_path / "torch.py").write_text("class cuda:\n    device_count = staticmethod(lambda: 1)\n")
    return tmp_path


def checked(place: pathlib.Path, words: str, backend: str = "cpu") -> tuple[int, str]:
    """(exit code, last line) of the check."""
    (place / "vllm.yaml").write_text(textwrap.dedent(words))
    command = [sys.executable, "-c", CHECK.read_text(), str(place / "vllm.yaml"), backend]
    environment = {"PYTHONPATH": str(place)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, (done.stdout.splitlines() or [""])[-1]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("--max-num-sequences=4", "unrecognized arguments: --max-num-sequences=4 (did you mean --max-num-seqs?)"),
        ("--max-num-seqs x", "argument --max-num-seqs: invalid int value: 'x'"),
        ("--max-num-seqs 13", "Error: it brings bad luck"),
        ("--max-num-seqs 7", "invalid tool call parser: x"),
    ],
)
def test_what_is_wrong_is_the_last_line(place: pathlib.Path, words: str, line: str) -> None:
    assert checked(place, words) == (3, line)


def test_a_right_one_says_nothing(place: pathlib.Path) -> None:
    assert checked(place, "--max-num-seqs 4") == (0, "")


@pytest.mark.parametrize(
    ("backend", "words", "line"),
    [
        ("cuda", "--tensor-parallel-size 1", ""),
        ("cuda", "--tensor-parallel-size 2", "it needs its 2 cards, and torch sees 1: install the driver"),
        ("rocm", "--tensor-parallel-size 2", ""),
    ],
)
def test_a_card_that_is_missing_is_named(place: pathlib.Path, backend: str, words: str, line: str) -> None:
    assert checked(place, words, backend)[1].startswith(line)
