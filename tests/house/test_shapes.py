"""How large code may be, and who may know an engine or a service by its name."""

from __future__ import annotations

import ast
import pathlib
import re

import pytest

from checkout import short, tracked
from toolcache import ROOT

FILES = tracked("plugins/*.py")
LINES_OF_A_FUNCTION, LINES_OF_A_FILE = 45, 300
# A module's documentation stands in its file.
DOCUMENTED = "plugins/modules/"
ENGINE = re.compile(r"(^|[^o])llama[-_]?cpp|LlamaCpp|LLAMA_")
KNOW_ENGINES = (
    "plugins/module_utils/ollama/",
    "plugins/modules/tiny_model.py",
    "plugins/plugin_utils/engines/",
    "plugins/plugin_utils/importing/",
)
INSTANCE = re.compile(r"""["'](redis|litellm|litellm@\w*)["']""")
KNOW_SERVICES = ("plugins/plugin_utils/plan/services/", "plugins/plugin_utils/importing/")
# The same word for another thing.
NO_INSTANCE = {
    "plugins/module_utils/inspection/status.py": "kind of a probe",
    "plugins/module_utils/probes/checks.py": "kind of a probe",
    "plugins/modules/look.py": "kind of a probe",
    "plugins/plugin_utils/engines/remote/by_prefix.py": "type of provider",
    "plugins/plugin_utils/litellm/config.py": "LiteLLM's kind of cache",
    "plugins/plugin_utils/plan/managed_groups.py": "inventory group",
    "plugins/plugin_utils/registry/variables.py": "words for parts of the registry",
    "plugins/plugin_utils/schema/cache.py": "inventory group, port and LiteLLM's default prefix",
}


def code_lines(path: pathlib.Path) -> list[str]:
    """The lines of a file without its documentation, which may give an example."""
    lines = path.read_text().splitlines()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Expr | ast.Assign) and isinstance(node.value, ast.Constant):
            text = node.value.value
            if isinstance(text, str) and (isinstance(node, ast.Expr) or "\n" in text):
                lines[node.lineno - 1 : node.end_lineno] = [""] * ((node.end_lineno or 0) - node.lineno + 1)
    return lines


@pytest.mark.parametrize("path", FILES, ids=short)
def test_functions_and_files_are_short(path: pathlib.Path) -> None:
    text = path.read_text()
    functions = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef))
    long = [f"{node.name}: {length}" for node in functions if (length := _length(node)) > LINES_OF_A_FUNCTION]
    assert long == []
    if not short(path).startswith(DOCUMENTED):
        assert len(text.splitlines()) <= LINES_OF_A_FILE


def _length(node: ast.FunctionDef) -> int:
    return (node.end_lineno or 0) - node.lineno + 1


@pytest.mark.parametrize("path", FILES, ids=short)
def test_an_engine_is_known_by_its_own_file_alone(path: pathlib.Path) -> None:
    if not short(path).startswith(KNOW_ENGINES):
        assert [line for line in code_lines(path) if ENGINE.search(line)] == []


@pytest.mark.parametrize("path", FILES, ids=short)
def test_a_service_is_known_by_its_own_file_alone(path: pathlib.Path) -> None:
    if not short(path).startswith(KNOW_SERVICES):
        found = [line for line in code_lines(path) if INSTANCE.search(line)]
        assert bool(found) == (short(path) in NO_INSTANCE), found


def test_what_is_excepted_is_there() -> None:
    assert [name for name in NO_INSTANCE if not (ROOT / name).is_file()] == []
