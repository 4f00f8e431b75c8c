"""What the headers of models tell, and what is made of files that are not what they should be."""

from __future__ import annotations

import json
import pathlib
import struct
import time
from typing import Any

import pytest
from gguf_stand_in import F16, F32, Q8_0, head, llama, size_of, text, write

from ansible_collections.lab.ai_backend.plugins.module_utils.model_files.facts import Facts
from ansible_collections.lab.ai_backend.plugins.module_utils.model_files.read import facts_at
from ansible_collections.lab.ai_backend.plugins.modules import tiny_model

Values = dict[str, Any]


def told(path: pathlib.Path) -> Facts:
    return facts_at([str(path)])[str(path)]


def gguf(folder: pathlib.Path, values: Values, tensors: dict[str, Any]) -> Facts:
    return told(write(folder / "m.gguf", values, tensors))


def of(architecture: str, layers: int, **keys: Any) -> Values:
    return {
        "general.architecture": architecture,
        **{f"{architecture}.{key.replace('__', '.')}": value for key, value in keys.items()},
        f"{architecture}.block_count": layers,
    }


def attention(layers: int, k: int = 64, v: int = 64) -> dict[str, Any]:
    return {
        f"blk.{layer}.attn_{kind}.weight": ((256, rows), F16)
        for layer in range(layers)
        for kind, rows in (("k", k), ("v", v))
    }


# -- GGUF


def test_the_weights_are_those_of_the_tensors_by_type_and_layer(tmp_path: pathlib.Path) -> None:
    facts = gguf(tmp_path, **llama())
    embedding, output, norm = 256 * 512 // 32 * 34, 256 * 512 * 2, 256 * 4
    layer = (256 * 256 + 2 * 256 * 64) // 256 * 144
    assert facts["types"] == {"f16": output, "f32": norm, "q4_k": 2 * layer, "q8_0": embedding}
    assert [each["bytes"] for each in facts["layers"]] == [layer, layer]
    assert (facts["input_bytes"], facts["output_bytes"]) == (embedding, output + norm)
    assert facts["bytes"] == embedding + output + norm + 2 * layer
    assert (facts["architecture"], facts["context"], facts["width"], facts["heads"]) == ("llama", 8192, 256, 4)
    assert (facts["vocabulary"], facts["problem"]) == (512, "")


def test_without_an_output_of_its_own_the_embedding_goes_to_the_card_too(tmp_path: pathlib.Path) -> None:
    model = llama()
    del model["tensors"]["output.weight"]
    facts = gguf(tmp_path, **model)
    assert facts["output_bytes"] == facts["input_bytes"] + 256 * 4
    assert facts["bytes"] == sum(facts["types"].values()), "the file has it once"


@pytest.mark.parametrize(
    ("size", "patch", "heads", "gib"),
    [(1540, 14, 16, 8.73), (896, 14, 16, 1.0), (224, 0, 0, 0)],
    ids=["mistral-small3.1", "gemma3", "of no use"],
)
@pytest.mark.parametrize("architecture", ["clip", "mistral3"])
def test_what_reads_pictures_tells_how_large_their_scores_are(
    tmp_path: pathlib.Path, architecture: str, size: int, patch: int, heads: int, gib: float
) -> None:
    """Ollama names 8.8 GiB and 1.0 GiB (https://github.com/ollama/ollama/issues/10615, .../pull/12000)."""
    keys = {"vision__image_size": size, "vision__patch_size": patch, "vision__attention__head_count": heads}
    facts = gguf(tmp_path, of(architecture, 0, **keys), {})
    assert round(facts["picture_bytes"] / 2**30, 2) == gib


def test_of_a_mixture_the_experts_are_told_apart(tmp_path: pathlib.Path) -> None:
    model = llama()
    for name in ("ffn_up_exps", "ffn_gate_exps", "ffn_down_exps", "ffn_up_shexp"):
        model["tensors"][f"blk.1.{name}.weight"] = ((256, 256, 8), Q8_0)
    model["tensors"]["blk.1.ffn_gate_inp.weight"] = ((256, 8), F32)
    first, second = gguf(tmp_path, **model)["layers"]
    each = 256 * 256 * 8 // 32 * 34
    assert (first["experts"], second["experts"]) == (0, 3 * each)
    assert second["bytes"] - first["bytes"] == 4 * each + 256 * 8 * 4


