"""The knowledge base as answering opens it: documents, store and vectors, built on first use and after every change.

A base is a folder: `store/` (passages, by `ingest`) and `vectors.npz` (their embeddings). Readers hold the old state until
the new one is renamed into place; a killed build leaves the old one working.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from projects.rag.embedders import Embedder, load_embedder
from projects.rag.evidence import Weights, lines_of
from projects.rag.ingest import Report, StoreError, ingest, load_passages
from projects.rag.records import Passage
from projects.rag.wording import language_of, words

ROOT = Path(__file__).parents[2]
DOCUMENTS = Path(__file__).parent / "knowledge" / "documents"
HOME = ROOT / "build" / "rag"
EMBEDDER = "use_m3"
K = 5
SAME_LANGUAGE = 0.1  # what a passage in the question's language has over its equal in the other
CLOSE = {"zh": 0.40, "en": 0.22}  # the least cosine of the best passage; chosen on the development questions
SHARE = 0.75  # or the least share of the question's telling words that one passage holds
BATCH = 32
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Found:
    """The best passages, the best first; `answerable` if the first is close enough to answer from."""

    passages: list[Passage]
    answerable: bool
    closeness: float = 0.0
    share: float = 0.0


class Base:
    """Passages with their vectors in memory: a search by meaning and by words, fused by rank."""

    def __init__(
        self,
        passages: Sequence[Passage],
        vectors: np.ndarray,
        embedder: Embedder,
        lines: dict[str, np.ndarray],
    ) -> None:
        self.passages = list(passages)
        self._lines = lines | {one.text: vector for one, vector in zip(self.passages, vectors, strict=True)}
        self._vectors, self._embedder = vectors, embedder  # (passages, dimensions), rows of length one
        self._lock = threading.Lock()  # the encoder is not known to bear two threads
        self._weights = Weights(self.passages)
        self._bags = [set(words(_indexed(one))) for one in self.passages]
        self._zh = np.array([one.lang == "zh" for one in self.passages], dtype=bool)
        self._encode = lru_cache(maxsize=4096)(self._encode_one)

    def find(self, question: str, k: int = K) -> Found:
        """Search; passages in the question's language come first where both say the same."""
        if not self.passages:
            return Found([], answerable=False)
        asked = set(words(question))
        whole = self._weights.total(asked) or 1.0
        lang = language_of(question)
        same = self._zh == (lang == "zh")
        cosines = self._vectors @ self._encode(question)  # (passages,)
        close = cosines + SAME_LANGUAGE * same
        shares = np.array([self._weights.total(asked & bag) / whole for bag in self._bags])
        lexical = shares - 0.01 * np.log([8 + len(bag) for bag in self._bags]) + 0.3 * same
        fused = _by_rank(close) + _by_rank(lexical)
        best = np.argsort(-fused, kind="stable")[:k]
        closest, share = float(cosines[best].max()), float(shares[best].max())
        answerable = closest >= CLOSE[lang] or share >= SHARE
        return Found([self.passages[at] for at in best], answerable, closest, share)

    def similar(self, question: str, texts: Sequence[str]) -> list[float]:
        """How close each text is to the question in meaning; lines and passages of the base cost nothing."""
        asked = self._encode(question)
        vectors = (self._lines[one] if one in self._lines else self._encode(one) for one in texts)
        return [float(vector @ asked) for vector in vectors]

    def _encode_one(self, text: str) -> np.ndarray:
        with self._lock:
            return self._embedder.encode_queries([text])[0]


def update_base(
    documents: Path, home: Path, *, progress: Progress | None = None, embedder: str = EMBEDDER
) -> Report:
    """Bring a base in step with a folder of documents; only new passages are embedded. Raises `StoreError`."""
    report = ingest(documents, home / "store", progress=progress)
    if report.touched or not _fits(home, load_passages(home / "store"), embedder):
        _embed(home, embedder, progress)
    return report


