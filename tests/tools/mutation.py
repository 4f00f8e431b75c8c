"""Mutation testing of the library: how many small changes of its code the tests notice.

Copies the library and its tests to build/mutation, lets mutmut make every mutant there, and runs those of a sample
drawn from a seed (--sample=0 for all of them: hours). The last line is the score, its conditions stand before it. A
mutant that survives is listed with --show.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import pathlib
import random
import shutil
import subprocess
import sys

from locked_venv import locked_venv
from toolcache import ROOT, run, say

TREE = ROOT / "build" / "mutation"
LIBRARY = "ansible_collections/lab/ai_backend"
# What tests of the library read; those that start other processes or generate for long do not pay here.
COPIED = ("plugins", "roles", "group_vars", "docs")
LEFT_OUT = ("tests/unit/plugin_utils/test_properties.py", "tests/faults/test_fuzz.py")
# A play starts another Python, which mutmut does not know.
PLAYS = "shipped_registry or templates_inside or findings_are_the_error or findings_say_file or config_and_the_table"
SETTINGS = f"""
[tool.mutmut]
source_paths = ["{LIBRARY}/plugins/plugin_utils"]
pytest_add_cli_args_test_selection = ["tests"]
also_copy = ["tests", "ansible_collections", "roles", "group_vars", "docs"]
do_not_mutate = ["*/litellm/keys.py"]
[tool.pytest.ini_options]
pythonpath = [".", "tests/faults", "tests/golden"]
addopts = ["--import-mode=importlib", "-p", "no:cacheprovider", "-q", "-k", "not ({PLAYS})"]
"""
# mutmut chooses tests by their names, and names made of registry texts are not always found again.
CONFTEST = """
import _pytest.python

_pytest.python.IdMaker.make_unique_parameterset_ids = lambda self: [str(i) for i in range(len(self.parametersets))]
"""
# mutmut's exit codes of a mutant: killed by a test, by a crash of the tests, or by taking too long.
KILLED = {1, 3, -24, 24, 36, 152, 255}
SURVIVED, UNTESTED = {0}, {33, 5}


def make_tree() -> None:
    """The library where it is imported from, and the tests beside it."""
    shutil.rmtree(TREE, ignore_errors=True)
    for folder in COPIED:
        for target in (TREE / LIBRARY / folder, TREE / folder):
            if folder != "plugins" or target.is_relative_to(TREE / LIBRARY):
                shutil.copytree(ROOT / folder, target)
    for folder in ("tests/unit/plugin_utils", "tests/faults", "tests/golden"):
        shutil.copytree(ROOT / folder, TREE / folder)
    for file in LEFT_OUT:
        (TREE / file).unlink()
    (TREE / "pyproject.toml").write_text(SETTINGS)
    (TREE / "tests" / "conftest.py").write_text(CONFTEST)


def mutmut(tools: pathlib.Path, *arguments: str, quiet: bool = True) -> int:
    """Run it in the tree; its spinner writes megabytes, so all goes to a log."""
    with (TREE / "mutmut.log").open("a") as log:
        command = [str(tools / "mutmut"), *arguments]
        path = f"{tools}:{os.environ['PATH']}"
        return subprocess.run(
            command, cwd=TREE, env={**os.environ, "PATH": path}, stdout=log, stderr=log if quiet else None, check=False
        ).returncode


def exit_codes() -> dict[str, int | None]:
    """Mutant -> exit code of the tests with it, None where it was not run."""
    found: dict[str, int | None] = {}
    for file in sorted((TREE / "mutants").rglob("*.meta")):
        found |= json.loads(file.read_text())["exit_code_by_key"]
    return found


def interval(killed: int, total: int) -> float:
    """Half the width of the 95 % interval of a share, in percent (normal approximation)."""
    share = killed / total
    return 196 * math.sqrt(share * (1 - share) / total)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, default=600, help="mutants to run (default: 600; 0 for all)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the sample (default: 1)")
    parser.add_argument("--show", action="store_true", help="list the mutants that survive")
    arguments = parser.parse_args()
    tools = locked_venv("mutation", ROOT / "requirements" / "mutation.txt") / "bin"
    make_tree()
    say("making the mutants and learning which test covers what")
    # No mutant has this name: it makes all of them and runs none.
    mutmut(tools, "run", "--max-children", "1", "none-of-them")
    mutants = sorted(exit_codes())
    if not mutants:
        sys.exit(f"mutation: no mutants were made; see {TREE / 'mutmut.log'}")
    chosen = mutants
    if arguments.sample and arguments.sample < len(mutants):
        chosen = sorted(random.Random(arguments.seed).sample(mutants, arguments.sample))
    say(f"running {len(chosen)} of {len(mutants)} mutants")
    mutmut(tools, "run", "--max-children", "1", *chosen)
    codes = {name: code for name, code in exit_codes().items() if name in set(chosen) and code is not None}
    survivors = sorted(name for name, code in codes.items() if code in SURVIVED | UNTESTED)
    if arguments.show:
        for name in survivors:
            print(run(str(tools / "mutmut"), "show", name, cwd=str(TREE)))
    if not codes:
        sys.exit(f"mutation: none was run; see {TREE / 'mutmut.log'}")
    killed = len(codes) - len(survivors)
    print(f"mutation_mutants: {len(mutants)} made")
    print(f"mutation_run: {len(codes)} mutants of seed {arguments.seed}")
    print(f"mutation_interval: {interval(killed, len(codes)):.1f} % either way (95 %)")
    print(f"mutation_score: {100 * killed / len(codes):.1f} %")


if __name__ == "__main__":
    main()
