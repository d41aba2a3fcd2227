"""IMDB reviews: loaded through `datasets`, cleaned, without duplicates, split without leakage.

Reviews of one film lie side by side in the file (at most 30 a film, Maas et al. 2011), so a random
split puts the same film on both sides. Here whole blocks of 250 neighbours are held out, every fifth
one; the 30 training reviews on either side of a held-out block are dropped, so that within one class
no film can be on both sides; a text seen before, also across the split, is dropped from training.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from projects.sentiment.text import clean

BLOCK = 250  # neighbouring reviews that stay together
EVERY = 5  # each fifth block is held out
GUARD = 30  # reviews a film has at most: dropped on either side of a held-out block


@dataclass(frozen=True)
class Reviews:
    """Texts with labels (n,), 0 negative and 1 positive, and their rows in the source file (n,)."""

    texts: list[str]
    labels: np.ndarray
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, chosen: np.ndarray) -> Reviews:
        """The reviews at these positions, in this order."""
        return Reviews([self.texts[i] for i in chosen], self.labels[chosen], self.rows[chosen])


@dataclass(frozen=True)
class Split:
    """Training and held-out reviews, and what was dropped and why."""

    train: Reviews
    test: Reviews
    dropped: dict[str, int]


def load_reviews(path: Path) -> Reviews:
    """The 25,000 reviews of IMDB's training half, from the package's CSV or the hub's Parquet folder."""
    from datasets import Dataset

    if path.is_dir():
        files = [str(file) for file in sorted(path.rglob("train-*.parquet"))]
        table = Dataset.from_parquet(files, keep_in_memory=True)
    else:
        table = Dataset.from_csv(str(path), keep_in_memory=True)
        table = table.filter(lambda source: source == "imdb", input_columns="source")
    columns = table.to_pandas()  # at once: a column of a `Dataset` is read value by value
    texts = [clean(text) for text in columns["text"]]
    return Reviews(texts, columns["label"].to_numpy(dtype=np.int64), np.arange(len(texts)))


def load_split(path: Path, *, limit: int = 0) -> Split:
    """The project's one split; with `limit`, as many training reviews and a quarter as many held out."""
    split = split_reviews(load_reviews(path))
    if not limit:
        return split
    return Split(sample(split.train, limit, seed=0), sample(split.test, limit // 4, seed=0), split.dropped)


def split_reviews(reviews: Reviews, block: int = BLOCK, guard: int = GUARD) -> Split:
    """Hold out every fifth block; drop guards and duplicates."""
    number = np.arange(len(reviews)) // block
    held = number % EVERY == EVERY - 1
    near = np.zeros(len(reviews), dtype=bool)
    for edge in np.flatnonzero(np.diff(held.astype(int))):  # held[edge] differs from held[edge + 1]
        near[max(0, edge + 1 - guard) : edge + 1 + guard] = True
    guarded = near & ~held
    seen: set[bytes] = set()
    keep = np.zeros(len(reviews), dtype=bool)
    for position in [*np.flatnonzero(held), *np.flatnonzero(~held & ~guarded)]:
        key = fingerprint(reviews.texts[position])
        keep[position] = key not in seen
        seen.add(key)
    train, test = ~held & ~guarded & keep, held & keep
    dropped = {
        "guard": int(guarded.sum()),
        "duplicate_train": int((~held & ~guarded & ~keep).sum()),
        "duplicate_test": int((held & ~keep).sum()),
    }
    return Split(reviews.take(np.flatnonzero(train)), reviews.take(np.flatnonzero(test)), dropped)


def carve_validation(train: Reviews) -> Split:
    """Of the training reviews alone: every eighth block for choosing settings, guarded likewise."""
    number = train.rows // BLOCK
    held = number % (2 * EVERY) == 2
    first_last = [
        (rows.min(), rows.max()) for n in np.unique(number[held]) if len(rows := train.rows[number == n])
    ]
    near = np.zeros(len(train), dtype=bool)
    for first, last in first_last:
        near |= (train.rows >= first - GUARD) & (train.rows <= last + GUARD)
    kept = train.take(np.flatnonzero(~held & ~near))
    return Split(kept, train.take(np.flatnonzero(held)), {"guard": int((near & ~held).sum())})


def sample(reviews: Reviews, size: int, *, seed: int) -> Reviews:
    """`size` reviews by chance, as many of each class; 0 means all of them."""
    if not size or size >= len(reviews):
        return reviews
    draw = np.random.default_rng(seed)
    halves = [draw.permutation(np.flatnonzero(reviews.labels == label))[: size // 2] for label in (0, 1)]
    return reviews.take(draw.permutation(np.concatenate(halves)))


def fingerprint(text: str) -> bytes:
    """Equal for texts that differ in case, punctuation or spacing only."""
    return hashlib.sha1(" ".join(words_of(text)).encode()).digest()


def words_of(text: str) -> list[str]:
    """Lower-case words without punctuation."""
    return re.findall(r"[a-z0-9']+", text.lower())


def shared_shingles(train: Reviews, test: Reviews, size: int = 8) -> np.ndarray:
    """(n_test,) largest share of a held-out review's `size`-word runs found in one training review."""
    index: dict[int, list[int]] = {}
    for number, text in enumerate(test.texts):
        for shingle in _shingles(text, size):
            index.setdefault(shingle, []).append(number)
    total = np.array([max(1, len(_shingles(text, size))) for text in test.texts])
    best = np.zeros(len(test))
    for text in train.texts:
        counts: dict[int, int] = {}
        for shingle in _shingles(text, size):
            for number in index.get(shingle, ()):
                counts[number] = counts.get(number, 0) + 1
        for number, count in counts.items():
            best[number] = max(best[number], count / total[number])
    return best


def _shingles(text: str, size: int) -> set[int]:
    words = words_of(text)
    return {hash(tuple(words[i : i + size])) for i in range(max(1, len(words) - size + 1))}
