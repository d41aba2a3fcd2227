"""Weights back into GGUF: merged with the adapter, quantised, and cut into parts that a browser can fetch.

Tokenizer, chat template and every hyperparameter are copied from the GGUF that the model came in.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from projects.small_llm.gguf_files import (
    GgufError,
    heads_of,
    hugging_face_name,
    open_gguf,
    permute,
    read_weights,
)
from projects.small_llm.quants import quantise

if TYPE_CHECKING:
    from gguf import GGUFReader, GGUFWriter

FORMATS = {
    "F32": "ALL_F32",
    "F16": "MOSTLY_F16",
    "Q8_0": "MOSTLY_Q8_0",
    "Q4_0": "MOSTLY_Q4_0",
    "Q4_1": "MOSTLY_Q4_1",
}
WRITER_KEYS = ("GGUF.", "split.", "general.architecture")  # the writer's own
FORMAT_KEYS = ("general.file_type", "general.quantization_version")
UNKNOWN_LORA = ("use_rslora", "use_dora", "rank_pattern", "alpha_pattern", "fan_in_fan_out")
PART_BYTES = 42_000_000  # of tensors; the first part adds 1.8 MB of tokenizer: all stay under 45 MB


def merged_weights(source: Path, adapter: Path | None, layers: int = 0) -> dict[str, np.ndarray]:
    """The model's weights; with an adapter folder (PEFT's format), each W becomes W + (alpha / r) · B · A.

    The product is taken in float64, so that its rounding does not depend on the machine's matrix library.
    """
    weights = read_weights(source, layers)
    if adapter is None:
        return weights
    from safetensors.numpy import load_file

    config = json.loads((adapter / "adapter_config.json").read_text())
    if unknown := [key for key in UNKNOWN_LORA if config.get(key)]:
        raise GgufError(f"{adapter} uses {', '.join(unknown)}; only plain LoRA is merged here")
    scale = config["lora_alpha"] / config["r"]
    tensors = load_file(adapter / "adapter_model.safetensors")
    for name in sorted(tensors):
        if not name.endswith(".lora_A.weight"):
            continue
        target = name.removeprefix("base_model.model.").replace(".lora_A", "")
        down, up = (
            tensors[name].astype(np.float64),
            tensors[name.replace(".lora_A", ".lora_B")].astype(np.float64),
        )
        if target not in weights or weights[target].shape != (up.shape[0], down.shape[1]):
            found = weights[target].shape if target in weights else "no such weight"
            raise GgufError(
                f"{adapter} is an adapter for another model: {target} should be {(up.shape[0], down.shape[1])}, "
                f"{source.name} has {found}"
            )
        weights[target] = (weights[target] + scale * (up @ down)).astype(np.float32)
    return weights


def write_gguf(source: Path, weights: dict[str, np.ndarray], kind: str, target: Path) -> None:
    """`weights` in format `kind`, with everything else as in `source`; layers that they lack are left out."""
    from gguf import GGMLQuantizationType, GGUFWriter, LlamaFileType

    if kind not in FORMATS:
        raise GgufError(f"no format {kind!r}; known: {', '.join(FORMATS)}")
    reader = open_gguf(source)
    unfinished = target.with_suffix(".part")
    writer = GGUFWriter(unfinished, reader.fields["general.architecture"].contents())
    _copy_metadata(reader, writer, but=(*WRITER_KEYS, *FORMAT_KEYS, "llama.block_count"))
    writer.add_block_count(sum(name.endswith("input_layernorm.weight") for name in weights))
    writer.add_file_type(LlamaFileType[FORMATS[kind]])
    writer.add_quantization_version(2)
    for tensor in reader.tensors:
        if (name := hugging_face_name(tensor.name)) not in weights:
            continue
        weight = weights[name]
        if heads := heads_of(reader, tensor.name):
            weight = permute(weight, heads)
        stored, as_kind = encode(weight, _kind_of(tensor.name, weight, kind))
        writer.add_tensor(tensor.name, stored, raw_dtype=GGMLQuantizationType[as_kind])
    _finish(writer)
    os.replace(unfinished, target)


def encode(weight: np.ndarray, kind: str) -> tuple[np.ndarray, str]:
    """The array that the file holds, and its type."""
    if kind == "F32":
        return np.ascontiguousarray(weight, dtype=np.float32), kind
    if kind == "F16":
        return weight.astype(np.float16), kind
    return quantise(weight, kind), kind


def split_gguf(
    source: Path, folder: Path, *, part_bytes: int = PART_BYTES, part_tensors: int = 0
) -> list[Path]:
    """The same tensors, byte for byte, in files `<stem>-00001-of-0000N.gguf`, as llama.cpp and wllama load them.

    A part holds at most `part_tensors` tensors if given, else `part_bytes` bytes of them.
    """
    from gguf import GGUFWriter

    reader = open_gguf(source)
    limit = {"split_max_tensors": part_tensors} if part_tensors else {"split_max_size": part_bytes}
    writer = GGUFWriter(folder / source.name, reader.fields["general.architecture"].contents(), **limit)
    _copy_metadata(reader, writer, but=WRITER_KEYS)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    _finish(writer)
    return sorted(folder.glob(f"{source.stem}-*-of-*.gguf"))


def _kind_of(name: str, weight: np.ndarray, kind: str) -> str:
    """Vectors stay in float32; four-bit files keep the embedding, which is the output layer too, in eight."""
    if weight.ndim == 1:
        return "F32"
    return "Q8_0" if kind in ("Q4_0", "Q4_1") and name == "token_embd.weight" else kind


def _copy_metadata(reader: GGUFReader, writer: GGUFWriter, *, but: tuple[str, ...]) -> None:
    from gguf import GGUFValueType

    for key, field in reader.fields.items():
        if not key.startswith(but):
            inner = field.types[-1] if field.types[0] == GGUFValueType.ARRAY else None
            writer.add_key_value(key, field.contents(), field.types[0], inner)


def _finish(writer: GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
