#!/usr/bin/env python3
"""The whole stack in one container: start a host, deploy to it, ask it something, say where everything is."""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.parse

import yaml
from openai import OpenAI

ROOT = pathlib.Path(__file__).resolve().parents[2]
INVENTORY = ROOT / "inventory" / "demo"
KEY = pathlib.Path("~/.config/lab.ai_backend/demo/LITELLM_MASTER_KEY").expanduser()
QUESTION = "Say hello to the lab."


def playbook(path: str, *arguments: str) -> None:
    """Run a playbook against the demo's inventory; its failure ends the program."""
    command = [str(pathlib.Path(sys.executable).with_name("ansible-playbook")), "-i", str(INVENTORY), path, *arguments]
    code = subprocess.run(command, cwd=ROOT, check=False).returncode
    if code:
        sys.exit(
            f"demo: {path} failed (exit code {code}); what it said stands above. `make demo-clean` removes the demo."
        )


def container() -> str:
    """Name of the demo's container."""
    hosts = yaml.safe_load((INVENTORY / "hosts.yml").read_text())["all"]["hosts"]
    name: str = hosts["gpu1"]["ansible_host"]
    return name


def endpoint() -> str:
    """Address of the published port, as Docker knows it."""
    port = subprocess.run(["docker", "port", container(), "4000/tcp"], capture_output=True, text=True, check=True)
    return f"http://{port.stdout.split()[0]}/v1"


def chosen_model() -> tuple[str, list[str], str]:
    """(name, arguments of the deploy, what to say of it): the tiny model, or the one that DEMO_MODEL names.

    DEMO_MODEL is `https://…/some-model.gguf#sha256=<hex>`; a sum is never guessed.
    """
    wanted = os.environ.get("DEMO_MODEL", "")
    if not wanted:
        return "lab-tiny", [], "random weights: it proves the way and speaks noise; DEMO_MODEL=… chooses a real one"
    url, _mark, digest = wanted.partition("#sha256=")
    if len(digest) != 64:
        sys.exit(f"demo: DEMO_MODEL needs a sum: DEMO_MODEL='{url}#sha256=…'; obtain it: curl -fsSL {url} | sha256sum")
    name = pathlib.PurePosixPath(urllib.parse.urlsplit(url).path).stem.lower()
    registry = yaml.safe_load((ROOT / "group_vars" / "all" / "providers.yml").read_text())
    model = {"name": name, "url": url, "sha256": digest, "context_length": 2048}
    registry["ai_backend_providers"]["llama_cpp_native"]["models"] = [model]
    registry["ai_backend_routing"] = {"default_provider": "llama_cpp_native"}
    return name, ["-e", json.dumps(registry)], url


def show(title: str, value: str) -> None:
    """One line of the summary."""
    print(f"  {title:<16} {value}")


def up() -> None:
    """Start, deploy, ask, tell."""
    start = time.monotonic()
    model, arguments, origin = chosen_model()
    playbook("molecule/shared/create.yml")
    playbook("playbooks/deploy.yml", *arguments)
    client = OpenAI(base_url=endpoint(), api_key=KEY.read_text().strip())
    models = sorted(entry.id for entry in client.models.list())
    messages = [{"role": "user", "content": QUESTION}]
    plain = client.chat.completions.with_raw_response.create(model=model, messages=messages, max_tokens=16)
    answer = plain.parse()
    pieces = list(client.chat.completions.create(model=model, messages=messages, max_tokens=16, stream=True))
    text = "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)
    print(f"\nThe stack is up ({time.monotonic() - start:.0f} s).\n")
    show("models", ", ".join(models))
    show("plain answer", f"{answer.choices[0].message.content!r} ({answer.usage.completion_tokens} tokens)")
    show("streamed answer", f"{text!r} (in {len(pieces)} pieces)")
    show("answered by", f"{answer.model} at {plain.headers['x-litellm-model-api-base']}, inside {container()}")
    show("model", f"{model}: {origin}")
    print()
    show("endpoint", endpoint())
    show("key", str(KEY))
    show("try", f'curl -H "Authorization: Bearer $(cat {KEY})" {endpoint()}/models')
    show(
        "look inside",
        f"docker exec -it {container()} bash, or: ansible-playbook -i inventory/demo playbooks/status.yml",
    )
    show("remove", "make demo-clean")


def down() -> None:
    """Remove the container, its network and the generated secrets of the demo."""
    playbook("molecule/shared/destroy.yml")
    for path in KEY.parent.glob("*"):
        path.unlink()
    print("The demo is gone: container, network, and the keys made for it.")


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("verb", choices=["up", "down"])
    os.environ.setdefault("ANSIBLE_CONFIG", str(ROOT / "ansible.cfg"))
    {"up": up, "down": down}[parser.parse_args().verb]()


if __name__ == "__main__":
    main()
