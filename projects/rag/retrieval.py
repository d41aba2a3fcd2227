"""Experiment: how often each way of searching finds the gold passages of the held-out questions."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np

from projects.rag import search as search_module
from projects.rag.base import ENCODERS, HOME, Base, open_base
from projects.rag.embedded import embedded_texts
from projects.rag.embedders import load_embedder
from projects.rag.fit import FOLDS, Case, cases_of, fit_rank, hear, held_out, questions_for_choosing, recalls
from projects.rag.fitted import read_weights
from projects.rag.followup import Resolver
from projects.rag.gold import Question, load_questions
from projects.rag.rankers import Scorer, bm25_scorer, dense_scorer, rank
from projects.rag.records import Passage
from projects.rag.retrieval_report import record_methods
from projects.rag.search import FEATURES, Index
from projects.rag.vectors import SHIPPED, read_vectors
from projects.sentiment.metrics import bootstrap

if TYPE_CHECKING:
    from verifolio.record import Run

DEPTH = 10
LEFT_OUT = {
    "no_plain": ("plain",),
    "no_e5": ("e5", "plain", "rank"),
    "no_use": ("use", "line", "column", "name"),
    "no_words": ("bm25", "share", "asked"),
    "no_lines": ("line", "column", "name"),
    "no_synonyms": (),
}
"""By ablation: features that are left out, after which the weights are fitted again on the development questions."""
OWN = {
    "e5_tuned": "e5",
    "e5_small": "plain",
    "use_m3": "use",
}  # encoders of the shipped index: its vectors serve
NO_CANDIDATES = {
    "no_plain": ("plain",),
    "no_e5": ("e5", "plain"),
    "no_use": ("use",),
    "no_words": ("bm25",),
}
"""By ablation: ways of searching that bring no candidates either."""
TIMED = 3  # every third question is timed, with nothing embedded beforehand
HELD_OUT = {
    "recall5": {"zh": "开发集留出的前 5 条召回率", "en": "recall@5 on development questions, held out"},
    "refusal_f1": {"zh": "开发集留出的拒答 F1", "en": "refusal F1 on development questions, held out"},
}
ONE_E5 = tuple(name for name in FEATURES if name != "plain")
Search = Callable[[str], list[Passage]]


def run_retrieval(run: Run) -> None:
    """Rank for every answerable test question by each method; follow-ups are resolved first."""
    asked = [one for one in load_questions("test") if one.answerable]
    if run.params["limit"]:
        asked = asked[:: max(1, len(asked) // run.params["limit"])]
    with open_base() as base:
        passages, texts = base.passages, embedded_texts(base.passages)
        resolver = Resolver(passages)
        asked_texts = [resolver.resolve(one.question, one.history) for one in asked]
        development = questions_for_choosing()[:: run.params["every"]]
        cases = cases_of(base.index, development)
        heard = hear(base.index, load_questions("training")[:: run.params["every"]])
        judged = {
            "recall5": sum(case.question.answerable for case in cases),
            "refusal_f1": sum(not case.question.either for case in cases),
        }
        for key, value in held_out(cases, base.index, heard).items():
            run.metric(
                f"held_out_{key}", value, unit="ratio", better="higher", n=judged[key], label=HELD_OUT[key]
            )
        rows = []
        for key in ["shipped", "rrf", *LEFT_OUT]:
            if key == "no_synonyms":
                continue
            index = Without(base.index, NO_CANDIDATES.get(key, ()))
            search = _fused(base) if key == "rrf" else _hybrid(base, index, key, cases, development)
            rows.append(_measure(key, search, asked, asked_texts, base.index if key == "rrf" else index))
        with patch.object(search_module, "expand", lambda question: question):
            search = _hybrid(base, base.index, "no_synonyms", cases_of(base.index, development), development)
            rows.append(_measure("no_synonyms", search, asked, asked_texts, base.index))
        plain = _plain_index(base)
        as_it_came = cases_of(plain, development)
        rows.append(_measure("untuned", _refitted(plain, as_it_came), asked, asked_texts, plain))
        _record_reach(
            run,
            {"both": (base.index, cases, FEATURES), "tuned": (base.index, cases, ONE_E5), "plain": (plain, as_it_came, ONE_E5)},
        )  # fmt: skip
        for key in ["bm25", *run.params["models"]]:
            if key not in ("bm25", "e5_tuned"):
                run.input(key)  # its bytes are the catalogue's
            if key == "bm25":
                scorer = bm25_scorer(passages)
            elif key in OWN:
                scorer = dense_of(base.index, OWN[key])
            else:
                scorer = dense_scorer(passages, load_embedder(key), texts)
            rows.append(
                _measure(
                    key,
                    lambda text, scorer=scorer: rank(scorer, passages, text, DEPTH),
                    asked,
                    asked_texts,
                    base.index,
                )
            )
        for row in rows:
            run.say(f"{row['key']}: recall@5 {row['recall5'].mean():.3f}")
        _record_stages(run, base, asked_texts)
    record_methods(run, rows, asked)


class Without(Index):
    """An index in which some ways of searching (encoders, `bm25`) bring no candidates."""

    def __init__(self, whole: Index, gone: Sequence[str]) -> None:
        self.__dict__.update(vars(whole))
        self._gone = gone
        if "bm25" in gone:
            self._bm25 = lambda question: np.zeros(len(self.passages), dtype=np.float32)

    def _nearest(self, name: str, vector: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, float]:
        places, closest = super()._nearest(name, vector, rows)
        return (places[:0] if name in self._gone else places), closest


def _hybrid(
    base: Base, index: Index, key: str, cases: Sequence[Case], development: Sequence[Question]
) -> Search:
    """The shipped search over `index`, or one with features and candidates left out and the rest fitted anew."""
    weights = read_weights()
    if key != "shipped":
        if key in NO_CANDIDATES:
            cases = cases_of(index, development)
        weights |= {"rank": fit_rank(cases, [name for name in FEATURES if name not in LEFT_OUT[key]])}
    other = Base(index, weights)
    return lambda text: other.find(text, DEPTH).passages


def _refitted(index: Index, cases: Sequence[Case]) -> Search:
    """The hybrid over an index whose e5 is the one as it came, its weights fitted anew."""
    other = Base(index, read_weights() | {"rank": fit_rank(cases, ONE_E5)})
    return lambda text: other.find(text, DEPTH).passages


def _record_reach(run: Run, indexes: Mapping[str, tuple[Index, Sequence[Case], Sequence[str]]]) -> None:
    """Recall held out on development questions whose passages the training asks for, and on those it leaves alone."""
    encoders = {
        "both": {"zh": "两个 e5", "en": "both e5"},
        "tuned": {"zh": "只用微调后的 e5", "en": "the tuned e5 only"},
        "plain": {"zh": "只用原样的 e5", "en": "e5 as it came only"},
    }
    sides = {
        "seen": {"zh": "训练问过的段落", "en": "passages that the training asks for"},
        "unseen": {"zh": "训练没问过的段落", "en": "passages that the training leaves alone"},
    }
    training = load_questions("training")
    passages = next(iter(indexes.values()))[0].passages  # all of them have the same
    asked = {one.id for question in training for one in passages if question.relevant(one)}
    reached: dict[tuple[str, str], np.ndarray] = {}
    for name, (index, cases, features) in indexes.items():
        own = [case for case in cases if case.question.answerable]
        seen = np.array([
            any(case.question.relevant(one) for one in index.passages if one.id in asked) for case in own
        ])  # fmt: skip
        recall, fold = np.zeros(len(own)), np.random.default_rng(run.seed).permutation(len(own)) % FOLDS
        for at in range(FOLDS):
            rest = [case for case, of in zip(own, fold, strict=True) if of != at]
            held = [case for case, of in zip(own, fold, strict=True) if of == at]
            recall[fold == at] = recalls(
                held, Base(index, read_weights() | {"rank": fit_rank(rest, features)})
            )
        for side, chosen in (("seen", seen), ("unseen", ~seen)):
            if not chosen.any():
                continue  # of few questions, as in a smoke run
            reached[side, name] = recall[chosen]
            run.metric(
                f"{side}_{name}", recall[chosen].mean(), unit="ratio", better="higher", n=int(chosen.sum()),
                ci=bootstrap(recall[chosen], seed=run.seed), ci_method="bootstrap 95 %",
                label={"zh": f"开发问题前 5 条召回率，{sides[side]['zh']}，{encoders[name]['zh']}",
                       "en": f"recall@5 on development questions, {sides[side]['en']}, {encoders[name]['en']}"},
            )  # fmt: skip

    for side in [side for side in sides if (side, "tuned") in reached]:
        gain = 100 * (reached[side, "tuned"] - reached[side, "plain"])  # the same questions in the same order
        run.metric(
            f"{side}_tuned_minus_plain", gain.mean(), unit="points", better="higher", n=len(gain),
            ci=bootstrap(gain, seed=run.seed), ci_method="paired bootstrap 95 %",
            label={"zh": f"微调后的 e5 减原样的 e5：前 5 条召回率，{sides[side]['zh']}",
                   "en": f"tuned e5 minus e5 as it came: recall@5, {sides[side]['en']}"},
        )  # fmt: skip


def _plain_index(base: Base) -> Index:
    """The shop's index with the committed vectors of e5 as it came."""
    close = read_vectors(HOME / "shop", "use_m3")
    encoders = {key: load_embedder(name) for key, name in (ENCODERS | {"e5": ENCODERS["plain"]}).items()}
    known = dict.fromkeys(("e5", "plain"), read_vectors(SHIPPED, "e5_small")) | {"use": close}
    return Index(base.passages, encoders, known)


