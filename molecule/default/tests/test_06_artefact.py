"""The built collection, installed elsewhere, in a directory begun by its own init, without our ansible.cfg."""

import os
import shutil
import subprocess

import pytest
from fleet import INVENTORY, PROJECT, REGISTRY, Run


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """A directory of a user who has only the artefact, and the environment that finds it."""
    folder = tmp_path_factory.mktemp("user")
    collections = folder / "collections"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    environment |= {
        "ANSIBLE_COLLECTIONS_PATH": str(collections),
        "ANSIBLE_FORCE_COLOR": "0",
        "PWD": str(folder),
        "HOME": str(folder),
    }
    build = ["ansible-galaxy", "collection", "build", "--output-path", str(folder), str(PROJECT)]
    subprocess.run(build, check=True, capture_output=True, env=environment, cwd=folder)
    (artefact,) = folder.glob("lab-ai_backend-*.tar.gz")
    install = ["ansible-galaxy", "collection", "install", "--offline", "-p", str(collections), str(artefact)]
    subprocess.run(install, check=True, capture_output=True, env=environment, cwd=folder)
    # The connection to the test's container; a user of SSH does not need it.
    others = PROJECT / ".cache" / "collections" / "ansible_collections"
    shutil.copytree(others / "community", collections / "ansible_collections" / "community")
    return folder, environment


def run(elsewhere, *arguments):
    folder, environment = elsewhere
    done = subprocess.run(
        ["ansible-playbook", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    return Run(done.returncode, done.stdout + done.stderr)


def test_init_begins_a_registry_and_overwrites_nothing(elsewhere):
    folder, _environment = elsewhere
    begun = run(elsewhere, "lab.ai_backend.init")
    assert begun.code == 0, begun.output
    providers = folder / "inventory" / "group_vars" / "all" / "providers.yml"
    edited = providers.read_text() + "# mine\n"
    providers.write_text(edited)
    assert run(elsewhere, "lab.ai_backend.init").changed == 0
    assert providers.read_text() == edited


def test_the_begun_registry_is_valid_as_it_is(elsewhere):
    checked = run(elsewhere, "-i", "inventory/local.yml", "lab.ai_backend.validate")
    assert checked.code == 0, checked.output


def test_a_deploy_from_the_artefact_is_the_deploy_from_the_checkout(elsewhere):
    folder, _environment = elsewhere
    shutil.copy(INVENTORY / "hosts.yml", folder / "inventory" / "hosts.yml")
    for file in REGISTRY.glob("*.yml"):
        shutil.copy(file, folder / "inventory" / "group_vars" / "all" / file.name)
    deployed = run(elsewhere, "-i", "inventory/hosts.yml", "lab.ai_backend.deploy")
    assert deployed.code == 0, deployed.output
    assert deployed.changed == 0, deployed.output
