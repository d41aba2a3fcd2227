"""The shop's documents for the reader's browser: an index of words that needs no model, and how to answer from it.

This is the reference; demos/rag_bot/browser/search.js does the same, and a test compares them over all questions. What
the server has beside it (encoders, fitted weights, a check of generated sentences) is not covered.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from projects.rag import wording
from projects.rag.gold import Question, load_questions
from projects.rag.ingest import find_documents, read_document
from projects.rag.injection import without_instructions
from projects.rag.records import Passage
from projects.rag.wording import language_of, sentences, words
from projects.sentiment.metrics import wilson

if TYPE_CHECKING:
    from pathlib import Path

    from verifolio.record import Run

INDEX = "browser/index.json"
K1, B = 1.5, 0.75
HITS = 5
MOST, GAIN = 2, 0.25  # pieces of an answer, and what a further one must add of the question's weight


@dataclass(frozen=True)
class Found:
    """Places of the best passages in the index, whether they may be answered from, and (passage, text) of the answer."""

    hits: list[int]
    answerable: bool
    pieces: list[tuple[int, str]]


def build_index(passages: Sequence[Passage], least: float) -> dict[str, Any]:
    """All that the browser needs, as plain JSON: passages with their places, and word → [passage, count, …]."""
    terms: dict[str, list[int]] = {}
    lengths, shown = [], []
    for at, one in enumerate(passages):
        bag = Counter(words(f"{one.title} {one.heading} {one.text}"))
        lengths.append(sum(bag.values()))
        for word, count in bag.items():
            terms.setdefault(word, []).extend((at, count))
        shown.append(
            {
                "id": one.id, "document": one.document, "lang": one.lang, "head": f"{one.title} {one.heading}",
                "place": {"zh": one.place("zh"), "en": one.place("en")},
                "row": one.kind == "row", "lines": _lines(one),
            }
        )  # fmt: skip
    return {
        "k1": K1, "b": B, "least": least, "stop": sorted(wording._STOP), "stop_zh": "".join(sorted(wording._CHINESE_STOP)),
        "passages": shown, "lengths": lengths, "terms": dict(sorted(terms.items())),
    }  # fmt: skip


def _lines(passage: Passage) -> list[str]:
    """What may be quoted: the cells of a row, the whole answer to a frequent question, else sentences."""
    if passage.kind == "row":
        return without_instructions(passage.text.split(" | "), running=False)
    lines = passage.text.splitlines()
    if passage.kind == "faq" and len(lines) > 1:
        whole = without_instructions(sentences("\n".join(lines[1:])), running=True)
        return [("" if passage.lang == "zh" else " ").join(whole)] if whole else []
    return without_instructions(sentences(passage.text), running=True)


class Search:
    """Answers questions from an index."""

    def __init__(self, index: dict[str, Any]) -> None:
        self.index = index
        self._count = len(index["passages"])
        self._average = sum(index["lengths"]) / max(1, self._count)

    def weight(self, word: str) -> float:
        """Inverse document frequency, as Lucene has it; a word that no passage holds weighs most."""
        n = len(self.index["terms"].get(word, ())) // 2
        return math.log(1 + (self._count - n + 0.5) / (n + 0.5))

    def find(self, question: str) -> Found:
        """BM25, passages of the question's language first; no answer unless one holds enough telling words of it."""
        asked, lang = list(dict.fromkeys(words(question))), language_of(question)
        scores, held = np.zeros(self._count), np.zeros(self._count)
        for word in asked:
            weight, posting = self.weight(word), self.index["terms"].get(word, [])
            for at, count in zip(posting[::2], posting[1::2], strict=True):
                long = self.index["lengths"][at] / self._average
                scores[at] += weight * count * (K1 + 1) / (count + K1 * (1 - B + B * long))
                held[at] += weight
        same = [one["lang"] == lang for one in self.index["passages"]]
        order = sorted(range(self._count), key=lambda at: (not same[at], -round(scores[at], 9), at))
        hits = [at for at in order[:HITS] if scores[at] > 0]
        whole = sum(map(self.weight, asked)) or 1.0
        answerable = any(held[at] >= self.index["least"] for at in hits)
        return Found(hits, answerable, self._pieces(asked, hits, whole) if answerable else [])

    def _pieces(self, asked: list[str], hits: list[int], whole: float) -> list[tuple[int, str]]:
        left = [
            (rank, at, text, self._covers(asked, at, text))
            for rank, at in enumerate(hits)
            for text in self._texts(asked, at)
        ]
        chosen: list[tuple[int, str]] = []
        covered: set[str] = set()
        while left and len(chosen) < MOST:
            gains = [
                self._gain(asked, own, around, covered) / whole - 0.1 * rank
                for rank, _, _, (own, around) in left
            ]
            best = max(range(len(left)), key=lambda at: round(gains[at], 9))
            _, at, text, (own, around) = left[best]
            if chosen and self._gain(asked, own, around, covered) / whole < GAIN:
                break
            chosen.append((at, text))
            covered |= own | around
            left = [one for one in left if one[1] != at]
        return chosen

    def _gain(self, asked: list[str], own: set[str], around: set[str], covered: set[str]) -> float:
        """What a piece says of the question counts in full, what only its headings say by half."""
        return sum(
            self.weight(word) * (1.0 if word in own else 0.5)
            for word in asked
            if word in own | around and word not in covered
        )

    def _covers(self, asked: list[str], at: int, text: str) -> tuple[set[str], set[str]]:
        return set(words(text)) & set(asked), set(words(self.index["passages"][at]["head"])) & set(asked)

    def _texts(self, asked: list[str], at: int) -> list[str]:
        """Candidates of a passage; a row gives its name and the cells whose columns are asked for, else all of it."""
        one = self.index["passages"][at]
        if not one["row"]:
            return list(one["lines"])
        cells = one["lines"]
        wanted = [cell for cell in cells[1:] if set(words(cell.partition(": ")[0])) & set(asked)]
        return [" | ".join([cells[0], *wanted] if wanted else cells)] if cells else []