def test_the_tiny_model_is_read(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(tiny_model.build())
    facts = told(path)
    assert (facts["problem"], facts["types"]) == ("", {"f32": facts["bytes"]})
    assert [(layer["k"], layer["v"]) for layer in facts["layers"]] == [(64, 64), (64, 64)]


def test_each_layer_has_the_width_of_its_own_cache(tmp_path: pathlib.Path) -> None:
    tensors = {**attention(1, 512, 256), "blk.1.attn_k.weight": ((256, 128), F16)}
    facts = gguf(tmp_path, of("gemma4", 2, attention__head_count_kv=[4, 1]), tensors)
    assert [(layer["k"], layer["v"]) for layer in facts["layers"]] == [(512, 256), (128, 128)]


def test_joined_projections_have_the_heads_of_the_metadata(tmp_path: pathlib.Path) -> None:
    values = of("phi3", 2, embedding_length=3072, attention__head_count=32, attention__head_count_kv=[8, 4])
    tensors = {f"blk.{layer}.attn_qkv.weight": ((3072, 5120), F16) for layer in range(2)}
    assert [(layer["k"], layer["v"]) for layer in gguf(tmp_path, values, tensors)["layers"]] == [(768, 768), (384, 384)]


@pytest.mark.parametrize(
    ("architecture", "keys", "windows"),
    [
        pytest.param("gemma3", {"attention__sliding_window": 1024}, [1024] * 5 + [0] + [1024] * 2, id="gemma3"),
        pytest.param("gemma2", {"attention__sliding_window": 4096}, [4096, 0] * 4, id="gemma2"),
        pytest.param("gpt-oss", {"attention__sliding_window": 128}, [128, 0] * 4, id="gpt-oss"),
        pytest.param("llama4", {}, [8192, 8192, 8192, 0] * 2, id="llama4 has no key for it"),
        pytest.param(
            "gemma4",
            {"attention__sliding_window": 512, "attention__sliding_window_pattern": [True, False] * 4},
            [512, 0] * 4,
            id="a pattern in the file",
        ),
        pytest.param(
            "plamo3",
            {"attention__sliding_window": 9, "attention__sliding_window_pattern": 2},
            [9, 0] * 4,
            id="a period in the file",
        ),
        pytest.param("phi3", {"attention__sliding_window": 2047}, [0] * 8, id="llama.cpp does not use it"),
        pytest.param("exaone4", {"attention__sliding_window": 4096}, [0] * 8, id="a small exaone4 has none"),
        pytest.param("unheard-of", {"attention__sliding_window": 77}, [0] * 8, id="without a pattern"),
        pytest.param("llama", {}, [0] * 8, id="no window"),
    ],
)
def test_a_window_counts_where_llama_cpp_uses_it(
    tmp_path: pathlib.Path, architecture: str, keys: Values, windows: list[int]
) -> None:
    facts = gguf(tmp_path, of(architecture, 8, **keys), attention(8))
    assert [layer["window"] for layer in facts["layers"]] == windows


def test_layers_that_share_a_cache_or_only_guess_have_none(tmp_path: pathlib.Path) -> None:
    facts = gguf(tmp_path, of("gemma3n", 4, attention__shared_kv_layers=3), attention(4))
    assert [layer["k"] for layer in facts["layers"]] == [64, 0, 0, 0]
    facts = gguf(tmp_path, of("glm4moe", 4, nextn_predict_layers=1), attention(4))
    assert (len(facts["layers"]), facts["bytes"]) == (3, 3 * 2 * 256 * 64 * 2)


def test_a_hybrid_has_a_cache_in_some_layers_and_a_state_in_the_others(tmp_path: pathlib.Path) -> None:
    keys = {"ssm__conv_kernel": 4, "ssm__state_size": 128, "ssm__inner_size": 4096, "ssm__group_count": 16}
    tensors = {
        "blk.0.attn_qkv.weight": ((256, 8192), F16),
        "blk.0.ssm_out.weight": ((256, 256), F16),
        "blk.1.attn_k.weight": ((256, 512), F16),
        "blk.1.attn_v.weight": ((256, 512), F16),
    }
    linear, full = gguf(tmp_path, of("qwen35", 2, **keys), tensors)["layers"]
    assert (linear["k"], linear["state"]) == (0, 3 * (4096 + 2 * 16 * 128) + 128 * 4096)
    assert (full["k"], full["state"]) == (512, 0)


@pytest.mark.parametrize(
    ("keys", "state"),
    [({"wkv__head_size": 64}, 2 * 256 + 256 * 64), ({"shortconv__l_cache": 3}, 256 * 2)],
    ids=["rwkv", "lfm2"],
)
def test_other_states_have_their_own_size(tmp_path: pathlib.Path, keys: Values, state: int) -> None:
    tensors = {"blk.0.time_mix_key.weight": ((256, 256), F16)}
    (layer,) = gguf(tmp_path, of("any", 1, embedding_length=256, **keys), tensors)["layers"]
    assert layer["state"] == state


def test_latent_attention_keeps_one_vector_unless_the_file_is_an_old_one(tmp_path: pathlib.Path) -> None:
    values = of("deepseek2", 1, attention__head_count=16, attention__key_length=192, attention__value_length=128)
    tensors = {"blk.0.attn_kv_a_mqa.weight": ((256, 576), F16)}
    new = gguf(tmp_path, values, {**tensors, "blk.0.attn_k_b.weight": ((128, 512, 16), F16)})["layers"][0]
    old = gguf(tmp_path, values, {**tensors, "blk.0.attn_kv_b.weight": ((512, 4096), F16)})["layers"][0]
    assert ((new["k"], new["v"]), (old["k"], old["v"])) == ((576, 0), (16 * 192, 16 * 128))


def test_a_projector_and_an_adapter_have_weights_and_no_layers(tmp_path: pathlib.Path) -> None:
    tensors = {"v.blk.0.attn_k.weight": ((256, 256), F16), "mm.0.weight": ((256, 256), F32)}
    facts = gguf(tmp_path, {"general.architecture": "clip", "general.type": "mmproj"}, tensors)
    assert (facts["bytes"], facts["layers"], facts["input_bytes"]) == (256 * 256 * 6, [], 0)
    adapter = {"blk.0.attn_q.weight.lora_a": ((256, 16), F32)}
    facts = gguf(tmp_path, {**of("llama", 1), "general.type": "adapter"}, adapter)
    assert (facts["bytes"], facts["layers"]) == (256 * 16 * 4, [])


def test_only_the_header_is_read(tmp_path: pathlib.Path) -> None:
    """A file of 2 TiB that has no weights on the disk: whoever read them would not come to an end."""
    tensors = {"token_embd.weight": ((1 << 20, 1 << 20), F16)}
    began = time.monotonic()
    assert gguf(tmp_path, of("llama", 0), tensors)["bytes"] == 1 << 41
    assert time.monotonic() - began < 5


# -- files that are not what they should be

GOOD = head(**llama())[0]
NO_TENSORS = b"GGUF" + struct.pack("<IQQ", 3, 0, 1)
ENDLESS = b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("k") + struct.pack("<IIQ", 9, 8, 3_999_999)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "is cut off inside its header, after 0 bytes"),
        (b"PK\x03\x04 a wheel", "is not a GGUF file"),
        (b"GGUF" + struct.pack("<I", 1), "is GGUF of version 1; it is read in little endian, of version 2 or 3"),
        (b"GGUF" + struct.pack(">I", 3), "is a GGUF file for machines of another byte order"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 1), "claims 1152921504606846976 tensors and 1 values"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1, 1 << 60), "more than any model has"),
        (NO_TENSORS + struct.pack("<Q", 1 << 62), "has a text of 4611686018427387904 bytes"),
        (NO_TENSORS + text("k") + struct.pack("<IQ", 8, 1 << 62), "or describes one that ends at byte"),
        (NO_TENSORS + text("k") + struct.pack("<IIQ", 9, 4, 1 << 62), "or describes one that ends at byte"),
        (NO_TENSORS + text("k") + struct.pack("<IIQ", 9, 8, 1 << 62), "texts in a list, more than any vocabulary has"),
        (ENDLESS + b"\0" * 64, "is cut off inside its header"),
        (NO_TENSORS + text("k") + struct.pack("<IIQ", 9, 9, 1), "has a list of the unknown type 9"),
        (NO_TENSORS + text("k") + struct.pack("<I", 99), "has a value of the unknown type 99"),
        (GOOD[:-40], "is cut off"),
        (GOOD, f"is cut off: it has {len(GOOD)} bytes, its header describes "),
    ],
)
def test_a_foreign_or_cut_or_hostile_file_is_told_in_words(tmp_path: pathlib.Path, data: bytes, problem: str) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(data)
    began = time.monotonic()
    facts = told(path)
    assert problem in facts["problem"]
    assert (facts["bytes"], facts["layers"]) == (0, [])
    assert time.monotonic() - began < 5