def _fused(base: Base) -> Search:
    """E5, USE and BM25 by reciprocal rank (Cormack et al. 2009), among all passages of the language."""
    e5, use = (dense_of(base.index, name) for name in ("e5", "use"))
    scorers: list[Scorer] = [e5, use, bm25_scorer(base.passages)]
    return lambda text: rank(
        lambda asked: sum(1 / (10 + np.argsort(np.argsort(-one(asked), kind="stable"))) for one in scorers),
        base.passages, text, DEPTH,
    )  # fmt: skip


def dense_of(index: Index, name: str) -> Scorer:
    """The scorer of one of the index's own encoders."""
    return lambda text: index.vectors[name] @ index.encode(name, text)


def _record_stages(run: Run, base: Base, texts: Sequence[str]) -> None:
    """Where the time of the shipped search goes: the encoders, then all the rest."""
    base.index.encode.cache_clear()
    encode, whole = [], []
    for text in texts:
        start = time.perf_counter()
        found = base.find(text)
        whole.append(1000 * (time.perf_counter() - start))
        encode.append(found.encode_ms)
    rest = np.array(whole) - np.array(encode)
    for key, values, zh, en in (
        ("encode", np.array(encode), "问题向量化", "embedding the question"), ("rest", rest, "搜索与排序", "searching and ranking"),
    ):  # fmt: skip
        for percent in (50, 95):
            run.metric(f"{key}_p{percent}", float(np.percentile(values, percent)), unit="milliseconds", better="lower", n=len(values),
                       label={"zh": f"{zh} p{percent}", "en": f"{en}, p{percent}"})  # fmt: skip


