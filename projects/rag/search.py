"""Search: candidates from three encoders (FAISS) and BM25, put in order by a weighted sum of what is known of each.

The parts stand alone: an encoder's index, BM25 and the features can each be left out, which is what the ablation does.
The weights are fitted on the development questions (`fit`) and kept in weights.json.
"""

from __future__ import annotations

import fnmatch
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import faiss
import numpy as np

from projects.rag.embedded import CELLS, embedded_texts
from projects.rag.embedders import Embedder
from projects.rag.evidence import Weights, lines_of, value_asked
from projects.rag.rankers import bm25_scorer
from projects.rag.records import Passage
from projects.rag.synonyms import expand
from projects.rag.vectors import key_of, stack
from projects.rag.wording import language_of, sentences, words

DEPTH = 40  # candidates that each way of searching brings
RANK = 10  # of the reciprocal rank (Cormack et al. 2009)
GRAPH_FROM = 50_000  # passages from which a graph (HNSW) is searched instead of all vectors
FAR = -0.3  # stands for a closeness that a kind of passage has not
FEATURES = ("e5", "plain", "use", "bm25", "share", "rank", "line", "column", "name", "faq", "asked")
ABSOLUTE = ("e5", "use", "line", "share")
BEYOND = 10  # candidates with which the nearest one is compared


@dataclass(frozen=True)
class Filter:
    """Which passages may be found: documents by patterns such as `en/*.pdf`, a language; empty for all."""

    documents: tuple[str, ...] = ()
    lang: str = ""

    def keeps(self, passage: Passage) -> bool:
        """Say whether a passage may be found."""
        named = not self.documents or any(
            fnmatch.fnmatchcase(passage.document, one) for one in self.documents
        )
        return named and self.lang in ("", passage.lang)


@dataclass(frozen=True)
class Candidates:
    """What the ways of searching brought, for one question."""

    rows: np.ndarray
    """Places of the passages (c,)."""
    features: np.ndarray
    """(c, len(FEATURES)), float32."""
    absolute: np.ndarray
    """(c, len(ABSOLUTE)): closeness by itself, not against the best."""
    encode_ms: float

    @property
    def edge(self) -> float:
        """How much nearer (E5) the nearest passage is than those from the sixth to the tenth place."""
        near = np.sort(self.absolute[:, 0])[::-1]
        return float(near[0] - near[5:BEYOND].mean()) if len(near) > 5 else 0.0


