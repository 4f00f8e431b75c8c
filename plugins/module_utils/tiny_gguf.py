# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A tiny GGUF model, made on the spot: real to every engine, and it speaks noise.

Two layers, 64 wide, random weights from a seed, a byte-level vocabulary: enough to prove that a registry, an engine and
the gateway work together on a machine that reaches no model hub. Format: GGUF version 3, ggml's docs/gguf.md.
"""

from __future__ import annotations

import array
import random
import struct
import sys

UINT32, FLOAT32, BOOL, STRING, ARRAY = 4, 6, 7, 8, 9
INT32 = 5
F32_TENSOR = 0
ALIGNMENT = 32
WIDTH, LAYERS, HEADS, HIDDEN, CONTEXT = 64, 2, 4, 128, 4096
NORMAL_TOKEN, CONTROL_TOKEN = 1, 3

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def byte_alphabet():
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


def vocabulary():
    """(tokens, token types, merges)."""
    alphabet = byte_alphabet()
    merged = [alphabet[ord(" ")] + "t", alphabet[ord(" ")] + "a"]
    control = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|pad|>"]
    tokens = alphabet + merged + control
    types = [NORMAL_TOKEN] * (len(alphabet) + len(merged)) + [CONTROL_TOKEN] * len(control)
    return tokens, types, [f"{token[0]} {token[1]}" for token in merged]


def text(value):
    data = value.encode("utf-8")
    return struct.pack("<Q", len(data)) + data


SCALARS = {UINT32: "<I", INT32: "<i", FLOAT32: "<f", BOOL: "<?"}


def scalar(kind, value):
    return text(value) if kind == STRING else struct.pack(SCALARS[kind], value)


def pair(key, kind, value, element=None):
    head = text(key) + struct.pack("<I", kind)
    if kind != ARRAY:
        return head + scalar(kind, value)
    return head + struct.pack("<IQ", element, len(value)) + b"".join(scalar(element, item) for item in value)


def metadata(name):
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


def shapes():
    """[(tensor, shape)], the fastest dimension first, as ggml counts."""
    words = len(vocabulary()[0])
    found = [("token_embd.weight", (WIDTH, words)), ("output_norm.weight", (WIDTH,)), ("output.weight", (WIDTH, words))]
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


def weights(generator, name, shape):
    count = shape[0] * (shape[1] if len(shape) > 1 else 1)
    if "norm" in name:
        values = array.array("f", [1.0] * count)
    else:
        values = array.array("f", [(generator.random() - 0.5) * 0.4 for index in range(count)])
    if sys.byteorder == "big":
        values.byteswap()
    return values.tobytes()


def padded(data):
    return data + b"\0" * (-len(data) % ALIGNMENT)


def build(name="lab-tiny", seed=7):
    """The whole file as bytes; the same name and seed give the same bytes."""
    generator = random.Random(seed)  # noqa: S311 - weights, not secrets
    pairs = metadata(name)
    infos, data = [], b""
    for tensor, shape in shapes():
        infos.append(
            text(tensor)
            + struct.pack("<I", len(shape))
            + b"".join(struct.pack("<Q", size) for size in shape)
            + struct.pack("<IQ", F32_TENSOR, len(data))
        )
        data += padded(weights(generator, tensor, shape))
    head = b"GGUF" + struct.pack("<IQQ", 3, len(infos), len(pairs)) + b"".join(pairs) + b"".join(infos)
    return padded(head) + data
