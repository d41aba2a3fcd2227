"""Ways to rank passages for a question, one scorer each: BM25, and the vectors of an embedding model."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence

import numpy as np

from projects.rag.embedders import Embedder
from projects.rag.records import Passage
from projects.rag.wording import language_of, stem, words

Scorer = Callable[[str], np.ndarray]
"""Question → one score a passage (n,)."""
SAME_LANGUAGE = 1000.0
_RUN = re.compile(r"[a-z0-9]+(?:[-'][a-z0-9]+)*|[\u3400-\u9fff]+")


def indexed_text(passage: Passage) -> str:
    """Give the passage with the title and headings that it stands under."""
    return f"{passage.title} {passage.heading}\n{passage.text}"


def terms(text: str) -> list[str]:
    """Cut a text into terms without function words: Chinese words and their parts by jieba, English stems."""
    import jieba

    jieba.setLogLevel("WARNING")
    found: list[str] = []
    for run in _RUN.findall(unicodedata.normalize("NFKC", text).lower()):
        if "\u3400" <= run[0] <= "\u9fff":
            found += [word for word in jieba.lcut_for_search(run) if words(word)]
        elif words(run):  # nothing is left of a stop word
            found.append(stem(run))
    return found


def bm25_scorer(passages: Sequence[Passage]) -> Scorer:
    """BM25 as Lucene computes it, k1 = 1.5 and b = 0.75, over title, headings and text."""
    import bm25s

    index = bm25s.BM25(method="lucene")
    index.index([terms(indexed_text(one)) for one in passages], show_progress=False)
    data, rows, starts = (index.scores[key] for key in ("data", "indices", "indptr"))

    def score(question: str) -> np.ndarray:
        scores = np.zeros(len(passages), dtype=np.float32)
        for term in index.get_tokens_ids(terms(question)):
            part = slice(starts[term], starts[term + 1])
            scores[rows[part]] += data[part]  # a term names each passage once, so += adds every one
        return scores

    return score


def dense_scorer(
    passages: Sequence[Passage], embedder: Embedder, texts: Sequence[str] | None = None
) -> Scorer:
    """Cosine of the question's and the passages' vectors; `texts` is what is embedded of each, if not all of it."""
    if texts is None:
        texts = [indexed_text(one) for one in passages]
    vectors = embedder.encode_passages(texts)  # (n, dimensions)
    return lambda question: vectors @ embedder.encode_queries([question])[0]


def rank(scorer: Scorer, passages: Sequence[Passage], question: str, k: int) -> list[Passage]:
    """Give the best `k`, those in the question's language first: the shops of the two languages differ."""
    lang = language_of(question)
    scores = scorer(question) + SAME_LANGUAGE * np.array([one.lang == lang for one in passages])
    return [passages[at] for at in np.argsort(-scores, kind="stable")[:k]]
