# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""llama-cpp-python's server: how the options of llama.cpp are called there, and the row of a managed one.

Source: llama_cpp/server/settings.py and llama_cpp/server/model.py of llama-cpp-python 0.3.36.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ...module_utils.host.layout import Layout
from ..data.row import Row
from ..schema.secrets import ENGINE_KEY
from .abilities import PROOFS, Ability, proof_of
from .llama_cpp_model import LlamaCppModel
from .llama_cpp_options import CPU_THREADS, LlamaCppOptions
from .load import Engine
from .site import Site

SERVICE = "llama-cpp-python"
KEY_VARIABLE = "LLAMA_CPP_PYTHON_API_KEY"
# Its other paths show its documentation, or count words.
_PATHS = ("/health", "/v1/")
# Seconds that open answers may take when it stops.
_STOP_SECONDS = 30
# ggml's numbers of types (ggml.h, enum ggml_type).
_TYPES = {
    "f32": 0,
    "f16": 1,
    "q4_0": 2,
    "q4_1": 3,
    "q5_0": 6,
    "q5_1": 7,
    "q8_0": 8,
    "iq4_nl": 20,
    "bf16": 30,
}
# Numbers of llama.h: enum llama_split_mode, enum llama_pooling_type.
_SPLITS = {"none": 0, "layer": 1, "row": 2, "tensor": 3}
_POOLINGS = {"none": 0, "mean": 1, "cls": 2, "last": 3}
# Formats with which an answer is read for calls of tools; with others they are a part of its text.
_TOOL_FORMATS = ("chatml-function-calling", "functionary", "functionary-v1", "functionary-v2")
_NATIVE = "remove `server: python`: llama-server has it"


def refusals(model: LlamaCppModel) -> Iterator[str]:
    """What a model asks for, and its server has no word for: `what is wrong → what to write`."""
    options = model.options
    if model.environment:
        yield "environment has variables of llama-server, which it does not read → write `options`, or " + _NATIVE
    for key in ("mmproj", "draft_model"):
        if getattr(model, key) is not None:
            yield f"{key} is not possible with `server: python` → {_NATIVE}"
    if len(model.lora) > 1 or any(adapter.scale != 1 for adapter in model.lora):
        yield f"lora has several adapters or a scale, and it takes one adapter → keep one, or {_NATIVE}"
    yield from _refused_options(options)


def _refused_options(options: LlamaCppOptions) -> Iterator[str]:
    if options.gpu_layers == "auto":
        yield "options.gpu_layers is auto, and it does not look how much fits → write a number, or `all`"
    if options.flash_attention == "auto":
        yield "options.flash_attention is auto, which it does not know → write true or false"
    if options.parallel not in (None, 1):
        yield f"options.parallel is {options.parallel}, and it computes one answer at a time → {_NATIVE}"
    if options.sleep_after is not None:
        yield f"options.sleep_after is not possible with `server: python` → {_NATIVE}"
    if options.reranking:
        yield f"options.reranking is not possible with `server: python` → {_NATIVE}"
    if options.pooling == "rank":
        yield f"options.pooling is rank, and it serves no rankings → {_NATIVE}"
    if options.load_mode == "dio":
        yield f"options.load_mode is dio, which it does not know → write mmap, mlock or none, or {_NATIVE}"


def settings(model: LlamaCppModel) -> dict[str, Any]:
    """Its words for a model's options (ModelSettings), sorted, without what depends on the host."""
    options = model.options
    found: dict[str, Any] = {
        "model": model.file["path"],
        "model_alias": model.name,
        # 0 is the context for which the model was trained, as llama-server does without a value.
        "n_ctx": model.context,
        # With it, the outputs of all tokens of the context are kept: 4 bytes for each word of the vocabulary.
        "logits_all": False,
        **_memory(options),
    }
    given = {
        "n_gpu_layers": -1 if options.gpu_layers == "all" else options.gpu_layers,
        "n_batch": options.batch_size,
        "n_ubatch": options.ubatch_size,
        "flash_attn": None if options.flash_attention is None else options.flash_attention == "on",
        "type_k": None if options.cache_type_k is None else _TYPES[options.cache_type_k],
        "type_v": None if options.cache_type_v is None else _TYPES[options.cache_type_v],
        "main_gpu": options.main_gpu,
        "split_mode": None if options.split_mode is None else _SPLITS[options.split_mode],
        "tensor_split": None if options.tensor_split is None else [float(n) for n in options.tensor_split.split(",")],
        "embedding": options.embeddings,
        "chat_format": options.chat_format,
        "lora_path": model.besides["lora-1"]["path"] if model.lora else None,
    }
    return dict(sorted({**found, **{key: value for key, value in given.items() if value is not None}}.items()))


def _memory(options: LlamaCppOptions) -> dict[str, bool]:
    """How the file is read. Without a word on it the server would lock it in memory, and llama-server maps it."""
    mode = options.load_mode or "auto"
    return {"use_mmap": mode != "none" and mode != "mlock", "use_mlock": "mlock" in mode}


def abilities_of(model: LlamaCppModel) -> Sequence[Ability]:
    """What it can do as it is started. With another chat format, a call of a tool would be a part of the text."""
    if model.options.embeddings:
        return ["embedding"]
    tools = model.options.chat_format in _TOOL_FORMATS
    return sorted({"chat", "completion", "tools"} if tools else {"chat", "completion"})


def in_memory(engine: Engine, model: LlamaCppModel) -> Engine:
    """What it has in memory, from what llama-server would have.

    It computes one answer at a time, attention without a matrix of all scores only if it is told to, and never puts
    fewer layers on a card than it was told.
    """
    alone = model.options.split_mode == "none"
    load = {**engine["models"][0], "sequences": 1, "shared": False, "flash": model.options.flash_attention == "on"}
    return {
        **engine,
        "card": (model.options.main_gpu or 0) if alone else -1,
        "spills": False,
        "maps": model.options.load_mode == "mmap",
        "models": [load],  # type: ignore[list-item]
    }


def service(model: LlamaCppModel, instance: str, site: Site, can: Sequence[Ability] | None, gpu_variable: str) -> Row:
    """The row of its server on a host."""
    proof, own = proof_of([can]) or "chat", settings(model)
    layers = own.get("n_gpu_layers", 0)
    return {
        "service": SERVICE,
        "instance": instance,
        "provider": site.provider,
        "role": "lab.ai_backend.llama_cpp_python",
        "stage": "backend",
        "ports": {instance: site.port},
        "sockets": {instance: Layout().socket(instance)},
        "slots": [],
        "secrets": {f"{SERVICE}.env": {KEY_VARIABLE: ENGINE_KEY}},
        "publish": None if site.publish is None else {**site.publish, "paths": list(_PATHS)},
        "config": {
            "model": model.file,
            "besides": list(model.besides.values()),
            "settings": own,
            "pooling": _pooling(model.options),
            "threads": str(model.options.threads or CPU_THREADS),
            "stop_seconds": _STOP_SECONDS,
            "proof": {"kind": proof, "path": PROOFS[proof]},
            "gpu_layers": "all" if layers == -1 else str(layers or ""),
            "gpu_variable": gpu_variable,
            "shared": site.shared,
            "pauses": list(site.pauses),
        },
    }


def _pooling(options: LlamaCppOptions) -> int | None:
    return None if options.pooling is None else _POOLINGS[options.pooling]