def tensor(shape: tuple[int, ...], kind: int) -> bytes:
    start = b"GGUF" + struct.pack("<IQQ", 3, 1, 0) + text("t") + struct.pack("<I", len(shape))
    return start + struct.pack(f"<{len(shape)}Q", *shape) + struct.pack("<IQ", kind, 0)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (tensor((1, 1, 1, 1, 1), F32), "has a tensor of 5 dimensions"),
        (tensor((32,), 77), "has a tensor of the unknown type 77"),
        (tensor((33,), Q8_0), "has a tensor of 33 elements in blocks of 32"),
        (tensor((1 << 62, 1 << 62), F32), "is cut off"),
    ],
)
def test_a_wrong_tensor_is_told_in_words(tmp_path: pathlib.Path, data: bytes, problem: str) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(data + b"\0" * 64)
    assert problem in told(path)["problem"]


def test_a_model_of_too_many_layers_is_told_in_words(tmp_path: pathlib.Path) -> None:
    assert "claims 4000000 layers" in gguf(tmp_path, of("llama", 4_000_000), {})["problem"]


def test_every_beginning_of_a_good_file_is_told_in_words(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "m.gguf"
    data = head(**llama(layers=1, words=8))[0]
    for length in range(len(data)):
        path.write_bytes(data[:length])
        assert "cut off" in told(path)["problem"], length


def test_what_is_not_there_is_left_out_and_what_is_no_file_has_a_problem(tmp_path: pathlib.Path) -> None:
    assert facts_at([str(tmp_path / "none.gguf")]) == {}
    assert told(pathlib.Path("/dev/null"))["problem"] == "is neither a file nor a folder"
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert facts_at([str(loop)]) == {}


# -- folders of safetensors

TURNS = ["sliding_attention", "full_attention"] * 2
CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 256,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
    "vocab_size": 1000,
}


