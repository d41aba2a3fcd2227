"""llama.cpp's file format, read: checked before anything trusts it, and turned into weights by their Hugging Face names.

No torch here. Reading what other LLaMA-like architectures add (biases, experts, K-quants) is not covered.
"""

from __future__ import annotations

import functools
import re
import struct
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from gguf import GGUFReader

OUTER = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "output": "lm_head",
}
LAYER = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


class GgufError(ValueError):
    """A file that is no whole GGUF, or not one of a LLaMA; the message says what to do."""


def open_gguf(path: Path) -> GGUFReader:
    """The file's reader, once its header, its directory and the extent of each tensor have been checked."""
    if not path.is_file():
        raise GgufError(f"{path} does not exist: make it with `verifolio run`, or name another GGUF file")
    stat = path.stat()
    return _read(path, stat.st_size, stat.st_mtime_ns)


@functools.lru_cache(maxsize=2)  # the directory of 100,000 tokenizer entries takes seconds to read
def _read(path: Path, size: int, _modified: int) -> GGUFReader:
    from gguf import GGUFReader

    with path.open("rb") as file:
        head = file.read(8)
    if len(head) < 8 or head[:4] != b"GGUF":
        raise GgufError(f"{path} is no GGUF file: it starts with {head[:4]!r}, not with b'GGUF'")
    if (version := struct.unpack("<I", head[4:])[0]) not in (2, 3):
        raise GgufError(f"{path} has GGUF version {version}; versions 2 and 3 can be read")
    try:
        reader = GGUFReader(path)
    except (ValueError, IndexError, KeyError, OverflowError, MemoryError, OSError) as error:
        raise GgufError(
            f"{path} is truncated or corrupt: of its {size:,} bytes, header and tensors cannot be read ({error}); "
            "get the file again and compare its SHA-256"
        ) from error
    for tensor in reader.tensors:
        if (end := int(tensor.data_offset) + int(tensor.n_bytes)) > size:
            raise GgufError(
                f"{path} is truncated: {tensor.name} ends at byte {end:,}, the file at {size:,}; get it again"
            )
    return reader


def hugging_face_name(name: str) -> str:
    """`blk.3.attn_q.weight` → `model.layers.3.self_attn.q_proj.weight`."""
    if found := re.fullmatch(r"blk\.(\d+)\.(\w+)\.weight", name):
        number, part = found.groups()
        if part in LAYER:
            return f"model.layers.{number}.{LAYER[part]}.weight"
    elif name.endswith(".weight") and (part := name.removesuffix(".weight")) in OUTER:
        return f"{OUTER[part]}.weight"
    raise GgufError(f"the tensor {name} has no place in a LLaMA without biases; known: {sorted(LAYER)}")


def permute(weight: np.ndarray, heads: int) -> np.ndarray:
    """(heads · d, inputs): a head's rows from two halves, as Hugging Face keeps them, to pairs for llama.cpp's RoPE."""
    rows, inputs = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, inputs).swapaxes(1, 2).reshape(rows, inputs)


def unpermute(weight: np.ndarray, heads: int) -> np.ndarray:
    """The way back from `permute`."""
    rows, inputs = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, inputs).swapaxes(1, 2).reshape(rows, inputs)


def heads_of(reader: GGUFReader, name: str) -> int:
    """How many heads a tensor's rows are permuted by; 0 for one that is stored as it is."""
    key = {"attn_q": "head_count", "attn_k": "head_count_kv"}.get(name.split(".")[-2], "")
    return int(reader.fields[f"llama.attention.{key}"].contents()) if key else 0


def read_weights(path: Path, layers: int = 0) -> dict[str, np.ndarray]:
    """Hugging Face name → float32 array (outputs, inputs), dequantised and with q and k put back in order.

    With `layers`, only the first so many: a model that talks nonsense fast, for trying things out.
    """
    from gguf import dequantize

    reader = open_gguf(path)
    if (kind := reader.fields["general.architecture"].contents()) != "llama":
        raise GgufError(f"{path} holds a {kind!r} model; only the architecture 'llama' is read here")
    weights = {}
    for tensor in reader.tensors:
        if layers and tensor.name.startswith("blk.") and int(tensor.name.split(".")[1]) >= layers:
            continue
        weight = np.array(dequantize(tensor.data, tensor.tensor_type), dtype=np.float32)
        if heads := heads_of(reader, tensor.name):
            weight = unpermute(weight, heads)
        weights[hugging_face_name(tensor.name)] = np.ascontiguousarray(weight)
    return weights
