"""INT8 by hand, as in LLM.int8() (Dettmers et al. 2022, arXiv 2208.07339): what bitsandbytes does inside a linear layer.

Pure numpy; `X` (tokens, inputs) float32, `W` (outputs, inputs) float32, the layer gives `X @ W.T`.
"""

from __future__ import annotations

import numpy as np

OUTLIER = 6.0  # the paper's threshold: a column with any activation this large stays in floating point


def quantise_rows(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(rows, n) float32 → int8 of the same shape and each row's largest absolute value (rows,): absmax."""
    largest = np.abs(values).max(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = np.where(largest[:, None] == 0, 0, values * (np.float32(127) / largest[:, None]))
    return np.rint(steps).astype(np.int8), largest


def outlier_columns(inputs: np.ndarray, threshold: float = OUTLIER) -> np.ndarray:
    """Numbers of the columns in which any token reaches the threshold."""
    return np.flatnonzero((np.abs(inputs) >= threshold).any(axis=0))


def exact_product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Integers multiplied in float64, where sums below 2⁵³ are exact: numpy's own integer product is far slower."""
    return left.astype(np.float64) @ right.astype(np.float64)


def matmul_int8(inputs: np.ndarray, steps: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """(tokens, outputs) from INT8 on both sides: multiplied as integers, scaled back by row and by column.

    `steps` (outputs, inputs) int8 and `scales` (outputs,) are the weight's, from `quantise_rows`.
    """
    rows, largest = quantise_rows(inputs)
    sums = exact_product(rows, steps.T)
    return sums.astype(np.float32) * np.outer(largest, scales).astype(np.float32) / np.float32(127 * 127)


def matmul_mixed(
    inputs: np.ndarray, steps: np.ndarray, scales: np.ndarray, threshold: float = OUTLIER
) -> np.ndarray:
    """As `matmul_int8`, with the outlier columns taken out, multiplied in float32 and added back."""
    columns = outlier_columns(inputs, threshold)
    ordinary = inputs.copy()
    ordinary[:, columns] = 0  # so that they no longer set the scale of their rows
    weights = steps[:, columns].astype(np.float32) * scales[:, None] / np.float32(127)
    return matmul_int8(ordinary, steps, scales) + inputs[:, columns] @ weights.T


def matmul_one_scale(inputs: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The naive way: one scale for all activations and one for all weights."""
    x, w = np.abs(inputs).max() / 127, np.abs(weight).max() / 127
    sums = exact_product(np.rint(inputs / x), np.rint(weight / w).T)
    return sums.astype(np.float32) * np.float32(x * w)


def relative_error(found: np.ndarray, true: np.ndarray) -> float:
    """Mean over tokens of |found - true| / |true|, each token's vector by its Euclidean length."""
    return float((np.linalg.norm(found - true, axis=1) / np.linalg.norm(true, axis=1)).mean())
