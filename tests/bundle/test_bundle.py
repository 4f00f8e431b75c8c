"""A host that never had a network is deployed from a bundle, which a host like it has helped to make."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import http.server
import json
import os
import pathlib
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import vllm_stand_in
import yaml
from hub_stand_in import COMMIT, Hub
from ollama_library import Library
from ollama_stand_in import publish
from tiny_vllm_model import model_files

from ansible_collections.lab.ai_backend.plugins.modules import tiny_model
from locked_venv import locked_venv
from toolcache import ROOT

HERE = pathlib.Path(__file__).resolve().parent
TWIN, APART = "lab-ai-backend-bundle-twin", "lab-ai-backend-bundle-gpu1"
NETWORK = "lab-ai-backend-apart"
MODELS = ["lab-tiny", "second-tiny", "small:1b", "terse", "coder"]
STORES, HUB_FOLDER = "/var/lib/ai-backend/models/ollama", f"/var/lib/ai-backend/models/hub/org--model/{COMMIT}"
TOKEN = "token-of-a-lab"
# All that a deploy may have changed, as names.
INSTALLED = "dpkg-query --show; ls -d /opt/ai-backend /etc/ai-backend /var/lib/ai-backend 2>/dev/null || true"
ASK = """
import json, sys, urllib.request
key = open("/etc/ai-backend/secrets/litellm.env").read().partition("LITELLM_MASTER_KEY=")[2].splitlines()[0].strip('"')
body = {"model": sys.argv[1], "messages": [{"role": "user", "content": "hi"}], "max_tokens": 4}
headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
url = "http://127.0.0.1:4000/v1/chat/completions"
with urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), headers), timeout=60) as answer:
    print(json.load(answer)["choices"][0]["finish_reason"])
"""

LISTED = 'import urllib.request as request; print(request.urlopen("http://127.0.0.1:11435/api/tags").read().decode())'

# The library of the bill's format reads it.
READ = """
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(sys.stdin.read())
sys.exit(str(problem) if problem else 0)
"""


def play(inventory: str, path: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [
        str(pathlib.Path(sys.executable).with_name("ansible-playbook")),
        "-i",
        str(HERE / "inventory" / inventory),
    ]
    return subprocess.run([*command, path, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def played(inventory: str, path: str, *arguments: str) -> str:
    done = play(inventory, path, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def on_host(container: str, script: str) -> str:
    done = subprocess.run(
        ["docker", "exec", container, "sh", "-ec", script], capture_output=True, text=True, check=True
    )
    return done.stdout


def changed(said: str) -> int:
    (found,) = re.findall(r"^gpu1 +: ok=\d+ +changed=(\d+) +unreachable=0 +failed=0", said, re.MULTILINE)
    return int(found)


@contextlib.contextmanager
def served(folder: pathlib.Path) -> Iterator[str]:
    """A publisher of models."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


def registry(url: str, sha256: str, digest: str) -> list[str]:
    """The shipped one, with a model that is one file, two of Ollama that are pulled, and one of vLLM from the hub."""
    providers = yaml.safe_load((HERE / "inventory/group_vars/all/providers.yml").read_text())["ai_backend_providers"]
    model = {"name": MODELS[1], "url": url, "sha256": sha256}
    providers["second"] = {"type": "llama_cpp", "base_url": "http://127.0.0.1:8085", "models": [model]}
    pulled = [{"name": "small:1b", "digest": digest}, {"name": "terse", "base": "small:1b", "system": "Be short."}]
    providers["pulled"] = {"type": "ollama", "base_url": "http://127.0.0.1:11435", "models": pulled}
    of_hub = {"name": "coder", "hf_repo": "org/model", "revision": COMMIT, "hf_token": "HF_READ", "context_length": 512}
    providers["coder"] = {"type": "vllm", "base_url": "http://127.0.0.1:8003", "models": [of_hub]}
    return ["-e", json.dumps({"ai_backend_providers": providers, "ai_backend_secrets": {"HF_READ": TOKEN}})]


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    os.environ["AI_BACKEND_BUNDLE_FOLDER"] = str(tmp_path_factory.mktemp("controller"))
    os.environ["AI_BACKEND_VLLM_FOLDER"] = str(vllm_stand_in.write(tmp_path_factory.mktemp("vllm")).parent)
    for inventory in ("connected.yml", "apart.yml"):
        played(inventory, "molecule/shared/destroy.yml")
        played(inventory, "molecule/shared/create.yml")
    subprocess.run(["docker", "network", "disconnect", NETWORK, APART], check=True)
    # As the page says.
    on_host(TWIN, "apt-get -q update && apt-get -qy install --no-install-recommends python3-venv")
    yield
    for inventory in ("connected.yml", "apart.yml"):
        played(inventory, "molecule/shared/destroy.yml")


