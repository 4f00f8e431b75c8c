"""Rules for the checkout as a whole."""

from __future__ import annotations

import ast
import pathlib
import re
import subprocess
import sys

import pytest
import yaml
from packaging.requirements import Requirement

from checkout import ROOT, short, tracked
from locks import LOCKS, denied_releases, pins_of, refused

# Registries are the machine's business: its own apt and pip know theirs.
REGISTRIES = re.compile(
    r"\b(pypi\.(org|python)|files\.pythonhosted|(deb|security|snapshot|ftp)[\w.]*\.debian\.org|archive\.ubuntu"
    r"|registry\.npmjs|(ghcr|quay|gcr)\.io|hub\.docker|registry-1\.docker|galaxy\.ansible)\b"
)


def text_of(path: pathlib.Path) -> str:
    """The text of a file, empty for a link or what is no text."""
    try:
        return "" if path.is_symlink() else path.read_text()
    except UnicodeDecodeError:
        return ""


def own(pattern: re.Pattern[str] | str) -> list[str]:
    """Where a pattern stands in the files of the checkout, this one left out."""
    found = []
    for path in tracked():
        if path != pathlib.Path(__file__):
            lines = enumerate(text_of(path).splitlines(), 1)
            found += [f"{short(path)}:{number}: {line[:120]}" for number, line in lines if re.search(pattern, line)]
    return found