def load_base(home: Path, *, embedder: str = EMBEDDER) -> Base:
    """Open a base that was built before. Raises `StoreError`."""
    passages = load_passages(home / "store")
    known = _read_vectors(home, embedder)
    if not _complete(known, passages):
        _embed(home, embedder, None)  # the process that ingested was ended before it embedded
        known = _read_vectors(home, embedder)
    model = load_embedder(embedder)
    vectors = (
        np.stack([known[one.id] for one in passages])
        if passages
        else np.zeros((0, model.dimensions), dtype=np.float32)
    )
    lines = {line: known[key] for key, line in _lines(passages).items()}
    return Base(passages, vectors, model, lines)


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


def _indexed(passage: Passage) -> str:
    return f"{passage.title} {passage.heading} {passage.text}"


def _by_rank(scores: np.ndarray) -> np.ndarray:
    """Reciprocal ranks (Cormack et al. 2009), so that scores on different scales can be added."""
    ranks = np.empty(len(scores))
    ranks[np.argsort(-scores, kind="stable")] = np.arange(len(scores))
    return 1.0 / (10 + ranks)


# -- vectors on the disk ---------------------------------------------------------------------------


def _fits(home: Path, passages: Sequence[Passage], embedder: str) -> bool:
    return _complete(_read_vectors(home, embedder), passages)


def _complete(known: dict[str, np.ndarray], passages: Sequence[Passage]) -> bool:
    return all(one.id in known for one in passages) and all(key in known for key in _lines(passages))


def _lines(passages: Sequence[Passage]) -> dict[str, str]:
    """Key → line, for all that answering may compare with a question: made beforehand, since each costs milliseconds."""
    found = dict.fromkeys(line for one in passages for line in lines_of(one))
    return {hashlib.sha256(f"line\x1f{line}".encode()).hexdigest()[:16]: line for line in found}


def _embed(home: Path, name: str, progress: Progress | None) -> None:
    passages, known = load_passages(home / "store"), _read_vectors(home, name)
    wanted = {one.id: f"{one.heading}\n{one.text}" for one in passages} | _lines(passages)
    if (
        home != HOME / "shop"
    ):  # what the shop's own base holds need not be embedded again: the service starts from it
        known = _read_vectors(HOME / "shop", name) | known
    new = [key for key in wanted if key not in known]
    model = load_embedder(name)
    for start in range(0, len(new), BATCH):
        batch = new[start : start + BATCH]
        if progress:
            progress(start, len(new), "embedding passages")
        vectors = model.encode_passages([wanted[key] for key in batch])
        known |= dict(zip(batch, vectors, strict=True))
    if progress:
        progress(len(new), len(new), "")
    kept = {key: known[key] for key in wanted}
    _write_vectors(home, name, kept, model.dimensions)


def _vectors_path(home: Path, embedder: str) -> Path:
    return home / f"vectors-{embedder.replace('/', '--')}.npz"


def _read_vectors(home: Path, embedder: str) -> dict[str, np.ndarray]:
    try:
        with np.load(_vectors_path(home, embedder), allow_pickle=False) as stored:
            return dict(zip(stored["ids"].tolist(), stored["vectors"], strict=True))
    except (OSError, ValueError, KeyError, EOFError):  # none yet, or damaged: they are made again
        return {}


def _write_vectors(home: Path, embedder: str, vectors: dict[str, np.ndarray], dimensions: int) -> None:
    path, temporary = _vectors_path(home, embedder), ""
    rows = np.stack(list(vectors.values())) if vectors else np.zeros((0, dimensions), dtype=np.float32)
    try:
        handle, temporary = tempfile.mkstemp(dir=home, prefix=f".{path.name}.", suffix=".tmp")
        with os.fdopen(handle, "wb") as stream:
            np.savez(stream, ids=np.array(list(vectors), dtype="U16"), vectors=rows)
        os.replace(temporary, path)
    except OSError as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        raise StoreError(f"{path}: cannot write ({error.strerror}); the old index is untouched") from error