@pytest.fixture(scope="module")
def bundle(hosts: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """{folder, registry, digest}; made once. Afterwards no publisher can be asked any more."""
    source, folder = tmp_path_factory.mktemp("published"), tmp_path_factory.mktemp("media") / "bundle"
    content = tiny_model.build(MODELS[1])
    (source / "second.gguf").write_bytes(content)
    digest = publish(source, "small:1b")
    before = on_host(TWIN, INSTALLED)
    with served(source) as base, Library(source / "hub") as library, Hub(model_files()) as hub:
        hub.key = TOKEN
        given = registry(f"{base}/second.gguf", hashlib.sha256(content).hexdigest(), digest[:12])
        mirror = {"https://huggingface.co/": hub.address, "https://registry.ollama.ai/": library.address}
        places = ["-e", json.dumps({"ai_backend_mirror": mirror, "ai_backend_bundle": str(folder)})]
        said = played("connected.yml", "playbooks/bundle.yml", *given, *places)
        hub.shutdown()
        library.shutdown()
    untouched = on_host(TWIN, INSTALLED) == before
    return {"folder": folder, "registry": given, "said": said, "untouched": untouched, "digest": digest}


def test_it_is_made_and_the_host_that_helped_stays_as_it_was(bundle: dict[str, Any]) -> None:
    assert bundle["untouched"]
    assert re.search(r"11 files, .*, for debian-trixie-x86_64-python3\.13", bundle["said"])


def test_its_sums_are_right(bundle: dict[str, Any]) -> None:
    command = ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]
    done = subprocess.run(command, cwd=bundle["folder"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_its_bill_is_what_the_format_asks_for(bundle: dict[str, Any]) -> None:
    python = locked_venv("audit", ROOT / "requirements" / "audit.txt") / "bin" / "python"
    text = (bundle["folder"] / "sbom.cdx.json").read_text()
    done = subprocess.run([python, "-c", READ], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    names = {part["name"] for part in json.loads(text)["components"]}
    assert {"redis-server", "haproxy", "litellm", "small:1b", f"org/model@{COMMIT}"} <= names


def test_it_holds_no_token(bundle: dict[str, Any]) -> None:
    files = [path for path in bundle["folder"].rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if TOKEN.encode() in path.read_bytes()]


def test_a_host_that_never_had_a_network_is_deployed_from_it(bundle: dict[str, Any]) -> None:
    assert on_host(APART, "ls /sys/class/net").split() == ["lo"]
    said = played(
        "apart.yml", "playbooks/deploy.yml", *bundle["registry"], "-e", f"ai_backend_bundle={bundle['folder']}"
    )
    assert changed(said) > 0
    for model in MODELS:
        command = ["docker", "exec", "-i", APART, "python3", "-", model]
        done = subprocess.run(command, input=ASK, capture_output=True, text=True, check=False)
        assert done.stdout.strip() in ("stop", "length"), (model, done.stderr)


def test_the_models_of_ollama_are_its_own_and_those_of_the_library(bundle: dict[str, Any]) -> None:
    listed = json.loads(on_host(APART, f"python3 -c '{LISTED}'"))
    assert {entry["name"]: entry["digest"] for entry in listed["models"]}["small:1b"] == bundle["digest"]
    assert on_host(APART, f"find {STORES}/pulled -printf '%u\\n' | sort -u").split() == ["ai-backend-ollama"]
    assert on_host(APART, f"ls {STORES}").split() == ["pulled"]


def test_the_model_of_vllm_is_that_of_the_hub(bundle: dict[str, Any]) -> None:
    sums = on_host(APART, f"cd {HUB_FOLDER}; sha256sum *; stat -c %U:%a *")
    for name, content in model_files().items():
        assert f"{hashlib.sha256(content).hexdigest()}  {name}" in sums
    assert set(sums.split()[-len(model_files()) :]) == {"root:644"}


def test_then_nothing_is_left_to_do_and_nothing_of_it_is_left_there(bundle: dict[str, Any]) -> None:
    given = [*bundle["registry"], "-e", f"ai_backend_bundle={bundle['folder']}"]
    assert changed(played("apart.yml", "playbooks/deploy.yml", *given)) == 0
    assert "bundle-" not in on_host(APART, "ls /opt/ai-backend/artifacts")


def test_a_file_that_was_cut_stops_it_before_anything_is_touched(bundle: dict[str, Any]) -> None:
    (cut,) = (path for path in bundle["folder"].joinpath("files").iterdir() if path.name.endswith("second.gguf"))
    content = cut.read_bytes()
    cut.write_bytes(content[:-1])
    generations = on_host(APART, "ls /var/lib/ai-backend/generations; rm /var/lib/ai-backend/models/second-tiny.gguf")
    given = [*bundle["registry"], "-e", f"ai_backend_bundle={bundle['folder']}"]
    done = play("apart.yml", "playbooks/deploy.yml", *given)
    cut.write_bytes(content)
    assert done.returncode != 0
    assert f"{cut} has {len(content) - 1} bytes, not {len(content)}: copy the whole bundle again" in done.stdout
    assert on_host(APART, "ls /var/lib/ai-backend/generations") == generations
    assert changed(played("apart.yml", "playbooks/deploy.yml", *given)) > 0


def test_a_model_that_was_changed_stops_it_before_anything_is_touched(bundle: dict[str, Any]) -> None:
    (changed_one,) = bundle["folder"].glob("models/hub/*/*/model.safetensors")
    content = changed_one.read_bytes()
    changed_one.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    generations = on_host(APART, f"ls /var/lib/ai-backend/generations; rm -r {HUB_FOLDER}")
    given = [*bundle["registry"], "-e", f"ai_backend_bundle={bundle['folder']}"]
    done = play("apart.yml", "playbooks/deploy.yml", *given)
    changed_one.write_bytes(content)
    assert done.returncode != 0
    assert f"{changed_one} has the sha256" in " ".join(done.stdout.split())
    assert on_host(APART, "ls /var/lib/ai-backend/generations") == generations
    assert changed(played("apart.yml", "playbooks/deploy.yml", *given)) > 0


def test_a_bundle_with_another_digest_stops_it_before_anything_is_touched(bundle: dict[str, Any]) -> None:
    generations = on_host(APART, "ls /var/lib/ai-backend/generations")
    given = [text.replace(bundle["digest"][:12], "0" * 12) for text in bundle["registry"]]
    done = play("apart.yml", "playbooks/deploy.yml", *given, "-e", f"ai_backend_bundle={bundle['folder']}")
    assert done.returncode != 0
    words = f"the registry names small:1b, and the bundle has one with the digest {bundle['digest']}, not 000000000000"
    assert words in " ".join(done.stdout.split())
    assert on_host(APART, "ls /var/lib/ai-backend/generations") == generations
