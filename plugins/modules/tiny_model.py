#!/usr/bin/python
# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Make the tiny model."""

from __future__ import annotations

DOCUMENTATION = r"""
module: tiny_model
short_description: Make a tiny GGUF model with random weights
version_added: 0.1.0
description:
  - Writes a complete GGUF model of about 460 KB with random weights.
  - With it a new installation can be proven end to end without a model hub.
  - An existing file is left alone.
author:
  - lab.ai_backend contributors (@lab)
extends_documentation_fragment:
  - lab.ai_backend.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
options:
  path:
    description: Where the model lies.
    type: path
    required: true
  name:
    description: Name inside the file. Another name gives other weights.
    type: str
    default: lab-tiny
"""

EXAMPLES = r"""
- name: Install | Make the tiny model
  lab.ai_backend.tiny_model:
    path: /var/lib/ai-backend/models/lab-tiny.gguf
"""

RETURN = r"""
"""

import array
import os
import random
import struct
import sys
import zlib
from collections.abc import Sequence
from typing import Any

from ansible.module_utils.basic import AnsibleModule

# Two layers, 64 wide, random weights from a seed, a byte-level vocabulary: enough to prove that a registry, an engine
# and the gateway work together on a machine that reaches no model hub. Format: GGUF version 3, ggml's docs/gguf.md.
UINT32 = 4
FLOAT32 = 6
BOOL = 7
STRING = 8
ARRAY = 9
INT32 = 5
F32_TENSOR = 0
ALIGNMENT = 32
WIDTH = 64
LAYERS = 2
HEADS = 4
HIDDEN = 128
CONTEXT = 4096
NORMAL_TOKEN = 1
CONTROL_TOKEN = 3

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def byte_alphabet() -> list[str]:
    """The 256 printable stand-ins that byte-level BPE gives to the bytes (GPT-2's table)."""
    plain = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    table, extra = {}, 0
    for value in range(256):
        if value in plain:
            table[value] = chr(value)
        else:
            table[value] = chr(256 + extra)
            extra += 1
    return [table[value] for value in range(256)]


def vocabulary() -> tuple[list[str], list[int], list[str]]:
    """(tokens, token types, merges)."""
    alphabet = byte_alphabet()
    merged = [alphabet[ord(" ")] + "t", alphabet[ord(" ")] + "a"]
    control = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|pad|>"]
    tokens = alphabet + merged + control
    types = [NORMAL_TOKEN] * (len(alphabet) + len(merged)) + [CONTROL_TOKEN] * len(control)
    return tokens, types, [f"{token[0]} {token[1]}" for token in merged]


def text(value: str) -> bytes:
    data = value.encode("utf-8")
    return struct.pack("<Q", len(data)) + data


SCALARS = {UINT32: "<I", INT32: "<i", FLOAT32: "<f", BOOL: "<?"}


def scalar(kind: int, value: Any) -> bytes:
    return text(value) if kind == STRING else struct.pack(SCALARS[kind], value)


def pair(key: str, kind: int, value: Any, element: int = 0) -> bytes:
    head = text(key) + struct.pack("<I", kind)
    if kind != ARRAY:
        return head + scalar(kind, value)
    return head + struct.pack("<IQ", element, len(value)) + b"".join(scalar(element, item) for item in value)


