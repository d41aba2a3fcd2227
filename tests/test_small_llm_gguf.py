"""GGUF of the small LLaMA: blocks bit for bit, round trips, merging, parts, and files that are broken."""

from __future__ import annotations

import importlib.util
import json
import struct
from pathlib import Path

import numpy as np
import pytest

needs_gguf = pytest.mark.skipif(importlib.util.find_spec("gguf") is None, reason="gguf is not installed")
pytestmark = needs_gguf

WIDTH, HIDDEN, HEADS, KV_HEADS, WORDS = 64, 96, 4, 2, 50


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LLaMA of one layer in F32, written by the `gguf` package alone."""
    from gguf import GGUFWriter

    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    draw = np.random.default_rng(0)
    writer = GGUFWriter(path, "llama")
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_token_list([f"word{i}" for i in range(WORDS)])
    writer.add_chat_template("{{ messages }}")
    writer.add_file_type(0)
    shapes = {
        "token_embd": (WORDS, WIDTH), "blk.0.attn_norm": (WIDTH,), "blk.0.ffn_norm": (WIDTH,),
        "blk.0.attn_q": (WIDTH, WIDTH), "blk.0.attn_k": (WIDTH // 2, WIDTH), "blk.0.attn_v": (WIDTH // 2, WIDTH),
        "blk.0.attn_output": (WIDTH, WIDTH), "blk.0.ffn_gate": (HIDDEN, WIDTH), "blk.0.ffn_up": (HIDDEN, WIDTH),
        "blk.0.ffn_down": (WIDTH, HIDDEN), "output_norm": (WIDTH,),
    }  # fmt: skip
    for name, shape in shapes.items():
        writer.add_tensor(f"{name}.weight", draw.normal(size=shape).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _hard_blocks() -> np.ndarray:
    """Zeros, ties, halves, denormals, large values, and a thousand ordinary rows."""
    draw = np.random.default_rng(1)
    special = np.zeros((6, 64), dtype=np.float32)
    special[1, ::2], special[2], special[3, 5], special[4] = 0.5, np.arange(-32, 32) / 2, -3e4, 1e-7
    special[5, :32] = np.tile([127, -127, 63.5, -63.5, 0.5, 1.5, 2.5, -0.5], 4)
    return np.vstack([special, draw.normal(scale=0.05, size=(1000, 64)).astype(np.float32)])


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_0", "Q4_1"])
def test_blocks_are_bit_for_bit_those_of_the_gguf_package(kind: str) -> None:
    import gguf

    from projects.small_llm.quants import quantise

    weight = _hard_blocks()
    theirs = gguf.quantize(weight, gguf.GGMLQuantizationType[kind])
    assert np.array_equal(quantise(weight, kind), theirs)


def test_rows_that_do_not_fall_into_blocks_are_refused() -> None:
    from projects.small_llm.quants import quantise

    with pytest.raises(ValueError, match="rows of 40 weights do not fall into blocks of 32"):
        quantise(np.zeros((2, 40), dtype=np.float32), "Q8_0")


def test_permuting_rows_has_a_way_back_and_changes_something() -> None:
    from projects.small_llm.gguf_files import permute, unpermute

    weight = np.arange(24 * 4, dtype=np.float32).reshape(24, 4)
    assert np.array_equal(unpermute(permute(weight, 3), 3), weight)
    assert permute(weight, 3)[:4, 0].tolist() == [0, 16, 4, 20]


def test_f32_round_trip_keeps_every_bit_and_every_key(tiny: Path, tmp_path: Path) -> None:
    from projects.small_llm.gguf_export import write_gguf
    from projects.small_llm.gguf_files import open_gguf, read_weights

    write_gguf(tiny, read_weights(tiny), "F32", tmp_path / "again.gguf")
    before, after = open_gguf(tiny), open_gguf(tmp_path / "again.gguf")
    assert _tensors(before) == _tensors(after)
    for key in ("tokenizer.ggml.tokens", "tokenizer.chat_template", "llama.attention.head_count"):
        assert before.fields[key].contents() == after.fields[key].contents()
    assert not (tmp_path / "again.part").exists()


@pytest.mark.parametrize("kind", ["F16", "Q8_0", "Q4_0", "Q4_1"])
def test_written_tensors_are_what_the_gguf_package_makes(kind: str, tiny: Path, tmp_path: Path) -> None:
    import gguf

    from projects.small_llm.gguf_export import write_gguf
    from projects.small_llm.gguf_files import open_gguf, read_weights

    write_gguf(tiny, read_weights(tiny), kind, tmp_path / "out.gguf")
    source = {tensor.name: tensor for tensor in open_gguf(tiny).tensors}
    for tensor in open_gguf(tmp_path / "out.gguf").tensors:
        theirs = gguf.quantize(source[tensor.name].data, tensor.tensor_type)
        assert np.array_equal(tensor.data, theirs), tensor.name
        if tensor.name == "blk.0.ffn_up.weight":
            assert tensor.tensor_type.name == kind
        if tensor.name.endswith("norm.weight"):
            assert tensor.tensor_type.name == "F32"


def test_parts_hold_the_same_bytes_tensor_by_tensor(tiny: Path, tmp_path: Path) -> None:
    from projects.small_llm.gguf_export import split_gguf
    from projects.small_llm.gguf_files import open_gguf

    parts = split_gguf(tiny, tmp_path, part_bytes=40_000)
    assert len(parts) > 2
    assert parts[0].name == f"tiny-00001-of-{len(parts):05d}.gguf"
    together = {name: data for part in parts for name, data in _tensors(open_gguf(part)).items()}
    assert together == _tensors(open_gguf(tiny))
    first = open_gguf(parts[0])
    assert first.fields["tokenizer.chat_template"].contents() == "{{ messages }}"
    assert first.fields["split.count"].contents() == len(parts)


def test_an_adapter_is_added_to_its_weights_alone(tiny: Path, tmp_path: Path) -> None:
    from projects.small_llm.gguf_export import merged_weights

    name = "model.layers.0.self_attn.q_proj"
    down, up = _write_adapter(tmp_path, name, inputs=WIDTH, outputs=WIDTH)
    plain, merged = merged_weights(tiny, None), merged_weights(tiny, tmp_path)
    expected = plain[f"{name}.weight"] + 2.0 * up @ down
    assert np.allclose(merged[f"{name}.weight"], expected, atol=1e-6)
    assert all(np.array_equal(merged[key], plain[key]) for key in plain if key != f"{name}.weight")


def test_an_adapter_for_another_model_is_refused(tiny: Path, tmp_path: Path) -> None:
    from projects.small_llm.gguf_export import merged_weights
    from projects.small_llm.gguf_files import GgufError

    _write_adapter(tmp_path, "model.layers.7.self_attn.q_proj", inputs=WIDTH, outputs=WIDTH)
    with pytest.raises(GgufError, match=r"another model.*layers\.7.*no such weight"):
        merged_weights(tiny, tmp_path)
    _write_adapter(tmp_path, "model.layers.0.self_attn.q_proj", inputs=576, outputs=576)
    with pytest.raises(GgufError, match=r"should be \(576, 576\), tiny.gguf has \(64, 64\)"):
        merged_weights(tiny, tmp_path)
    _write_adapter(tmp_path, "model.layers.0.self_attn.q_proj", inputs=WIDTH, outputs=WIDTH, use_dora=True)
    with pytest.raises(GgufError, match="use_dora"):
        merged_weights(tiny, tmp_path)


@pytest.mark.parametrize("keep", [0, 3, 20, 200, 2000, -1, -5000])
def test_a_truncated_file_is_told_as_such(keep: int, tiny: Path, tmp_path: Path) -> None:
    from projects.small_llm.gguf_files import GgufError, open_gguf

    broken = tmp_path / "broken.gguf"
    broken.write_bytes(tiny.read_bytes()[:keep])
    with pytest.raises(GgufError, match=r"broken\.gguf (is truncated|is no GGUF)"):
        open_gguf(broken)


def test_a_corrupt_file_is_told_as_such(tiny: Path, tmp_path: Path) -> None:
    from projects.small_llm.gguf_files import GgufError, open_gguf

    broken, data = tmp_path / "broken.gguf", bytearray(tiny.read_bytes())
    for start, put, said in (
        (0, b"PK\x03\x04", "is no GGUF file"),
        (4, struct.pack("<I", 99), "GGUF version 99"),
        (16, struct.pack("<Q", 2**40), "truncated or corrupt"),
        (24, struct.pack("<Q", 2**60), "truncated or corrupt"),
    ):
        wrong = bytes(data[:start]) + put + bytes(data[start + len(put) :])
        broken.write_bytes(wrong)
        with pytest.raises(GgufError, match=said):
            open_gguf(broken)
    with pytest.raises(GgufError, match="does not exist"):
        open_gguf(tmp_path / "none.gguf")


def test_a_tensor_without_a_place_and_another_architecture_are_told(tmp_path: Path) -> None:
    from gguf import GGUFWriter

    from projects.small_llm.gguf_files import GgufError, hugging_face_name, read_weights

    with pytest.raises(GgufError, match="has no place in a LLaMA"):
        hugging_face_name("blk.0.ffn_gate_exps.weight")
    writer = GGUFWriter(tmp_path / "other.gguf", "gemma3")
    writer.add_tensor("token_embd.weight", np.zeros((32, 32), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(GgufError, match="'gemma3' model"):
        read_weights(tmp_path / "other.gguf")


def _tensors(reader) -> dict[str, tuple[str, bytes]]:
    return {one.name: (one.tensor_type.name, one.data.tobytes()) for one in reader.tensors}


def _write_adapter(
    folder: Path, name: str, *, inputs: int, outputs: int, **more
) -> tuple[np.ndarray, np.ndarray]:
    from safetensors.numpy import save_file

    draw = np.random.default_rng(2)
    down = draw.normal(size=(4, inputs)).astype(np.float32)
    up = draw.normal(size=(outputs, 4)).astype(np.float32)
    stem = f"base_model.model.{name}"
    save_file(
        {f"{stem}.lora_A.weight": down, f"{stem}.lora_B.weight": up}, folder / "adapter_model.safetensors"
    )
    (folder / "adapter_config.json").write_text(json.dumps({"r": 4, "lora_alpha": 8, **more}))
    return down, up
