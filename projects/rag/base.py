"""The knowledge base as answering opens it: documents, store and vectors, built on first use and after every change.

A base is a folder: `store/` (passages, by `ingest`) and a file of vectors for each encoder. Readers hold the old state
until the new one is renamed into place; a killed build leaves the old one working.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from projects.rag.embedders import Embedder, load_embedder
from projects.rag.ingest import Report, ingest, load_passages
from projects.rag.records import Passage
from projects.rag.search import (
    FEATURES,
    SIGNALS,
    Candidates,
    Filter,
    Index,
    language_rows,
    read_weights,
    texts_of,
)
from projects.rag.vectors import Progress, embed, read_vectors
from projects.rag.wording import language_of

ROOT = Path(__file__).parents[2]
DOCUMENTS = Path(__file__).parent / "knowledge" / "documents"
HOME = ROOT / "build" / "rag"
ENCODERS = ("e5_small", "use_m3")
K = 5


@dataclass(frozen=True)
class Found:
    """The best passages, the best first; `answerable` if they are likely to hold the answer."""

    passages: list[Passage]
    answerable: bool
    probability: float = 0.0
    encode_ms: float = 0.0


class Base:
    """An index with its fitted weights."""

    def __init__(self, index: Index, weights: dict[str, dict[str, float]] | None = None) -> None:
        self.index, self.passages = index, index.passages
        self._weights = weights or read_weights()
        self._rank = np.array([self._weights["rank"].get(name, 0.0) for name in FEATURES])
        self.similar = index.similar

    def find(self, question: str, k: int = K, where: Filter | None = None) -> Found:
        """Search among the passages in the question's language, or among all of a base that has none in it."""
        rows = language_rows(self.index, question, where)
        if not len(rows):
            return Found([], answerable=False)
        found = self.index.candidates(question, rows)
        best = np.argsort(-(found.features @ self._rank), kind="stable")[:k]
        likely = self._likely(found, best, language_of(question))
        return Found([self.passages[found.rows[at]] for at in best], likely >= 0.5, likely, found.encode_ms)

    def _likely(self, found: Candidates, best: np.ndarray, lang: str) -> float:
        """Probability that the documents say: logistic in the best closeness of each kind (see `fit`)."""
        weights = self._weights["answer"]
        signals = found.absolute[best].max(axis=0)
        logit = weights[lang] + sum(
            weights[name] * value for name, value in zip(SIGNALS, signals, strict=True)
        )
        return float(1 / (1 + np.exp(-logit)))


def update_base(documents: Path, home: Path, *, progress: Progress | None = None) -> Report:
    """Bring a base in step with a folder of documents; only new passages are embedded. Raises `StoreError`."""
    report = ingest(documents, home / "store", progress=progress)
    _embed(load_passages(home / "store"), home, progress)
    return report


def load_base(home: Path) -> Base:
    """Open a base that was built before. Raises `StoreError`."""
    return Base(load_index(home))


def load_index(home: Path) -> Index:
    """Open the index of a base that was built before. Raises `StoreError`."""
    passages = load_passages(home / "store")
    e5, use = _embed(passages, home, None)  # the process that ingested may have been ended before it embedded
    return Index(passages, read_vectors(home, "e5_small"), read_vectors(home, "use_m3"), e5, use)


def _embed(passages: Sequence[Passage], home: Path, progress: Progress | None) -> tuple[Embedder, Embedder]:
    whole, parts = texts_of(passages)
    e5, use = (load_embedder(name) for name in ENCODERS)
    others = (HOME / "shop",) if home != HOME / "shop" else ()  # what the shop's base holds is not made again
    embed(whole, e5, home, others=others, progress=progress)
    embed(parts, use, home, others=others, progress=progress)
    return e5, use


@contextmanager
def open_base(
    documents: Path = DOCUMENTS, home: Path | None = None, *, progress: Progress | None = None
) -> Iterator[Base]:
    """The base of a folder of documents, brought up to date first: the committed knowledge base, if none is named."""
    home = home or home_of(documents)
    update_base(documents, home, progress=progress)
    yield load_base(home)


def home_of(documents: Path) -> Path:
    """Where the base of a folder is kept below `build/`."""
    if documents.resolve() == DOCUMENTS.resolve():
        return HOME / "shop"
    digest = hashlib.sha256(str(documents.resolve()).encode()).hexdigest()[:12]
    return HOME / f"{documents.resolve().name[:40]}-{digest}"
