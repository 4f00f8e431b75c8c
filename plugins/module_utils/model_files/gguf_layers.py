# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a GGUF header shows of the memory its model needs, as llama.cpp reads it (src/llama-model.cpp, src/models/)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .facts import Facts, Layer, UnreadableError
from .gguf import Header, Tensor, Value, read_header

MOST_LAYERS = 1024
BLOCK = re.compile(r"blk\.(\d+)\.(.+)")
# What `--cpu-moe` leaves to the processor (common/common.h, LLM_FFN_EXPS_REGEX).
EXPERTS = re.compile(r"ffn_(up|down|gate|gate_up)_(ch|)exps\.")
# Of every so many layers the last one sees the whole context, where the file has no pattern of its own.
PERIODS = {
    "afmoe": 4,
    "cohere2": 4,
    "exaone-moe": 4,
    "exaone4": 4,
    "gemma2": 2,
    "gemma3": 6,
    "gemma3n": 5,
    "gpt-oss": 2,
    "llama4": 4,
    "olmo2": 4,
    "plamo3": 8,
}
# Here it is the first one.
FIRST_SEES_ALL = {"smallthinker": 4}
# Their files have a window, and llama.cpp does not use it.
WITHOUT_WINDOW = ("llama", "phi3", "qwen2", "qwen3", "qwen3moe")
# llama4 has no key for the length of its chunks.
CHUNKS = {"llama4": 8192}
INPUT = ("token_embd.weight", "token_embd_norm.weight", "token_embd_norm.bias", "per_layer_token_embd.weight")


def gguf_facts(path: str) -> Facts:
    """Raises UnreadableError, also if the file ends before its last tensor, and OSError."""
    return facts_of(read_header(path))


def facts_of(header: Header) -> Facts:
    """The facts of a header; those of a projector or an adapter have no layers."""
    model = _Model(header)
    types: dict[str, int] = {}
    for tensor in header.tensors:
        types[tensor.type] = types.get(tensor.type, 0) + tensor.bytes
    sizes = {tensor.name: tensor.bytes for tensor in header.tensors}
    total = sum(sizes.values())
    layers = model.layers()
    outside = total - sum(model.block_bytes)
    # Without an output of its own, the embedding is loaded a second time as the output.
    shared = sizes.get("token_embd.weight", 0) if layers and "output.weight" not in sizes else 0
    given = sum(sizes.get(name, 0) for name in INPUT) if layers else 0
    embedding = next((tensor.shape for tensor in header.tensors if tensor.name == INPUT[0]), ())
    return {
        "problem": "",
        "format": "gguf",
        "architecture": model.architecture,
        "context": model.number("context_length"),
        "width": model.number("embedding_length"),
        "heads": max(model.numbers("attention.head_count") or [0]),
        "vocabulary": embedding[1] if len(embedding) > 1 else 0,
        "bytes": sum(layer["bytes"] for layer in layers) + outside,
        "input_bytes": given,
        "output_bytes": outside - given + shared,
        "picture_bytes": model.picture_bytes(),
        "layers": layers,
        "types": dict(sorted(types.items())),
    }


