"""The block formats of llama.cpp, by hand: 32 weights share one scale (Q8_0, Q4_0), or a scale and a minimum (Q4_1).

Bit for bit what ggml's reference quantiser and the `gguf` package write; the tests compare. K-quants are not covered.
"""

from __future__ import annotations

import numpy as np

BLOCK = 32  # weights that share a scale
BYTES = {"Q8_0": 2 + 32, "Q4_0": 2 + 16, "Q4_1": 2 + 2 + 16}  # of one block


def quantise_q8_0(blocks: np.ndarray) -> np.ndarray:
    """(n, 32) float32 → (n, 34) bytes: the scale as float16, then 32 signed bytes."""
    scale = np.abs(blocks).max(axis=1, keepdims=True) / 127
    steps = _round_half_away(blocks * _inverse(scale)).astype(np.int8)
    return np.hstack([_float16_bytes(scale), steps.view(np.uint8)])


def quantise_q4_0(blocks: np.ndarray) -> np.ndarray:
    """(n, 32) float32 → (n, 18) bytes: the scale, then 16 bytes of two weights, each from -8 to 7.

    The weight of largest size, sign included, becomes -8, so one end of the range is met exactly.
    """
    largest = np.take_along_axis(blocks, np.abs(blocks).argmax(axis=1, keepdims=True), axis=1)
    scale = largest / -8
    steps = (blocks * _inverse(scale) + np.float32(8.5)).astype(np.uint8).clip(0, 15)
    return np.hstack([_float16_bytes(scale), _pack_nibbles(steps)])


def quantise_q4_1(blocks: np.ndarray) -> np.ndarray:
    """(n, 32) float32 → (n, 20) bytes: scale, minimum, then 16 bytes of two weights, each from 0 to 15."""
    low, high = blocks.min(axis=1, keepdims=True), blocks.max(axis=1, keepdims=True)
    scale = (high - low) / 15
    steps = ((blocks - low) * _inverse(scale) + np.float32(0.5)).astype(np.uint8).clip(0, 15)
    return np.hstack([_float16_bytes(scale), _float16_bytes(low), _pack_nibbles(steps)])


QUANTISERS = {"Q8_0": quantise_q8_0, "Q4_0": quantise_q4_0, "Q4_1": quantise_q4_1}


def quantise(weight: np.ndarray, kind: str) -> np.ndarray:
    """A weight (outputs, inputs) as the bytes of its rows (outputs, inputs / 32 · bytes of a block)."""
    rows, inputs = weight.shape
    if inputs % BLOCK:
        raise ValueError(
            f"rows of {inputs} weights do not fall into blocks of {BLOCK}: {kind} cannot hold them"
        )
    out = np.empty((rows, inputs // BLOCK * BYTES[kind]), dtype=np.uint8)
    step = max(1, (1 << 20) // inputs)  # about a million weights at a time: memory stays low
    for first in range(0, rows, step):
        few = weight[first : first + step].astype(np.float32, copy=False)
        out[first : first + step] = QUANTISERS[kind](few.reshape(-1, BLOCK)).reshape(len(few), -1)
    return out


def _inverse(scale: np.ndarray) -> np.ndarray:
    """1 / scale, and 0 for a block of zeros."""
    with np.errstate(divide="ignore"):
        return np.where(scale == 0, np.float32(0), np.float32(1) / scale)


def _round_half_away(values: np.ndarray) -> np.ndarray:
    """C's roundf: halves go away from zero, where numpy's `round` takes them to the even number."""
    whole = np.trunc(values)
    return whole + np.trunc(2 * (values - whole))


def _float16_bytes(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float16).view(np.uint8)


def _pack_nibbles(steps: np.ndarray) -> np.ndarray:
    """Weight i in the low half of byte i, weight i + 16 in the high half."""
    return steps[:, :16] | (steps[:, 16:] << np.uint8(4))
