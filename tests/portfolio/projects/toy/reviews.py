"""Reads the reviews and judges how sure a share of hits is."""

from __future__ import annotations

import csv
import math
from pathlib import Path


def read_reviews(folder: Path, limit: int | None = None) -> list[tuple[str, int]]:
    """Text and label of each review."""
    with (folder / "reviews.csv").open(encoding="utf-8", newline="") as stream:
        rows = [(row["text"], int(row["label"])) for row in csv.DictReader(stream)]
    return rows[:limit]


def wilson(hits: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """The Wilson interval of a proportion."""
    share, spread = hits / n, z * z / n
    middle = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(share * (1 - share) / n + spread / (4 * n))
    return middle - half, middle + half
