"""What `fit` has learnt: weights of passages, of pieces and of signals (weights.json), and of topics (topics.npz)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

WEIGHTS = Path(__file__).parent / "weights.json"
TOPICS = Path(__file__).parent / "topics.npz"
GAMMA = 1.0
"""Width of the kernel; from 0.5 to 2 nothing better was found on development questions held out."""


@dataclass(frozen=True)
class Topic:
    """A support vector machine with the kernel exp(-γ‖x - y‖²): how near a question is to those that no document answers."""

    vectors: np.ndarray
    """(s, dimensions): the development questions that matter, in the space of USE."""
    weights: np.ndarray
    """(s,)"""
    bias: float

    def of(self, vector: np.ndarray) -> float:
        """Positive for what documents do not say; `vector` is (dimensions,)."""
        apart = ((self.vectors.astype(np.float32) - vector) ** 2).sum(axis=1)
        return float(np.exp(-GAMMA * apart) @ self.weights + self.bias)


def read_weights() -> dict[str, Any]:
    """Read what `fit` wrote: weights by name; `topics` holds the machines, by what they look at."""
    fitted: dict[str, Any] = json.loads(WEIGHTS.read_text("utf-8"))
    with np.load(TOPICS, allow_pickle=False) as stored:
        fitted["topics"] = {
            name: Topic(stored[f"{name}_vectors"], stored[f"{name}_weights"], float(stored[f"{name}_bias"]))
            for name in stored["names"].tolist()
        }
    return fitted


def write_weights(fitted: Mapping[str, Any]) -> None:
    """Write the weights as JSON and the machines, which are too large for it, as arrays."""
    plain = {name: value for name, value in fitted.items() if name != "topics"}
    WEIGHTS.write_text(json.dumps(plain) + "\n", "utf-8")
    arrays: dict[str, Any] = {"names": np.array(list(fitted["topics"]))}
    for name, one in fitted["topics"].items():
        arrays |= {f"{name}_vectors": one.vectors, f"{name}_weights": one.weights, f"{name}_bias": one.bias}
    np.savez_compressed(TOPICS, **arrays)