def _measure(
    key: str, search: Search, asked: Sequence[Question], texts: Sequence[str], index: Index
) -> dict[str, Any]:
    """What a search over `index` finds for all questions, and its seconds for some, none of them embedded beforehand."""
    found = [search(text) for text in texts]
    seconds = []
    with patch.object(index, "encode", lru_cache(maxsize=2048)(index.encode.__wrapped__)):
        for text in texts[::TIMED]:
            start = time.perf_counter()
            search(text)
            seconds.append(time.perf_counter() - start)
    pairs = list(zip(asked, found, strict=True))
    row: dict[str, Any] = {"key": key, "seconds": np.array(seconds)}
    for k in (1, 3, 5, 10):
        row[f"recall{k}"] = np.array([np.mean(question.found(hits[:k])) for question, hits in pairs])
    row["mrr"] = np.array([_reciprocal_rank(question, hits) for question, hits in pairs])
    row["ndcg"] = np.array([_ndcg(question, hits) for question, hits in pairs])
    return row


def _reciprocal_rank(question: Question, hits: Sequence[Passage]) -> float:
    return next((1 / at for at, hit in enumerate(hits, start=1) if question.relevant(hit)), 0.0)


def _ndcg(question: Question, hits: Sequence[Passage]) -> float:
    """Gain of one for each passage needed where it is first met, since any of its places will do."""
    gained, before = 0.0, 0
    for at in range(1, len(hits) + 1):
        now = sum(question.found(hits[:at]))
        gained += (now - before) / np.log2(at + 1)
        before = now
    return gained / sum(1 / np.log2(at + 1) for at in range(1, len(question.gold) + 1))
