"""Ollama is installed, filled, proven and restored like every engine; the server itself is the tests' simulator."""

import copy
import json
import os
import re
import subprocess

import pytest
from fleet import play, registry, wait

INSTANCE = "ollama@ollama"
UNIT = f"ai-backend-{INSTANCE}.service"
STORES = "/var/lib/ai-backend/models/ollama/ollama"
THEIRS = "/usr/share/ollama"
# Offers models as the publisher's library would; `names` become layers of so many bytes.
OFFER = """
import hashlib, json, pathlib, sys
hub = pathlib.Path("/srv/ollama-hub")
for name, size in json.loads(sys.argv[1]).items():
    model, tag = name.split(":")
    layers = []
    for media, data in (("model", b"GGUF" + name.encode() * (size // len(name))), ("config", b"{}")):
        digest = hashlib.sha256(data).hexdigest()
        (hub / "blobs").mkdir(parents=True, exist_ok=True)
        (hub / "blobs" / f"sha256-{digest}").write_bytes(data)
        media = f"application/vnd.ollama.image.{media}"
        layers.append({"mediaType": media, "digest": f"sha256:{digest}", "size": len(data)})
    file = hub / "manifests/registry.ollama.ai/library" / model / tag
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"schemaVersion": 2, "config": layers[1], "layers": layers[:1]}))
    print(name, hashlib.sha256(file.read_bytes()).hexdigest())
"""
# Another Ollama, as its publisher's own script installs it.
INSTALLED = f"""
id ollama 2>/dev/null || useradd -r -s /bin/false -m -d {THEIRS} ollama
cat > /etc/systemd/system/ollama.service <<'UNIT'
[Service]
ExecStart=/usr/local/bin/ollama serve
User=ollama
Group=ollama
Restart=always
RestartSec=3
[Install]
WantedBy=default.target
UNIT
systemctl daemon-reload
systemctl enable --now ollama.service
"""
POST = (
    "import sys, urllib.request as r; "
    "q = r.Request(sys.argv[1], sys.argv[2].encode(), {'Content-Type': 'application/json'}); "
    "print(r.urlopen(q, timeout=20).read().decode())"
)


def offer(gateway, sizes):
    """Publish models of so many bytes; {name: digest}."""
    done = gateway.host.run("python3 -c %s %s", OFFER, json.dumps(sizes))
    assert done.rc == 0, done.stderr
    return dict(line.split() for line in done.stdout.splitlines())


def managed(digest, *models, **keys):
    """Variables of a run with a managed Ollama: a model that is pinned, one from it, one from a file, and others."""
    providers = copy.deepcopy(registry("providers"))
    kept = [{"name": "llama3.1:8b", "digest": digest}, "qwen2.5-coder:7b"]
    made = {"name": "terse", "base": "llama3.1:8b", "system": "Be short.", "parameters": {"num_ctx": 2048}}
    made["digest"] = digest
    vectors = {"name": "vectors", "source": "tiny", "abilities": ["embedding"], "aliases": ["embeddings"]}
    address = {"type": "ollama", "base_url": "http://127.0.0.1:11434"}
    providers["ollama"] = {**address, "models": [*kept, made, vectors, *models], **keys}
    return {"ai_backend_providers": providers}


def ask_server(gateway, path, body=None):
    """What the server itself answers on the host."""
    url = f"http://127.0.0.1:11434{path}"
    if body is None:
        return json.loads(gateway.fetch(url, "").stdout)
    return json.loads(gateway.host.run("python3 -c %s %s %s", POST, url, json.dumps(body)).stdout)


def models_of(gateway):
    return {entry["name"]: entry["digest"] for entry in ask_server(gateway, "/api/tags")["models"]}


def of_ollama(**extra):
    """A deploy of this service alone."""
    return play("deploy", "--tags", "ollama", "--diff", extra=extra)


@pytest.fixture(scope="module")
def digests(gateway):
    """A host with an Ollama that was installed by hand, and has a model that nobody publishes; {model: digest}."""
    archive = os.environ["AI_BACKEND_OLLAMA_ARCHIVE_URL"].removeprefix("file://")
    copy_in = f"zstd -dc {archive} | docker exec -i {gateway.container} tar -x -C /usr/local --no-same-owner"
    subprocess.run(["bash", "-o", "pipefail", "-c", copy_in], check=True)
    found = offer(gateway, {"llama3.1:8b": 40_000, "qwen2.5-coder:7b": 50_000, "theirs:1b": 60_000})
    gateway.run(INSTALLED)
    wait(lambda: gateway.fetch("http://127.0.0.1:11434/api/version", "").rc == 0, 10)
    ask_server(gateway, "/api/pull", {"model": "theirs:1b", "stream": False})
    gateway.run("rm -r /srv/ollama-hub/manifests/registry.ollama.ai/library/theirs")
    yield found
    run = play("deploy")
    assert run.code == 0, run.output
    gateway.run(
        "systemctl disable --now ollama.service; rm /etc/systemd/system/ollama.service; systemctl daemon-reload"
    )
    gateway.run(f"rm -r /srv/ollama-hub {THEIRS}/.ollama /var/lib/ai-backend/models/ollama")