class Index:
    """Passages with their vectors in memory."""

    def __init__(
        self,
        passages: Sequence[Passage],
        encoders: Mapping[str, Embedder],
        known: Mapping[str, Mapping[str, np.ndarray]],
    ) -> None:
        """`encoders` are `e5` (tuned), `plain` (e5 as it came) and `use`; `known` has their vectors by the key of the text."""
        self.passages = list(passages)
        texts = embedded_texts(passages)
        self.vectors = {name: stack(texts, known[name], one.dimensions) for name, one in encoders.items()}
        self._flat = {name: _index(rows) for name, rows in self.vectors.items()}
        self._known = known
        numbers: dict[str, int] = {}
        lines = [lines_of(one) for one in passages]
        names = [names_of(one) for one in passages]
        for text in (text for some in (*lines, *names) for text in some):
            numbers.setdefault(text, len(numbers))
        self._lines = stack(numbers, known["use"], encoders["use"].dimensions)
        self._lines_of = [[numbers[text] for text in some] for some in lines]
        self._names_of = [[numbers[text] for text in some] for some in names]
        self._bm25 = bm25_scorer(passages) if self.passages else None
        self._weights = Weights(passages)
        self._bags = [
            frozenset(words(f"{one.title} {one.heading} {text}"))
            for one, text in zip(passages, texts, strict=True)
        ]
        self._lang = np.array([one.lang for one in passages])
        self._lock = threading.Lock()  # the encoders are not known to bear two threads
        self._encoders = encoders
        self.encode = lru_cache(maxsize=2048 * len(encoders))(self._encode_one)

    def rows(self, lang: str, where: Filter | None) -> np.ndarray:
        """Places of the passages that may be found in a language; of all languages if `lang` is empty."""
        chosen = self._lang == lang if lang else np.ones(len(self.passages), dtype=bool)
        if where is not None:
            chosen = chosen & np.array([where.keeps(one) for one in self.passages], dtype=bool)
        return np.flatnonzero(chosen)

    def candidates(self, question: str, rows: np.ndarray) -> Candidates:
        """Search among `rows`, which are not none."""
        start = time.perf_counter()
        asked_as = {name: self.encode(name, question) for name in self.vectors}
        encoded = 1000 * (time.perf_counter() - start)
        said, close = expand(question), asked_as["use"]
        nearest = {name: self._nearest(name, vector, rows) for name, vector in asked_as.items()}
        assert self._bm25 is not None
        lexical = self._bm25(said)
        of_rows = lexical[rows]
        top = (
            rows[np.argsort(-of_rows, kind="stable")[:DEPTH]]
            if len(rows) <= DEPTH
            else rows[np.argpartition(-of_rows, DEPTH)[:DEPTH]]
        )
        most = max(float(of_rows.max()), 1e-6)
        found = np.unique(
            np.concatenate([*(places for places, _ in nearest.values()), top[lexical[top] > 0]])
        )
        rank = np.full(len(found), 1 / (RANK + 2 * DEPTH))
        place = {int(at): number for number, at in enumerate(nearest["e5"][0])}
        for number, at in enumerate(found):
            if int(at) in place:
                rank[number] = 1 / (RANK + place[int(at)])
        near = {name: self.vectors[name][found] @ vector for name, vector in asked_as.items()}
        e5, plain, use = (near[name] for name in ("e5", "plain", "use"))
        best = {name: closest for name, (_, closest) in nearest.items()}
        lines = self._best(self._lines_of, found, close)
        names = self._best(self._names_of, found, close)
        row = np.array([self.passages[at].kind == "row" for at in found])
        asked = set(words(said))
        whole = self._weights.total(asked) or 1.0
        shares = np.array([self._weights.total(asked & self._bags[at]) / whole for at in found])

        def against_best(values: np.ndarray, which: np.ndarray) -> np.ndarray:
            return np.where(which, values - lines.max(initial=-1.0), FAR)

        features = np.stack(
            [
                e5 - best["e5"], plain - best["plain"], use - best["use"], lexical[found] / most, shares, 10 * rank,
                against_best(lines, ~row), against_best(lines, row),
                np.where(row, names - names.max(initial=-1.0), FAR),
                np.array([self.passages[at].kind == "faq" for at in found], dtype=float),
                np.array([value_asked(question, self.passages[at]) for at in found], dtype=float),
            ],
            axis=1,
        )  # fmt: skip
        return Candidates(found, features, np.stack([e5, use, lines, shares], axis=1), encoded)

    def similar(self, question: str, texts: Sequence[str]) -> list[float]:
        """How close each text is to the question in meaning; lines and passages of the base cost nothing."""
        asked = self.encode("use", question)
        vectors = (self._known["use"].get(key_of(one)) for one in texts)
        return [
            float((vector if vector is not None else self.encode("use", one)) @ asked)
            for vector, one in zip(vectors, texts, strict=True)
        ]

    def meant(self, question: str, texts: Sequence[str]) -> list[float]:
        """As `similar`, by the encoder of passages; the sentences of the base cost nothing."""
        asked = self.encode("e5", question)
        vectors = [self._known["e5"].get(key_of(one)) for one in texts]
        new = [one for one, vector in zip(texts, vectors, strict=True) if vector is None]
        if new:
            with self._lock:
                made = iter(self._encoders["e5"].encode_passages(new))
            vectors = [next(made) if vector is None else vector for vector in vectors]
        return [float(vector @ asked) for vector in vectors]

    def _nearest(self, name: str, vector: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, float]:
        """Places of the nearest passages among `rows`, the nearest first, and the closeness of that one."""
        index = self._flat[name]
        selector = faiss.IDSelectorBatch(rows) if len(rows) < len(self.passages) else None
        graph = isinstance(index, faiss.IndexHNSWFlat)
        chosen = (
            faiss.SearchParametersHNSW(sel=selector, efSearch=4 * DEPTH)
            if graph
            else faiss.SearchParameters(sel=selector)
        )
        scores, places = index.search(vector[None], min(DEPTH, len(rows)), params=chosen)
        kept = places[0] >= 0
        return places[0][kept], float(scores[0][0])

    def _best(self, of: Sequence[Sequence[int]], found: np.ndarray, vector: np.ndarray) -> np.ndarray:
        """Closeness of the nearest line of each passage (c,); -1 for a passage without lines."""
        flat = [line for at in found for line in of[at]]
        scores = iter((self._lines[flat] @ vector).tolist() if flat else [])
        return np.array([max((next(scores) for _ in of[at]), default=-1.0) for at in found])

    def _encode_one(self, name: str, text: str) -> np.ndarray:
        with self._lock:
            encoder = self._encoders[name]
            # A question against passages, or (USE, which knows no such difference) a text against texts.
            return encoder.encode_queries([text])[0]


def names_of(passage: Passage) -> list[str]:
    """Give the values of a row's first cells: number, name, category."""
    return (
        [cell.partition(": ")[2] for cell in CELLS.split(passage.text)[:3]] if passage.kind == "row" else []
    )


def texts_of(passages: Sequence[Passage]) -> dict[str, list[str]]:
    """Give the texts that each encoder embeds: all passages, the tuned e5 sentences of prose too, USE whatever is compared."""
    whole = embedded_texts(passages)
    said = (text for one in passages if one.kind == "prose" for text in sentences(one.text))
    parts = (text for one in passages for text in (*lines_of(one), *names_of(one)))
    found = {"e5": [*whole, *said], "plain": whole, "use": [*whole, *parts]}
    return {name: list(dict.fromkeys(texts)) for name, texts in found.items()}


def language_rows(index: Index, question: str, where: Filter | None) -> np.ndarray:
    """Rows in the question's language if the base has any there, since the shops of two languages differ; else all."""
    rows = index.rows(language_of(question), where)
    return rows if len(rows) else index.rows("", where)


def _index(vectors: np.ndarray) -> faiss.Index:
    if len(vectors) >= GRAPH_FROM:
        graph = faiss.IndexHNSWFlat(vectors.shape[1], 16, faiss.METRIC_INNER_PRODUCT)
        graph.hnsw.efConstruction = 64
        graph.add(vectors)
        return graph
    flat = faiss.IndexFlatIP(vectors.shape[1])
    flat.add(vectors)
    return flat
