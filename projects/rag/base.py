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
from typing import Any

import numpy as np

from projects.rag.answerable import REFUSE_FROM, signals, silent
from projects.rag.embedders import Embedder, load_embedder
from projects.rag.evidence import Piece, Standing, Weights, weigh_pieces
from projects.rag.fitted import read_weights
from projects.rag.ingest import Report, ingest, load_passages
from projects.rag.masking import Masker
from projects.rag.records import Passage
from projects.rag.search import (
    FEATURES,
    Candidates,
    Filter,
    Index,
    language_rows,
    texts_of,
)
from projects.rag.tuned import read_silent
from projects.rag.vectors import Progress, embed, read_vectors

ROOT = Path(__file__).parents[2]
DOCUMENTS = Path(__file__).parent / "knowledge" / "documents"
HOME = ROOT / "build" / "rag"
ENCODERS = {"e5": "e5_tuned", "plain": "e5_plain", "use": "use_m3"}
K = 5


@dataclass(frozen=True)
class Found:
    """The best passages, the best first, with how each was found."""

    passages: list[Passage]
    standing: list[Standing]
    edge: float = 0.0
    """How far the nearest passage is ahead of others (see `Candidates.edge`)."""
    line: float = -1.0
    """Closeness (USE) of the nearest line or column name among the passages."""
    share: float = 0.0
    """The greatest share of the question's words in one passage."""
    encode_ms: float = 0.0


class Base:
    """An index with its fitted weights."""

    def __init__(self, index: Index, weights: dict[str, Any] | None = None) -> None:
        self.index, self.passages = index, index.passages
        self.fitted = weights or read_weights()
        self._rank = np.array([self.fitted["rank"].get(name, 0.0) for name in FEATURES])
        self._masker = Masker(index.passages)
        self._silent = read_silent()
        self._weights = Weights(index.passages)

    def find(self, question: str, k: int = K, where: Filter | None = None) -> Found:
        """Search among the passages in the question's language, or among all of a base that has none in it."""
        rows = language_rows(self.index, question, where)
        return self.ranked(self.index.candidates(question, rows), k) if len(rows) else Found([], [])

    def ranked(self, found: Candidates, k: int = K) -> Found:
        """The best of the candidates by the fitted weights."""
        scores = found.features @ self._rank
        best = np.argsort(-scores, kind="stable")[:k]
        e5, use, line, share = found.absolute[best].T
        return Found(
            [self.passages[found.rows[at]] for at in best],
            [Standing(*map(float, one)) for one in zip(scores[best], e5, use, strict=True)],
            found.edge, float(line.max()), float(share.max()), found.encode_ms,
        )  # fmt: skip

    def weigh(self, question: str, found: Found) -> list[Piece]:
        """The pieces of the passages found, the best first."""
        return weigh_pieces(
            question, found.passages, self._weights, self.fitted.get("piece", {}), near=self.index,
            standing=found.standing,
        )  # fmt: skip

    def says(self, question: str, found: Found, pieces: Sequence[Piece]) -> bool:
        """Whether the documents are likely to answer the question."""
        topics = [self.fitted["topics"][name].of(vector) for name, vector in self.asked(question).items()]
        return silent(self.signals(question, found, pieces, topics), self.fitted["answer"]) < REFUSE_FROM

    def asked(self, question: str) -> dict[str, np.ndarray]:
        """The question's vectors (USE) by topic's name: as it is, and with the names of articles masked."""
        return {
            "topic": self.index.encode("use", question),
            "masked": self.index.encode("use", self._masker.mask(question)),
        }

    def signals(
        self, question: str, found: Found, pieces: Sequence[Piece], topics: Sequence[float]
    ) -> np.ndarray:
        """What is known of whether the documents say (see `answerable`)."""
        return signals(
            question,
            pieces,
            self._weights,
            edge=found.edge,
            line=found.line,
            share=found.share,
            topics=topics,
            tuned=float(self.index.encode("e5", question) @ self._silent[:-1] + self._silent[-1]),
        )


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
    # Again, since the process that ingested may have been ended before it embedded.
    encoders = _embed(passages, home, None)
    return Index(passages, encoders, {key: read_vectors(home, one.name) for key, one in encoders.items()})


def _embed(passages: Sequence[Passage], home: Path, progress: Progress | None) -> dict[str, Embedder]:
    texts, encoders = texts_of(passages), {key: load_embedder(name) for key, name in ENCODERS.items()}
    others = (HOME / "shop",) if home != HOME / "shop" else ()  # what the shop's base holds is not made again
    for key, encoder in encoders.items():
        embed(texts[key], encoder, home, others=others, progress=progress)
    return encoders


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
