# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How engines load their models: as the plan contains it, in plain data. memory.py computes what it needs."""

from __future__ import annotations

from typing import TypedDict

# Without another value llama.cpp and Ollama compute so many tokens of a prompt at once, and their outputs in 32 bits.
BATCH, OUTPUT_BYTES = 512, 4
# vLLM computes so many tokens at once, and proves at its start that it can choose the next token of so many sequences.
# It needs 16 bytes for each word of the vocabulary then: 0.75 GiB with 49155 words to 3.66 with 256000 (0.19.0, H100:
# https://github.com/llm-d-incubation/llm-d-planner/blob/main/accuracy/results/v0.19.0/accuracy_report.md).
BATCHED_TOKENS, SEQUENCES, SAMPLER_BYTES = 8192, 1024, 16


class Load(TypedDict):
    """A model as its engine loads it.

    path: the model in the registry. file, draft: paths on the host, of the model and of the one that guesses for
    it; empty without. parts: of what is loaded with it, such as a projector. context: tokens of all sequences
    together, 0 if the engine chooses it. shared: whether the sequences share these tokens. windows: whether a layer
    that looks back only so far keeps only that. cache_bits: of an element of K and of V. layers: how many are put
    on a card, -1 for all. experts: of how many of its first layers the processor has the experts, -1 for all.
    cached: whether the cache of these layers is there too. batch: tokens that are computed at once. flash: whether
    attention is computed without a matrix of all scores. mask: whether it reads one of all tokens then. outputs,
    output_bytes: for how many tokens at once the output is computed, and bytes of each of its elements. estimate:
    bytes by name and size, 0 if they are not known.
    """

    path: str
    model: str
    file: str
    draft: str
    parts: list[str]
    context: int
    sequences: int
    shared: bool
    windows: bool
    cache_bits: list[float]
    layers: int
    experts: int
    cached: bool
    batch: int
    flash: bool
    mask: bool
    outputs: int
    output_bytes: int
    estimate: int


class Engine(TypedDict):
    """An engine of a host.

    group: those of which one is in memory at a time, or empty. together: how many of its models are in memory at once.
    card: the one card that it uses, -1 for all. spills: whether it computes on the processor what the cards do not
    hold. maps: whether it reads weights from the disk while it computes. models: what it may load.
    """

    provider: str
    managed: bool
    group: str
    together: int
    card: int
    spills: bool
    maps: bool
    models: list[Load]