def test_an_ollama_of_others_is_left_alone_without_consent(gateway, digests):
    before = gateway.pids()
    run = of_ollama(**managed(digests["llama3.1:8b"]))
    assert run.code != 0
    assert "ollama.service on gpu1 was installed in another way" in " ".join(run.output.split())
    assert gateway.pids() == before
    assert models_of(gateway) == {"theirs:1b": digests["theirs:1b"]}


def test_with_consent_its_models_are_used_and_the_others_fetched(gateway, client, digests):
    run = play("deploy", extra={**managed(digests["llama3.1:8b"], "theirs:1b"), "ai_backend_adopt": True})
    assert run.code == 0, run.output
    states = gateway.host.run("systemctl is-active ollama.service; systemctl is-enabled ollama.service").stdout.split()
    assert states == ["inactive", "disabled"]
    assert UNIT in gateway.pids()
    names = {"llama3.1:8b", "qwen2.5-coder:7b", "terse:latest", "vectors:latest", "embeddings:latest", "theirs:1b"}
    listed = models_of(gateway)
    assert set(listed) == names
    assert {name: listed[name] for name in digests} == digests
    again = play("deploy", extra=managed(digests["llama3.1:8b"], "theirs:1b"))
    assert (again.code, again.changed) == (0, 0), again.output


def test_it_chats_streams_and_embeds_through_the_gateway(client):
    for model in ("terse", "theirs:1b"):
        answer = client.ask(model=model)
        assert (answer.status_code, answer.json()["choices"][0]["message"]["content"]) == (200, "hello there")
    streamed = client.ask(model="terse", stream=True)
    assert streamed.text.rstrip().endswith("data: [DONE]"), streamed.text
    answer = client.http.post("/v1/embeddings", json={"model": "vectors", "input": ["one", "two"]})
    assert answer.status_code == 200, answer.text
    one, two = (row["embedding"] for row in answer.json()["data"])
    assert one != two


def test_a_server_that_is_killed_comes_back(gateway, client):
    before = gateway.pids()[UNIT]
    gateway.run(f"kill -9 {before}")
    wait(lambda: client.ask(model="terse", text=os.urandom(8).hex()).status_code == 200, 20)
    assert gateway.pids()[UNIT] != before


def test_another_digest_is_refused_before_anything_is_switched(gateway, client, digests):
    before, served = gateway.pids(), models_of(gateway)
    run = of_ollama(**managed("0" * 64, "theirs:1b"))
    assert run.code != 0
    output = " ".join(run.output.split())
    assert f"llama3.1:8b has the digest {digests['llama3.1:8b']}, but the registry names {'0' * 64}" in output
    assert "Nothing was switched" in output
    assert (gateway.pids(), models_of(gateway)) == (before, served)
    assert client.ask(model="theirs:1b", text="still there").status_code == 200


def test_a_download_shows_how_far_it_is_and_a_rollback_brings_back_what_was_served(gateway, digests):
    before, release = models_of(gateway), gateway.release(INSTANCE)
    new = offer(gateway, {"llama3.1:8b": 4_000_000})["llama3.1:8b"]
    gateway.run("echo 500000 > /srv/ollama-hub/rate")
    # Each look takes a second instead of ten.
    run = of_ollama(**managed(new, "theirs:1b"), __ollama_look_seconds=1)
    gateway.run("rm /srv/ollama-hub/rate")
    assert run.code == 0, run.output
    assert re.search(r"item=llama3\.1:8b [0-9.]+ of 4 MB, \d+ %, \d+ kB/s, \d s left", run.output), run.output
    assert models_of(gateway)["llama3.1:8b"] == new
    assert models_of(gateway)["terse:latest"] != before["terse:latest"]
    back = play("rollback", "--tags", "ollama")
    assert back.code == 0, back.output
    assert (gateway.release(INSTANCE), models_of(gateway)) == (release, before)


def test_what_the_registry_leaves_out_is_named_first_and_then_removed(gateway, digests):
    wanted = managed(digests["llama3.1:8b"], prune=True)
    told = play("deploy", "--tags", "ollama", "--check", "--diff", extra=wanted)
    assert (told.code, "model theirs:1b removed" in told.output) == (0, True), told.output
    assert "theirs:1b" in models_of(gateway)
    run = of_ollama(**wanted)
    assert (run.code, "model theirs:1b removed" in run.output) == (0, True), run.output
    assert "theirs:1b" not in models_of(gateway)
    assert len(gateway.run(f"ls {STORES}").split()) == 2
    again = of_ollama(**wanted)
    assert (again.code, again.changed) == (0, 0), again.output


def test_the_ollama_of_others_runs_again_when_ours_goes(gateway, digests):
    run = play("deploy")
    assert run.code == 0, run.output
    wait(lambda: gateway.fetch("http://127.0.0.1:11434/api/version", "").rc == 0, 10)
    assert models_of(gateway) == {"theirs:1b": digests["theirs:1b"]}
    assert gateway.run("systemctl is-enabled ollama.service").strip() == "enabled"
    assert set(gateway.run(f"stat -c %U {THEIRS}/.ollama/models/blobs/*").split()) == {"ollama"}