def shard(path: pathlib.Path, tensors: dict[str, tuple[str, int]], cut: int = 0) -> None:
    header, place = {"__metadata__": {"format": "pt"}}, 0
    for name, (kind, size) in tensors.items():
        header[name] = {"dtype": kind, "shape": [size], "data_offsets": [place, place + size]}  # type: ignore[dict-item]
        place += size
    data = json.dumps(header).encode()
    with path.open("wb") as handle:
        handle.write(struct.pack("<Q", len(data)) + data)
        handle.truncate(8 + len(data) + place - cut)


def folder(path: pathlib.Path, **config: Any) -> pathlib.Path:
    (path / "config.json").write_text(json.dumps({**CONFIG, **config}))
    shard(path / "model-00001-of-00002.safetensors", {"a": ("BF16", 3000), "b": ("F32", 400)})
    shard(path / "model-00002-of-00002.safetensors", {"c": ("BF16", 600)})
    return path


def test_the_weights_of_all_files_and_the_cache_of_the_config(tmp_path: pathlib.Path) -> None:
    facts = told(folder(tmp_path))
    assert (facts["bytes"], facts["types"]) == (4000, {"bf16": 3600, "f32": 400})
    assert [(layer["k"], layer["v"], layer["bytes"]) for layer in facts["layers"]] == [(128, 128, 1000)] * 4
    assert (facts["architecture"], facts["vocabulary"], facts["context"]) == ("LlamaForCausalLM", 1000, 4096)


