# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The bill of materials names what is on the host, the same for the same host."""

from __future__ import annotations

import hashlib
import json
import pathlib

import pytest
from host_stand_in import FakeSystemctl, made, manifest

from ansible_collections.lab.ai_backend.plugins.module_utils.host.host import Host
from ansible_collections.lab.ai_backend.plugins.module_utils.host.layout import Layout
from ansible_collections.lab.ai_backend.plugins.module_utils.inspection.bill import Component, bill
from ansible_collections.lab.ai_backend.plugins.module_utils.releases import file_list
from ansible_collections.lab.ai_backend.plugins.module_utils.releases.generations import Change
from ansible_collections.lab.ai_backend.plugins.module_utils.switching import switch as switching

pytestmark = pytest.mark.usefixtures("environments")
COMMIT = "0123456789abcdef0123456789abcdef01234567"  # pragma: allowlist secret
WHEELS = {"LiteLLM": "1.106.2", "typing_extensions": "4.15.0"}


def package(folder: pathlib.Path, name: str, version: str) -> None:
    info = folder / "lib" / "python3.11" / "site-packages" / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n\nVersion: no header\n")


@pytest.fixture
def there(host: Host, layout: Layout) -> None:
    """A host with an environment, an unpacked archive with a model, and a package of the distribution."""
    environment, program = pathlib.Path(layout.artifacts, "litellm-1"), pathlib.Path(layout.artifacts, "llama-cpp-2a")
    for name, version in WHEELS.items():
        package(environment, name, version)
    program.mkdir()
    (program / "llama-server").write_text("program")
    model = pathlib.Path(layout.models, "a.gguf")
    model.parent.mkdir(parents=True)
    model.write_text("GGUF")
    for path in (environment, program, model):
        file_list.write(str(path), file_list.make(str(path)))
    pathlib.Path(layout.path("etc")).mkdir(exist_ok=True)
    pathlib.Path(layout.path("etc/os-release")).write_text('ID=debian\nVERSION_ID="13"\n')
    for name, changes in {
        "redis": {"package": "redis-server"},
        "worker": {"artifact": str(environment), "requires": [f"{environment}/.complete"]},
        "engine@fast": {"slotted": True, "artifact": str(program), "requires": [str(model)]},
    }.items():
        release_id = made(layout, manifest(name.partition("@")[0], **changes))  # type: ignore[arg-type]
        switching.switch(host, name, release_id, change=Change(1))


def parts(content: Component) -> dict[str, Component]:
    return {part["bom-ref"]: part for part in content["components"]}


def needs(content: Component, ref: str) -> list[str]:
    (found,) = (entry["dependsOn"] for entry in content["dependencies"] if entry["ref"] == ref)
    return list(found)


def test_an_instance_names_what_it_runs_from(layout: Layout, there: None, systemctl: FakeSystemctl) -> None:
    content = bill(layout, "gpu1", systemctl)
    assert needs(content, "host:gpu1") == ["instance:engine@fast", "instance:redis", "instance:worker", "os:debian-13"]
    assert needs(content, "instance:worker") == ["pkg:pypi/litellm@1.106.2", "pkg:pypi/typing-extensions@4.15.0"]
    assert needs(content, "instance:engine@fast") == ["artifact:llama-cpp-2a", "model:a.gguf"]
    assert needs(content, "instance:redis") == ["pkg:deb/debian/redis-server@1.2-3?distro=debian-13"]
    assert {ref for entry in content["dependencies"] for ref in entry["dependsOn"]} == set(parts(content))


def test_programs_and_models_have_the_sums_of_their_files(
    layout: Layout, there: None, systemctl: FakeSystemctl
) -> None:
    found = parts(bill(layout, "gpu1", systemctl))
    (file,) = found["artifact:llama-cpp-2a"]["components"]
    for part, text in ((file, "program"), (found["model:a.gguf"], "GGUF")):
        assert part["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256(text.encode()).hexdigest()}]


def test_models_that_an_engine_keeps_in_a_folder_are_named_by_its_marker(
    host: Host, layout: Layout, there: None, systemctl: FakeSystemctl
) -> None:
    marker = pathlib.Path(layout.models, "many/0/.complete")
    marker.parent.mkdir(parents=True)
    marker.write_text(json.dumps({"models": {"b:1": "b" * 64, "a:1": "a" * 64}}))
    release_id = made(layout, manifest("many", slotted=True, requires=[str(marker)]))
    switching.switch(host, "many@one", release_id, change=Change(2))
    content = bill(layout, "gpu1", systemctl)
    assert needs(content, "instance:many@one") == ["model:a:1", "model:b:1"]
    assert parts(content)["model:a:1"]["hashes"] == [{"alg": "SHA-256", "content": "a" * 64}]


def test_a_model_from_the_hub_has_its_commit_and_its_files(
    host: Host, layout: Layout, there: None, systemctl: FakeSystemctl
) -> None:
    folder = pathlib.Path(layout.hub, "org--model", COMMIT)
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_text("weights")
    file_list.write(str(folder), file_list.make(str(folder)))
    marker = f"{folder}/.complete"
    switching.switch(host, "vllm@a", made(layout, manifest("vllm", requires=[marker])), change=Change(2))  # type: ignore[arg-type]
    found = parts(bill(layout, "gpu1", systemctl))[f"model:org--model/{COMMIT}"]
    assert (found["name"], found["version"]) == ("org--model", COMMIT)
    digest = hashlib.sha256(b"weights").hexdigest()
    assert found["components"][0]["hashes"] == [{"alg": "SHA-256", "content": digest}]
    assert str(folder) in file_list.installed(layout, [{"requires": [marker]}])


def test_the_same_host_has_the_same_bill(layout: Layout, there: None, systemctl: FakeSystemctl) -> None:
    first = bill(layout, "gpu1", systemctl)
    assert json.dumps(bill(layout, "gpu1", systemctl)) == json.dumps(first)
    assert first["metadata"]["timestamp"].endswith("Z")
    package(pathlib.Path(layout.artifacts, "litellm-1"), "added", "1")
    assert bill(layout, "gpu1", systemctl)["serialNumber"] != first["serialNumber"]


def test_a_host_with_nothing_has_a_bill_with_its_system(layout: Layout, systemctl: FakeSystemctl) -> None:
    assert [part["type"] for part in bill(layout, "gpu1", systemctl)["components"]] == ["operating-system"]


def test_a_version_is_written_as_an_address_needs_it(layout: Layout, there: None) -> None:
    def dpkg(*_arguments: object, **_options: object) -> tuple[int, str]:
        return 0, "5:7.0.15-1~deb12u1+b1 amd64"

    (ref,) = needs(bill(layout, "gpu1", dpkg), "instance:redis")
    assert ref == "pkg:deb/debian/redis-server@5%3A7.0.15-1~deb12u1%2Bb1?arch=amd64&distro=debian-13"