def metadata(name: str) -> list[bytes]:
    tokens, types, merges = vocabulary()
    end = tokens.index("<|im_end|>")
    return [
        pair("general.architecture", STRING, "llama"),
        pair("general.name", STRING, name),
        pair("general.alignment", UINT32, ALIGNMENT),
        pair("llama.block_count", UINT32, LAYERS),
        pair("llama.context_length", UINT32, CONTEXT),
        pair("llama.embedding_length", UINT32, WIDTH),
        pair("llama.feed_forward_length", UINT32, HIDDEN),
        pair("llama.attention.head_count", UINT32, HEADS),
        pair("llama.attention.head_count_kv", UINT32, HEADS),
        pair("llama.attention.layer_norm_rms_epsilon", FLOAT32, 1e-5),
        pair("llama.rope.dimension_count", UINT32, WIDTH // HEADS),
        pair("llama.vocab_size", UINT32, len(tokens)),
        pair("tokenizer.ggml.model", STRING, "gpt2"),
        pair("tokenizer.ggml.pre", STRING, "gpt-2"),
        pair("tokenizer.ggml.tokens", ARRAY, tokens, STRING),
        pair("tokenizer.ggml.token_type", ARRAY, types, INT32),
        pair("tokenizer.ggml.merges", ARRAY, merges, STRING),
        pair("tokenizer.ggml.bos_token_id", UINT32, tokens.index("<|endoftext|>")),
        pair("tokenizer.ggml.eos_token_id", UINT32, end),
        pair("tokenizer.ggml.padding_token_id", UINT32, tokens.index("<|pad|>")),
        pair("tokenizer.ggml.add_bos_token", BOOL, False),
        pair("tokenizer.chat_template", STRING, CHAT_TEMPLATE),
    ]


def shapes() -> list[tuple[str, tuple[int, ...]]]:
    """[(tensor, shape)], the fastest dimension first, as ggml counts."""
    words = len(vocabulary()[0])
    found: list[tuple[str, tuple[int, ...]]] = [
        ("token_embd.weight", (WIDTH, words)),
        ("output_norm.weight", (WIDTH,)),
        ("output.weight", (WIDTH, words)),
    ]
    for layer in range(LAYERS):
        block = f"blk.{layer}."
        found.extend(
            (block + name, (WIDTH, WIDTH))
            for name in ("attn_q.weight", "attn_k.weight", "attn_v.weight", "attn_output.weight")
        )
        found.extend((block + name, (WIDTH,)) for name in ("attn_norm.weight", "ffn_norm.weight"))
        found.extend((block + name, (WIDTH, HIDDEN)) for name in ("ffn_gate.weight", "ffn_up.weight"))
        found.append((block + "ffn_down.weight", (HIDDEN, WIDTH)))
    return found


def weights(generator: random.Random, name: str, shape: Sequence[int]) -> bytes:
    count = shape[0] * (shape[1] if len(shape) > 1 else 1)
    if "norm" in name:
        values = array.array("f", [1.0] * count)
    else:
        values = array.array("f", [(generator.random() - 0.5) * 0.4 for index in range(count)])
    if sys.byteorder == "big":
        values.byteswap()
    return values.tobytes()


def padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % ALIGNMENT)


def build(name: str = "lab-tiny", seed: int = 7) -> bytes:
    """The whole file as bytes; the same name and seed give the same bytes."""
    return gguf(metadata(name), shapes(), seed)


def gguf(pairs: Sequence[bytes], tensors: Sequence[tuple[str, tuple[int, ...]]], seed: int) -> bytes:
    """A GGUF file with these properties, and tensors of random weights."""
    generator = random.Random(seed)  # noqa: S311 - weights, not secrets
    infos, data = [], b""
    for tensor, shape in tensors:
        infos.append(
            text(tensor)
            + struct.pack("<I", len(shape))
            + b"".join(struct.pack("<Q", size) for size in shape)
            + struct.pack("<IQ", F32_TENSOR, len(data))
        )
        data += padded(weights(generator, tensor, shape))
    head = b"GGUF" + struct.pack("<IQQ", 3, len(infos), len(pairs)) + b"".join(pairs) + b"".join(infos)
    return padded(head) + data


ARGUMENTS = {"path": {"type": "path", "required": True}, "name": {"type": "str", "default": "lab-tiny"}}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    path, name = module.params["path"], module.params["name"]
    changed = not os.path.exists(path)
    if changed and not module.check_mode:
        temporary = path + ".new"
        with open(temporary, "wb") as handle:
            handle.write(build(name, zlib.crc32(name.encode("utf-8"))))
        os.chmod(temporary, 0o644)
        os.rename(temporary, path)
    module.exit_json(changed=changed)


if __name__ == "__main__":
    main()