class _Model:
    def __init__(self, header: Header) -> None:
        self.values = header.values
        self.architecture = str(header.values.get("general.architecture", ""))
        count = self.number("block_count")
        if not 0 <= count <= MOST_LAYERS:
            raise UnreadableError(f"claims {count} layers, more than any model has")
        is_model = header.values.get("general.type", "model") == "model"
        self.blocks: list[dict[str, Tensor]] = [{} for _index in range(count if is_model else 0)]
        for tensor in header.tensors:
            found = BLOCK.fullmatch(tensor.name)
            if found and int(found[1]) < len(self.blocks):
                self.blocks[int(found[1])][found[2]] = tensor
        self.block_bytes = [sum(tensor.bytes for tensor in block.values()) for block in self.blocks]

    def value(self, key: str) -> Value | None:
        return self.values.get(f"{self.architecture}.{key}")

    def numbers(self, key: str) -> list[int]:
        """A value that is one number, or one for each layer."""
        found = self.value(key)
        listed = found if isinstance(found, list) else [] if isinstance(found, str) or found is None else [found]
        return [int(number) for number in listed]

    def number(self, key: str, default: int = 0) -> int:
        return (self.numbers(key) or [default])[0]

    def at(self, key: str, index: int, default: int = 0) -> int:
        found = self.numbers(key)
        return default if not found else found[index] if len(found) > index else found[-1]

    def layers(self) -> list[Layer]:
        """Without those that only guess further tokens: llama.cpp does not load them."""
        count = len(self.blocks) - min(self.number("nextn_predict_layers"), len(self.blocks))
        cached = count - min(self.number("attention.shared_kv_layers"), count)
        windows, state = self._windows(count), self._state()
        found: list[Layer] = []
        for index in range(count):
            k, v = self._cache(index) if index < cached else (0, 0)
            found.append(
                {
                    "bytes": self.block_bytes[index],
                    "experts": _experts(self.blocks[index]),
                    "k": k,
                    "v": v,
                    "window": windows[index],
                    "state": state if _recurrent(self.blocks[index]) else 0,
                }
            )
        return found

    def picture_bytes(self) -> int:
        """Scores of attention between all patches of a picture (Ollama, fs/ggml/ggml.go, VisionGraphSize)."""
        patches = (self.number("vision.image_size") // max(self.number("vision.patch_size"), 1)) ** 2
        return 4 * patches**2 * self.number("vision.attention.head_count")

    def _cache(self, index: int) -> tuple[int, int]:
        """Elements of K and V for each token. The tensors tell it, which may differ from layer to layer."""
        block = self.blocks[index]
        k, v = _rows(block, "attn_k.weight"), _rows(block, "attn_v.weight")
        if k:
            # Some layers of gemma4 have no V of their own, and keep K twice.
            return k, v or k
        heads = self.at("attention.head_count_kv", index, self.at("attention.head_count", index))
        usual = self.number("embedding_length") // max(self.at("attention.head_count", index), 1)
        key, value = self.number("attention.key_length", usual), self.number("attention.value_length", usual)
        if latent := _rows(block, "attn_kv_a_mqa.weight"):
            # With a K that stands for both, only that is kept; older files have none.
            if "attn_k_b.weight" in block:
                return latent, 0
            all_heads = self.at("attention.head_count", index)
            return all_heads * key, all_heads * value
        if "attn_qkv.weight" in block and not _recurrent(block):
            return heads * key, heads * value
        return 0, 0

    def _windows(self, count: int) -> list[int]:
        window = self.number("attention.sliding_window", CHUNKS.get(self.architecture, 0))
        if not window or self.architecture in WITHOUT_WINDOW:
            return [0] * count
        given = self.value("attention.sliding_window_pattern")
        if isinstance(given, list) and given:
            return [window if given[index % len(given)] else 0 for index in range(count)]
        if period := FIRST_SEES_ALL.get(self.architecture):
            return [window if index % period else 0 for index in range(count)]
        period = self.number("attention.sliding_window_pattern", PERIODS.get(self.architecture, 1))
        if self.architecture == "exaone4" and count < 64:
            period = 1
        return [window if index % period < period - 1 else 0 for index in range(count)] if period else [window] * count

    def _state(self) -> int:
        """Elements that a layer without a growing cache keeps for a sequence (llama-hparams.cpp: n_embd_r, _s)."""
        width = self.number("embedding_length")
        if head := self.number("wkv.head_size"):
            return self.number("token_shift_count", 2) * width + width * head
        if kernel := self.number("shortconv.l_cache"):
            return width * (kernel - 1)
        size, inner = self.number("ssm.state_size"), self.number("ssm.inner_size")
        kept = max(self.number("ssm.conv_kernel") - 1, 0)
        return kept * (inner + 2 * self.number("ssm.group_count") * size) + size * inner


def _experts(block: dict[str, Tensor]) -> int:
    return sum(tensor.bytes for name, tensor in block.items() if EXPERTS.match(name))


def _rows(block: dict[str, Tensor], name: str) -> int:
    shape: Sequence[int] = block[name].shape if name in block else ()
    return shape[1] if len(shape) > 1 else 0


def _recurrent(block: dict[str, Tensor]) -> bool:
    return any(name.startswith(("ssm_", "shortconv.", "time_mix_")) for name in block)
