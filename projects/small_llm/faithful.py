"""Is the quoted sentence a reason or decoration? Sufficiency and comprehensiveness, as ERASER has them (DeYoung et al. 2020).

Sufficiency is asked of another model: our own was searched for the sentence that convinces it, so its consent proves
nothing. The rivals are a random other sentence of about the same length, and simply the last one. A model's inner
workings are not looked at: a sentence may suffice without being what moved the verdict.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from projects.sentiment import metrics
from projects.sentiment.charts import dots_with_intervals
from projects.sentiment.data import Reviews, sample
from projects.sentiment.inference import Classifier, load_classifier, margin
from projects.small_llm.loading import load_halves
from projects.small_llm.reasons import Judge, Sentence, Verdict, judge_with_reason, places_of, without

if TYPE_CHECKING:
    from verifolio.record import Run

NEAREST = 3  # the random rival is drawn from so many sentences nearest in length
PICKS = {
    "quote": {"zh": "引文", "en": "the quotation"},
    "last": {"zh": "最后一句", "en": "the last sentence"},
    "random": {"zh": "长度相近的随机一句", "en": "a random sentence"},
}
ERASED = ("quote", "random")
WHOLE = {"zh": "评论全文", "en": "the whole review"}
KINDS = {
    "read": {"zh": "另一个模型读出同样的判断", "en": "another model reads the same verdict"},
    "unread": {"zh": "另一个模型读出相反的判断", "en": "another model reads the opposite"},
    "idle": {"zh": "删去它，判断不减", "en": "without it the verdict is as sure"},
    "wrong": {"zh": "判断本身就错了", "en": "the verdict itself is wrong"},
}


@dataclass(frozen=True)
class Tried:
    """One review: its verdict and, by name of the pick, what became of each sentence."""

    review: str
    label: int  # what the reviewer meant
    verdict: Verdict
    picks: dict[str, Sentence]
    drop: dict[str, float]  # nats of margin that the verdict loses without the sentence; not of the last one
    read: dict[str, bool]  # whether the other model reads the same verdict from it; "whole": from the review


def run_reasons(run: Run) -> None:
    """Quote a reason for each verdict on reviews short enough to be read whole, and try the quotations."""
    params = run.params
    reader = load_classifier(run.derived_of("sentiment.export", "classifier.onnx").parent)
    drawn = sample(load_halves(run.input("imdb"), params["limit"]).test, params["drawn"], seed=run.seed)
    reviews = short_reviews(drawn, params["words"], params["sentences"], params["reviews"])
    draw, tried, seconds = np.random.default_rng(run.seed), [], []
    with Judge(run.derived_of("export", "model-q8_0.gguf"), context=1024) as judge:
        for number, (review, label) in enumerate(zip(reviews.texts, reviews.labels, strict=True), 1):
            started = time.perf_counter()
            verdict = judge_with_reason(review, judge.margin)
            seconds.append(time.perf_counter() - started)
            if verdict.reason:
                tried.append(try_reason(review, int(label), verdict, judge.margin, reader, draw))
            run.progress(number, len(reviews), "quoting reasons and taking them out")
    _record(run, reviews, tried, seconds)
    _record_examples(run, tried, params["examples"])


def short_reviews(drawn: Reviews, words: int, least: int, count: int) -> Reviews:
    """The first `count` of at most so many words and at least so many sentences, as drawn."""
    fit = [
        at for at, text in enumerate(drawn.texts) if len(text.split()) <= words and len(places_of(text)) >= least
    ]  # fmt: skip
    return drawn.take(np.array(fit[:count], dtype=int))


def try_reason(
    review: str, label: int, verdict: Verdict, judge: Callable[[str], float], reader: Classifier, draw: np.random.Generator,
) -> Tried:  # fmt: skip
    """Take each pick out of the review, and show it to the other model alone."""
    picks = {
        "quote": verdict.sentences[verdict.best],
        "last": verdict.sentences[-1],
        "random": rival_of(verdict, draw),
    }
    drop = {name: verdict.support(verdict.margin - judge(without(review, picks[name]))) for name in ERASED}
    texts = [review, *(one.quoted(review) for one in picks.values())]
    read = [(margin(pair) >= 0) == (verdict.label == 1) for pair in reader.logits(texts)]
    return Tried(review, label, verdict, picks, drop, dict(zip(["whole", *picks], read, strict=True)))


def rival_of(verdict: Verdict, draw: np.random.Generator) -> Sentence:
    """A random one of the other sentences nearest to the quotation in length."""
    chosen = verdict.sentences[verdict.best]
    others = [one for one in verdict.sentences if one is not chosen]
    length = chosen.end - chosen.start
    others.sort(key=lambda one: abs(one.end - one.start - length))
    return others[draw.integers(0, min(NEAREST, len(others)))]


def _record(run: Run, reviews: Reviews, tried: list[Tried], seconds: list[float]) -> None:
    if not tried:
        raise ValueError("no review got a reason: draw more of them, or allow longer ones")
    n, right = len(tried), np.array([one.verdict.label == one.label for one in tried])
    _share(run, "quoted", np.arange(len(reviews)) < n, "得到引文的评论", "reviews that get a quotation")
    _share(run, "accuracy", right, "判断的准确率", "accuracy of the verdicts")
    sure = np.array([one.verdict.support(one.verdict.margin) for one in tried])
    _mean(run, "margin", sure, "nats", "判断的把握", "margin of the verdict")
    read = {name: np.array([one.read[name] for one in tried]) for name in ("whole", *PICKS)}
    drop = {name: np.array([one.drop[name] for one in tried]) for name in ERASED}
    for name, hits in read.items():
        title = PICKS.get(name, WHOLE)
        _share(run, f"read_{name}", hits, f"另一个模型读出同样的判断：{title['zh']}", f"another model reads the same verdict: {title['en']}")  # fmt: skip
    for name, lost in drop.items():
        title = PICKS[name]
        _mean(run, f"drop_{name}", lost, "nats", f"删去后判断减弱：{title['zh']}", f"margin lost without {title['en']}")  # fmt: skip
        _share(run, f"flips_{name}", lost >= sure, f"删去后判断翻转：{title['zh']}", f"verdict turns without {title['en']}")  # fmt: skip
    for rival in ("random", "last"):
        gain = 100.0 * (read["quote"].astype(float) - read[rival])
        _mean(run, f"read_quote_minus_{rival}", gain, "points", f"另一个模型读出同样的判断：引文减{PICKS[rival]['zh']}",
              f"another model reads the same verdict: the quotation minus {PICKS[rival]['en']}")  # fmt: skip
    _mean(run, "drop_quote_minus_random", drop["quote"] - drop["random"], "nats", "删去后判断减弱：引文减随机一句",
          "margin lost: without the quotation minus without a random sentence")  # fmt: skip
    for key, value, unit, of, zh, en in (
        ("sentences", np.mean([len(one.verdict.sentences) for one in tried]), "score", n, "每条评论的句数", "sentences in a review"),
        ("quote_is_last", np.mean([one.picks["quote"] is one.picks["last"] for one in tried]), "ratio", n,
         "引文就是最后一句", "quotations that are the last sentence"),
        ("wrong", (~right).sum(), "count", n, "判断错误的评论", "reviews judged wrongly"),
        ("wrong_read", read["quote"][~right].sum(), "count", int((~right).sum()),
         "判断错误而另一个模型从引文读出同样判断", "judged wrongly, and another model reads the same from the quotation"),
        ("seconds", np.mean(seconds), "seconds", len(seconds), "一条评论的判断与引文", "a verdict with its quotation"),
    ):  # fmt: skip
        run.metric(key, value, unit=unit, n=of, label={"zh": zh, "en": en})
    _record_picks(run, tried, read, drop)


def _record_picks(
    run: Run, tried: list[Tried], read: dict[str, np.ndarray], drop: dict[str, np.ndarray]
) -> None:
    """The three sentences side by side, and a figure of what the other model reads."""
    rows, dots = [], []
    for name, hits in read.items():
        share, (low, high) = 100 * float(hits.mean()), metrics.wilson(float(hits.mean()), len(hits))
        dots.append({"name": f"@{name}", "value": share, "low": 100 * low, "high": 100 * high, "shown": f"{share:.0f}"})  # fmt: skip
    for name, title in PICKS.items():
        picked = [one.picks[name] for one in tried]
        own = [one.verdict.support(sentence.margin) > 0 for one, sentence in zip(tried, picked, strict=True)]
        words = [len(sentence.quoted(one.review).split()) for one, sentence in zip(tried, picked, strict=True)]  # fmt: skip
        rows.append({"pick": title, "words": float(np.mean(words)), "own": float(np.mean(own)), "read": float(read[name].mean()),
                     "drop": float(drop[name].mean()) if name in drop else None})  # fmt: skip
    columns = [{"key": "pick", "label": {"zh": "句子", "en": "sentence"}}]
    columns += [{"key": key, "unit": unit, "label": {"zh": zh, "en": en}} for key, unit, zh, en in (
        ("words", "score", "平均词数", "words on average"),
        ("own", "ratio", "单看它，同一模型判断不变", "alone, same model: same verdict"),
        ("read", "ratio", "单看它，另一个模型判断相同", "alone, another model: same verdict"),
        ("drop", "nats", "删去它，判断减弱", "margin lost without it"))]  # fmt: skip
    run.table("picks", columns=columns, rows=rows)
    words_of = {f"@{name}": PICKS.get(name, WHOLE) for name in read}
    value = {"zh": "另一个模型读出同样的判断（%）", "en": "another model reads the same verdict (%)"}
    run.chart("read", dots_with_intervals(dots, order=list(words_of)), words=words_of | {"@value": value})


def _share(run: Run, key: str, hits: np.ndarray, zh: str, en: str) -> None:
    share = float(hits.mean())
    run.metric(key, share, unit="ratio", n=len(hits), ci=metrics.wilson(share, len(hits)), ci_method="Wilson 95 %",
               label={"zh": zh, "en": en})  # fmt: skip


def _mean(run: Run, key: str, values: np.ndarray, unit: str, zh: str, en: str) -> None:
    run.metric(key, float(values.mean()), unit=unit, n=len(values), ci=metrics.bootstrap(values),
               ci_method="bootstrap over reviews 95 %", label={"zh": zh, "en": en})  # fmt: skip


def kind_of(one: Tried) -> str:
    """The first that holds: the verdict is wrong, the other model disagrees, the sentence can go, all is well."""
    if one.verdict.label != one.label:
        return "wrong"
    if not one.read["quote"]:
        return "unread"
    return "read" if one.drop["quote"] > 0 else "idle"


def _record_examples(run: Run, tried: list[Tried], each: int) -> None:
    """The first few of each kind as they were drawn, failures too; nobody chose them."""
    rows: list[dict[str, Any]] = []
    for kind, title in KINDS.items():
        rows += [
            {"quote": one.picks["quote"].quoted(one.review), "verdict": one.verdict.word, "kind": title,
             "alone": one.verdict.support(one.picks["quote"].margin), "drop": one.drop["quote"]}
            for one in [one for one in tried if kind_of(one) == kind][:each]
        ]  # fmt: skip
    run.table(
        "examples",
        columns=[
            {"key": "quote", "label": {"zh": "引文", "en": "quotation"}},
            {"key": "verdict", "label": {"zh": "判断", "en": "verdict"}},
            {"key": "kind", "label": {"zh": "检验结果", "en": "what became of it"}},
            {"key": "alone", "label": {"zh": "单看它的把握", "en": "margin alone"}, "unit": "nats"},
            {"key": "drop", "label": {"zh": "删去后判断减弱", "en": "margin lost without it"}, "unit": "nats"},
        ],
        rows=rows,
    )  # fmt: skip
