"""An execution environment as docs/install.md builds it: out of the archive, on an image that has only ansible-core.

No image registry is asked: the base is a test host with pip, and every package comes out of a folder of wheels.
"""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys
import textwrap

import pytest
import yaml

from toolcache import ROOT, pip_download
from wheelhouse import PYTHONS

BASE, IMAGE = "lab-ai-backend-ee-base:test", "lab-ai-backend-ee:test"
# What a base image has, what ansible-builder installs of its own, and what the collection's meta/ asks for.
GIVEN = ("ansible-core>=2.19,<2.22", "ansible-runner")
BUILDER = ("bindep", "dumb-init==1.2.5", "packaging", "pyyaml")
META = (ROOT / "meta" / "ee-requirements.txt").read_text().splitlines()[1:]
GLIBCS = (12, 17, 28, 34)
DOCKERFILE = r"""
FROM lab-ai-backend-host:trixie
COPY wheels /wheels
RUN apt-get -q update && apt-get -q -y install --no-install-recommends python3-pip \
 && printf '[global]\nno-index = true\nfind-links = /wheels\nbreak-system-packages = true\n' > /etc/pip.conf \
 && python3 -m pip install --root-user-action ignore ansible-core ansible-runner
"""
# Debian's Python has no ensurepip, which images of other makers have.
OPTIONS = {"package_manager_path": "/usr/bin/apt-get", "skip_pip_install": True}


def run(*argv: str | pathlib.Path, cwd: pathlib.Path) -> str:
    done = subprocess.run(argv, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The environment's image, with the page's file and this base."""
    folder = tmp_path_factory.mktemp("environment")
    python = PYTHONS["trixie"].rpartition(".")[0]
    tags = [word for glibc in GLIBCS for word in ("--platform", f"manylinux_2_{glibc}_x86_64")]
    tags += ["--platform", "manylinux2014_x86_64", "--python-version", python]
    pip_download(str(folder / "wheels"), *tags, *GIVEN, *BUILDER, *META)
    (folder / "Dockerfile").write_text(DOCKERFILE)
    run("docker", "build", "--tag", BASE, ".", cwd=folder)
    tools = pathlib.Path(sys.executable).parent
    run(tools / "ansible-galaxy", "collection", "build", "--output-path", folder, cwd=ROOT)
    page = (ROOT / "docs" / "install.md").read_text()
    (text,) = re.findall(r"^```yaml\n(version: 3\n.*?)^```", page, re.MULTILINE | re.DOTALL)
    definition = yaml.safe_load(text)
    definition["images"]["base_image"]["name"] = BASE
    (folder / "execution-environment.yml").write_text(yaml.safe_dump({**definition, "options": OPTIONS}))
    run(tools / "ansible-builder", "build", "--container-runtime", "docker", "--tag", IMAGE, "-v", "2", cwd=folder)
    return IMAGE


def test_it_makes_a_project_and_validates_it(image: str, tmp_path: pathlib.Path) -> None:
    script = """
        mkdir /tmp/lab && cd /tmp/lab
        ansible-playbook lab.ai_backend.init
        ansible-playbook -i inventory/local.yml lab.ai_backend.validate
    """
    said = run("docker", "run", "--rm", image, "bash", "-ec", textwrap.dedent(script), cwd=tmp_path)
    assert said.count("failed=0") == 2
