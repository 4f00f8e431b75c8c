#!/usr/bin/env python3
"""Make a tiny model for vLLM, and a LoRA adapter for it, with random weights. Usage: tiny_vllm_model.py FOLDER

FOLDER/model and FOLDER/adapter, the same bytes each time. A Llama of two layers that reads and writes bytes; needs only
the standard library. Its answers are random: status, shape and counts can be tested, and no text.
"""

from __future__ import annotations

import json
import pathlib
import random
import struct
import sys
from typing import Any

HIDDEN, LAYERS, HEADS, KV_HEADS, INNER, CONTEXT, RANK = 128, 2, 4, 2, 256, 2048, 8
SPECIAL = ("<s>", "</s>", "<|user|>", "<|assistant|>", "<|system|>", "<|tool|>", "<|unused-1|>", "<|unused-2|>")
VOCABULARY = 256 + len(SPECIAL)
TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}</s>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
Tensors = dict[str, tuple[int, ...]]


def letters() -> list[str]:
    """The letter that stands for each byte in a vocabulary of bytes, as GPT-2 has it."""
    plain = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = iter(range(0x100, 0x200))
    return [chr(byte) if byte in plain else chr(next(others)) for byte in range(256)]


def tokenizer() -> dict[str, Any]:
    """tokenizer.json: a token for each byte, and the special ones."""
    vocabulary = {letter: number for number, letter in enumerate([*letters(), *SPECIAL])}
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": vocabulary[word], "content": word, **flags} for word in SPECIAL],
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": None,
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "vocab": vocabulary,
            "merges": [],
        },
    }


def weights() -> Tensors:
    """Name -> shape of the model's tensors."""
    size = HIDDEN // HEADS
    shapes: Tensors = {
        "model.embed_tokens.weight": (VOCABULARY, HIDDEN),
        "model.norm.weight": (HIDDEN,),
        "lm_head.weight": (VOCABULARY, HIDDEN),
    }
    for layer in range(LAYERS):
        shapes |= {
            f"model.layers.{layer}.{name}.weight": shape
            for name, shape in {
                "input_layernorm": (HIDDEN,),
                "post_attention_layernorm": (HIDDEN,),
                "self_attn.q_proj": (HIDDEN, HIDDEN),
                "self_attn.k_proj": (KV_HEADS * size, HIDDEN),
                "self_attn.v_proj": (KV_HEADS * size, HIDDEN),
                "self_attn.o_proj": (HIDDEN, HIDDEN),
                "mlp.gate_proj": (INNER, HIDDEN),
                "mlp.up_proj": (INNER, HIDDEN),
                "mlp.down_proj": (HIDDEN, INNER),
            }.items()
        }
    return shapes


def adapter_weights() -> Tensors:
    """Name -> shape of the adapter's tensors."""
    start = "base_model.model.model.layers"
    return {
        f"{start}.{layer}.self_attn.q_proj.lora_{side}.weight": (RANK, HIDDEN) if side == "A" else (HIDDEN, RANK)
        for layer in range(LAYERS)
        for side in "AB"
    }


def safetensors(shapes: Tensors, seed: int, deviation: float) -> bytes:
    """A file of random tensors in 16 bits: the upper half of a float of 32."""
    source, header, data = random.Random(seed), {}, bytearray()
    for name, shape in shapes.items():
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        numbers = [1.0] * count if len(shape) == 1 else [source.gauss(0, deviation) for _ in range(count)]
        packed = struct.pack(f"<{count}f", *numbers)
        start = len(data)
        data += b"".join(packed[at + 2 : at + 4] for at in range(0, len(packed), 4))
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [start, len(data)]}
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    return struct.pack("<Q", len(text)) + text + data


def model_files() -> dict[str, bytes]:
    """Name -> content of the model's files."""
    ids = {word: 256 + number for number, word in enumerate(SPECIAL)}
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": HIDDEN,
        "intermediate_size": INNER,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "head_dim": HIDDEN // HEADS,
        "vocab_size": VOCABULARY,
        "max_position_embeddings": CONTEXT,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "hidden_act": "silu",
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
        "bos_token_id": ids["<s>"],
        "eos_token_id": ids["</s>"],
    }
    words = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<s>",
        "eos_token": "</s>",
        "model_max_length": CONTEXT,
        "chat_template": TEMPLATE,
    }
    return {
        "config.json": json.dumps(config).encode(),
        "tokenizer.json": json.dumps(tokenizer()).encode(),
        "tokenizer_config.json": json.dumps(words).encode(),
        "model.safetensors": safetensors(weights(), 7, 0.05),
    }


def adapter_files() -> dict[str, bytes]:
    """Name -> content of the adapter's files."""
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "r": RANK,
        "lora_alpha": 2 * RANK,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": ["q_proj"],
        "base_model_name_or_path": "tiny",
    }
    return {
        "adapter_config.json": json.dumps(config).encode(),
        "adapter_model.safetensors": safetensors(adapter_weights(), 8, 0.5),
    }


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for folder, files in (("model", model_files()), ("adapter", adapter_files())):
        place = pathlib.Path(sys.argv[1], folder)
        place.mkdir(mode=0o755, parents=True, exist_ok=True)
        for name, content in files.items():
            (place / name).write_bytes(content)


if __name__ == "__main__":
    main()