def read_passages(folder: Path) -> list[Passage]:
    """The passages of a folder of documents, cut as the server cuts them."""
    return [one for path in find_documents(folder) for one in read_document(path, folder).passages]


def _alone(split: str, limit: int) -> list[Question]:
    """Questions that need no conversation and have one right reaction; with `limit`, so many from all over the file."""
    found = [one for one in load_questions(split) if not one.history and not one.either]
    return found[:: max(1, len(found) // limit)] if limit else found


def run_browser(run: Run) -> None:
    """Build the index and measure it on the test questions; `least` was chosen on the development questions."""
    passages = read_passages(run.root / "projects/rag/knowledge/documents")
    search, known = Search(build_index(passages, run.params["least"])), {one.id: one for one in passages}
    path = run.product(INDEX)
    path.write_text(
        json.dumps(search.index, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8"
    )
    test = _alone("test", run.params["limit"])
    found = [search.find(one.question) for one in test]
    ids = [one["id"] for one in search.index["passages"]]
    for lang, zh, en in (("", "", ""), ("zh", "，中文", ", Chinese"), ("en", "，英文", ", English")):
        pairs = [
            (one, hit)
            for one, hit in zip(test, found, strict=True)
            if one.answerable and lang in ("", one.lang)
        ]
        if not pairs:
            continue
        recall = float(
            np.mean([np.mean(one.found([known[ids[at]] for at in hit.hits])) for one, hit in pairs])
        )
        run.metric(f"recall5{lang and '_' + lang}", recall, unit="ratio", better="higher", n=len(pairs),
                   label={"zh": f"浏览器内前 5 条召回率{zh}", "en": f"recall@5 in the browser{en}"})  # fmt: skip
    for key, kind, zh, en in (
        (
            "answered",
            True,
            "有答案的问题里，给出摘录的",
            "questions with an answer that are given quotations",
        ),
        ("refused", False, "没有答案的问题里，拒答的", "questions without an answer that are refused"),
    ):
        told = [
            hit.answerable is kind for one, hit in zip(test, found, strict=True) if one.answerable is kind
        ]
        if told:
            run.metric(key, float(np.mean(told)), unit="ratio", better="higher", n=len(told),
                       ci=wilson(float(np.mean(told)), len(told)), ci_method="Wilson 95 %", label={"zh": zh, "en": en})  # fmt: skip
    run.metric("passages", len(ids), unit="count", label={"zh": "段落数", "en": "passages"})
    run.metric("index_bytes", path.stat().st_size, unit="bytes", better="lower",
               label={"zh": "索引大小", "en": "size of the index"})  # fmt: skip
