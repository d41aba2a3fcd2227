"""Scores of a two-class classifier with their uncertainty. Pure numpy."""

from __future__ import annotations

import math

import numpy as np

Z95 = 1.959963984540054


def accuracy(labels: np.ndarray, positive: np.ndarray) -> float:
    """Share of right answers; `positive` (n,) is the probability of class 1."""
    return float(((positive >= 0.5) == (labels == 1)).mean())


def f1(labels: np.ndarray, positive: np.ndarray) -> float:
    """Mean of the F1 of both classes (macro)."""
    return float(np.mean([_f1_of(labels == c, (positive >= 0.5) == (c == 1)) for c in (0, 1)]))


def nll(labels: np.ndarray, positive: np.ndarray) -> float:
    """Mean negative log-likelihood in nats."""
    right = np.where(labels == 1, positive, 1 - positive)
    return float(-np.log(np.clip(right, 1e-7, 1)).mean())


def reliability(labels: np.ndarray, positive: np.ndarray, bins: int = 10) -> list[dict[str, float]]:
    """Per bin of confidence (0.5 … 1): mean confidence, accuracy, count. Empty bins are left out."""
    confidence = np.maximum(positive, 1 - positive)
    right = (positive >= 0.5) == (labels == 1)
    number = np.clip(((confidence - 0.5) * 2 * bins).astype(int), 0, bins - 1)
    found = []
    for index in range(bins):
        inside = number == index
        if inside.any():
            found.append(
                {
                    "confidence": float(confidence[inside].mean()),
                    "accuracy": float(right[inside].mean()),
                    "count": int(inside.sum()),
                }
            )
    return found


def ece(labels: np.ndarray, positive: np.ndarray, bins: int = 10) -> float:
    """Expected calibration error (Guo et al. 2017, equation 3), over equal bins of confidence."""
    rows = reliability(labels, positive, bins)
    return float(sum(row["count"] * abs(row["accuracy"] - row["confidence"]) for row in rows) / len(labels))


def wilson(share: float, n: int, z: float = Z95) -> tuple[float, float]:
    """Wilson's score interval of a share of `n`."""
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))


def bootstrap(values: np.ndarray, *, seed: int = 0, rounds: int = 2000) -> tuple[float, float]:
    """95 % percentile interval of the mean of `values` (n,)."""
    draw = np.random.default_rng(seed)
    means = [values[draw.integers(0, len(values), len(values))].mean() for _ in range(rounds)]
    low, high = np.percentile(means, [2.5, 97.5])
    return float(min(low, values.mean())), float(max(high, values.mean()))


def mcnemar(first_right: np.ndarray, second_right: np.ndarray) -> tuple[int, int, float]:
    """How often only the first, only the second was right, and the exact two-sided p-value."""
    only_first = int((first_right & ~second_right).sum())
    only_second = int((second_right & ~first_right).sum())
    n, k = only_first + only_second, min(only_first, only_second)
    logs = [
        math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) - n * math.log(2)
        for i in range(k + 1)
    ]
    return only_first, only_second, min(1.0, 2 * sum(math.exp(log) for log in logs))


def _f1_of(truth: np.ndarray, said: np.ndarray) -> float:
    hit = (truth & said).sum()
    return float(2 * hit / max(1, truth.sum() + said.sum()))