def imports(path: pathlib.Path) -> set[str]:
    """The modules that a Python file imports, in full; what stands in a package may be one, or a name in its file."""
    names: set[str] = set()
    package = ("ansible_collections", "lab", "ai_backend", *path.relative_to(ROOT).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            names.add(".".join([*above, *([node.module] if node.module else [])]))
    return names


@pytest.mark.parametrize("path", tracked("plugins/*.py"), ids=short)
def test_plugins_import_each_other_relatively(path: pathlib.Path) -> None:
    assert "ansible_collections" not in {
        node.module.partition(".")[0]
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and not node.level and node.module
    }


def test_no_registry_is_named() -> None:
    assert own(REGISTRIES) == []


def test_no_path_of_this_machine_is_named() -> None:
    places = {str(ROOT), *([str(pathlib.Path.home())] if len(pathlib.Path.home().parts) > 2 else [])}
    assert own("|".join(re.escape(place) + r"\b" for place in sorted(places))) == []


def test_links_are_relative_and_lead_into_the_checkout() -> None:
    for path in tracked():
        if path.is_symlink():
            assert not path.readlink().is_absolute(), short(path)
            assert path.resolve(strict=True).is_relative_to(ROOT.resolve()), short(path)


@pytest.mark.parametrize("inventory", ["cluster", "demo"])
def test_other_inventories_see_the_whole_registry(inventory: str) -> None:
    registry = {path.name for path in tracked("group_vars/all/*.yml")}
    linked = {path.name for path in tracked(f"inventory/{inventory}/group_vars/all/*.yml") if path.is_symlink()}
    assert linked == registry


def test_executables_have_a_shebang_and_scripts_are_executable() -> None:
    for path in tracked():
        # What Ansible ships to hosts is started there, by Ansible's own rules.
        if not path.is_symlink() and path.suffix != ".j2" and not {"files", "plugins"} & set(path.parts):
            executable = bool(path.stat().st_mode & 0o100)
            assert executable == text_of(path).startswith("#!"), short(path)


@pytest.mark.parametrize("path", tracked("tests/*.py", "molecule/*.py"), ids=short)
def test_skipped_tests_say_why(path: pathlib.Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        name = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
        if isinstance(node, ast.Call) and name in {"pytest.skip", "pytest.xfail"}:
            assert node.args or node.keywords, f"line {node.lineno}: {name} without a reason"
        if (
            isinstance(node, ast.Call)
            and name.startswith("pytest.mark.")
            and name.endswith(("skip", "skipif", "xfail"))
        ):
            assert any(keyword.arg == "reason" for keyword in node.keywords), f"line {node.lineno}: no reason"
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            bare = {ast.unparse(mark) for mark in node.decorator_list} & {"pytest.mark.skip", "pytest.mark.xfail"}
            assert not bare, f"{node.name}: {bare} without a reason"


@pytest.mark.parametrize("path", tracked("plugins/plugin_utils/*.py"), ids=short)
def test_library_knows_no_ansible_and_needs_what_is_declared(path: pathlib.Path) -> None:
    lines = (ROOT / "meta/ee-requirements.txt").read_text().splitlines()
    declared = {Requirement(line).name.lower() for line in lines if line and not line.startswith("#")}
    declared = {"yaml" if name == "pyyaml" else name for name in declared}
    ours = "ansible_collections.lab.ai_backend.plugins.plugin_utils"
    # The one file of the hosts' library that both share: where everything lies on a host, and what it is called.
    layout = "ansible_collections.lab.ai_backend.plugins.module_utils.host.layout"
    foreign = {name for name in imports(path) if not name.startswith((ours, layout))}
    packages = {name.split(".")[0] for name in foreign} - sys.stdlib_module_names
    assert packages <= {*declared, "pydantic_core", "annotated_types"}


@pytest.mark.parametrize("path", tracked("plugins/modules/*.py", "plugins/module_utils/*.py"), ids=short)
def test_hosts_need_only_the_standard_library(path: pathlib.Path) -> None:
    allowed = ("ansible.module_utils.", "ansible_collections.lab.ai_backend.plugins.module_utils")
    foreign = {name for name in imports(path) if not f"{name}.".startswith(allowed)}
    assert {name.split(".")[0] for name in foreign} <= sys.stdlib_module_names


@pytest.mark.parametrize(("source", "lock"), [(source, lock) for source, (lock, _follows) in LOCKS.items()])
def test_locks_fit_their_sources(source: str, lock: str) -> None:
    text = (ROOT / lock).read_text()
    pinned: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.M):
        pinned.setdefault(name.lower(), set()).add(version)
    files = [ROOT / source]
    for line in files[0].read_text().splitlines():
        if line.startswith("-r "):
            files.append((files[0].parent / line[3:]).resolve())
    lines = [line for file in files for line in file.read_text().splitlines() if line and line[0] not in "#-"]
    assert lines
    for requirement in map(Requirement, lines):
        versions = pinned.get(requirement.name.lower().replace("_", "-"), set())
        assert any(requirement.specifier.contains(version) for version in versions), f"{requirement}: run make lock"
    assert text.count("--hash=sha256:") >= sum(map(len, pinned.values()))
    assert "://" not in text, "a lock names no index"


@pytest.mark.parametrize("lock", [lock for lock, _follows in LOCKS.values()])
def test_no_lock_contains_a_denied_release(lock: str) -> None:
    assert list(refused(pins_of((ROOT / lock).read_text()), denied_releases())) == []


def test_every_lock_is_made_and_checked_by_the_same_tool() -> None:
    there = {short(path) for path in tracked("*.lock", "requirements/*.txt")}
    assert there == {lock for lock, _follows in LOCKS.values()}


def test_versions_pinned_by_hand_can_be_followed() -> None:
    """A `# renovate:` line stands above each, for the robot that proposes newer ones."""
    for file in (*(ROOT / source for source in LOCKS), ROOT / "requirements/downloads.toml"):
        before = ""
        for line in file.read_text().splitlines():
            if re.match(r'[\w\[\]-]+==|(ansible|llama-cpp-python) = "', line):
                assert before.startswith("# renovate:"), f"{short(file)}: {line}"
            before = line


def test_no_test_imports_another_one() -> None:
    """A runner that imports by path does not find it: a whole scenario once never ran."""
    modules = [path for path in tracked("*.py") if path.name.startswith("test_")]
    pattern = re.compile(r"^(?:from|import) (test_\w+)", re.MULTILINE)
    assert {short(path): found for path in modules if (found := pattern.findall(path.read_text("utf-8")))} == {}


@pytest.mark.parametrize("generator", tracked("tests/tools/generate_*.py"), ids=short)
def test_generated_files_are_up_to_date(generator: pathlib.Path) -> None:
    done = subprocess.run([sys.executable, str(generator), "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"run make docs\n{done.stdout}{done.stderr}"


def test_the_artefact_is_for_users() -> None:
    """Everything at the top is either meant for users or named in build_ignore."""
    ignored = set(re.findall(r'^  - "?([^"\n]+)"?$', (ROOT / "galaxy.yml").read_text(), re.M))
    shipped = {path.relative_to(ROOT).parts[0] for path in tracked()} - ignored
    meant = (
        "CHANGELOG.md LICENSE README.md SECURITY.md docs galaxy.yml group_vars inventory meta playbooks plugins roles"
    )
    assert shipped <= set(meant.split())


@pytest.mark.parametrize("kind", ["callback", "filter", "lookup", "modules"])
def test_the_changelog_names_every_released_plugin(kind: str) -> None:
    releases = yaml.safe_load((ROOT / "changelogs" / "changelog.yaml").read_text())["releases"]
    named = [
        entry["name"]
        for release in releases.values()
        for entry in (release.get("modules", []) if kind == "modules" else release.get("plugins", {}).get(kind, []))
    ]
    # All filters are in one file, and their documentation in a file each.
    files = (ROOT / "plugins" / kind).glob("*.yml" if kind == "filter" else "*.py")
    # The next release adds what it brings by itself.
    added = {path.stem: re.search(r"^ *version_added: *(\S+)", path.read_text(), re.M) for path in files}
    assert sorted(named) == sorted(name for name, version in added.items() if not version or version[1] in releases)