@pytest.mark.parametrize(
    ("config", "layers"),
    [
        ({"head_dim": 256}, [(512, 512, 0)] * 4),
        ({"sliding_window": 512, "layer_types": TURNS}, [(128, 128, 512), (128, 128, 0)] * 2),
        ({"sliding_window": 512, "sliding_window_pattern": 2}, [(128, 128, 512), (128, 128, 0)] * 2),
        ({"sliding_window": 512}, [(128, 128, 512)] * 4),
        ({"sliding_window": 512, "use_sliding_window": False}, [(128, 128, 0)] * 4),
        ({"full_attention_interval": 4}, [(0, 0, 0)] * 3 + [(128, 128, 0)]),
        ({"kv_lora_rank": 512, "qk_rope_head_dim": 64}, [(576, 0, 0)] * 4),
        ({"text_config": {"num_hidden_layers": 1, "num_key_value_heads": 1}}, [(64, 64, 0)]),
    ],
)
def test_a_config_tells_what_each_layer_keeps(
    tmp_path: pathlib.Path, config: Values, layers: list[tuple[int, int, int]]
) -> None:
    found = told(folder(tmp_path, **config))["layers"]
    assert [(layer["k"], layer["v"], layer["window"]) for layer in found] == layers


def test_a_folder_that_is_no_model_is_told_in_words(tmp_path: pathlib.Path) -> None:
    assert told(tmp_path)["problem"] == "has no *.safetensors"
    one = tmp_path / "model.safetensors"
    one.write_bytes(b"<html>not found</html>")
    assert told(tmp_path)["problem"] == "model.safetensors is not a safetensors file, or is cut off inside its header"
    one.write_bytes(struct.pack("<Q", 2) + b"[]")
    assert told(tmp_path)["problem"] == "model.safetensors does not hold a JSON object"
    one.write_bytes(struct.pack("<Q", 4) + b"{{{{")
    assert told(tmp_path)["problem"] == "model.safetensors does not hold JSON"
    for wrong in ('{"a": 1}', '{"a": {"data_offsets": [1]}}', '{"a": {"data_offsets": [2, 1]}}'):
        one.write_bytes(struct.pack("<Q", len(wrong)) + wrong.encode())
        assert told(tmp_path)["problem"] == "model.safetensors has a tensor without its place"
    shard(one, {"a": ("F16", 4000)}, cut=1)
    assert "model.safetensors is cut off: it has " in told(tmp_path)["problem"]
    shard(one, {"a": ("F16", 4000)})
    assert told(tmp_path)["problem"] == "has no config.json"
    (tmp_path / "config.json").write_text(json.dumps({**CONFIG, "num_hidden_layers": 99999}))
    assert "claims 99999 layers" in told(tmp_path)["problem"]
    (tmp_path / "config.json").write_text("[" * 100_000)
    assert told(tmp_path)["problem"] == "config.json does not hold JSON"


# -- manifests of a registry


def manifest(folder: pathlib.Path, blobs: dict[str, str]) -> pathlib.Path:
    path = folder / "manifests" / "registry.ollama.ai" / "library" / "m" / "latest"
    path.parent.mkdir(parents=True, exist_ok=True)
    layers = [{"mediaType": f"application/vnd.ollama.{kind}", "digest": digest} for kind, digest in blobs.items()]
    path.write_text(json.dumps({"config": {}, "layers": layers}))
    return path


def test_a_manifest_tells_what_its_model_and_its_projector_tell(tmp_path: pathlib.Path) -> None:
    (tmp_path / "blobs").mkdir()
    model, projector = "a" * 64, "b" * 64
    write(tmp_path / "blobs" / f"sha256-{model}", **llama())
    write(tmp_path / "blobs" / f"sha256-{projector}", {"general.type": "mmproj"}, {"mm.0.weight": ((256, 256), F32)})
    alone = told(manifest(tmp_path, {"image.model": f"sha256:{model}", "image.template": f"sha256:{'c' * 64}"}))
    both = told(manifest(tmp_path, {"image.model": f"sha256:{model}", "image.projector": f"sha256:{projector}"}))
    assert len(alone["layers"]) == 2
    assert both["bytes"] - alone["bytes"] == both["output_bytes"] - alone["output_bytes"] == size_of((256, 256), F32)


def test_a_manifest_without_a_model_is_told_in_words(tmp_path: pathlib.Path) -> None:
    path = manifest(tmp_path, {"image.model": "sha256:../../etc/passwd"})
    assert told(path)["problem"] == "names no model"
    path = manifest(tmp_path, {"image.model": f"sha256:{'d' * 64}"})
    assert told(path)["problem"] == "can't be read: No such file or directory"
    for wrong in ("", "[]", '{"layers": [1]}', "[" * 100_000):
        path.write_text(wrong)
        assert told(path)["problem"] == "is not a manifest of a model"
