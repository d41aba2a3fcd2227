"""The experiment `train`: the Transformer learns to type Chinese, against counts, and with parts taken away."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from projects.foundations import maps
from projects.foundations.ngrams import Readings
from projects.foundations.pinyin import Clause, Words, count_words, load_corpus
from projects.foundations.training import (
    Data,
    Outcome,
    Recipe,
    right_characters,
    share_of,
    train,
    write_all,
)
from projects.foundations.transformer import Shape
from projects.sentiment.plots import named_dots

if TYPE_CHECKING:
    from verifolio.record import Run

VARIANTS = {
    "full": {"zh": "完整模型", "en": "the whole model"},
    "no_positions": {"zh": "去掉位置编码", "en": "no positions"},
    "one_head": {"zh": "只有一个头", "en": "one head"},
    "no_warmup": {"zh": "去掉预热", "en": "no warm-up"},
}
METHODS = {
    "model": {"zh": "我们的 Transformer", "en": "our Transformer"},
    "viterbi": {"zh": "二元字频加 Viterbi", "en": "pair counts, Viterbi"},
    "commonest": {"zh": "每个音节取最常见的字", "en": "commonest character"},
}


def run_train(run: Run) -> None:
    """Train, measure on held-out clauses, look at the attention, and train again without parts."""
    torch.set_num_threads(min(2, os.cpu_count() or 1))
    p = run.params
    corpus = load_corpus(
        run.input("zh_reviews"), shortest=p["shortest"], longest=p["longest"], limit=p["limit"]
    )
    syllables, characters = count_words(corpus.train)
    source, target = Words.of(syllables, p["least"]), Words.of(characters, p["least"])
    draw = np.random.default_rng(run.seed).permutation(len(corpus.test))[: p["test_clauses"]]
    test = [corpus.test[i] for i in draw]
    data = Data.of(corpus.train, test, source, target, p["longest"])
    shape = Shape(
        len(source.words),
        len(target.words),
        p["width"],
        p["heads"],
        4 * p["width"],
        p["layers"],
        p["dropout"],
    )
    recipe = Recipe(p["steps"], p["batch"], p["warmup"], p["factor"], p["smoothing"])
    _record_corpus(run, corpus.train, test, corpus.reviews, source, target)
    settings = {
        "full": (shape, recipe),
        "no_positions": (replace(shape, positions=False), replace(recipe, steps=p["short_steps"])),
        "one_head": (replace(shape, heads=1), replace(recipe, steps=p["short_steps"])),
        "no_warmup": (shape, replace(recipe, steps=p["short_steps"], warmup=0)),
    }
    outcomes: dict[str, Outcome] = {}
    for name, (sizes, how) in settings.items():
        run.say(VARIANTS[name]["en"])
        outcomes[name] = train(sizes, how, data, seed=run.seed, every=p["every"], say=run.say)
    _record_training(run, outcomes, p["short_steps"])
    written = _record_scores(run, outcomes["full"], corpus.train, test, source, target)
    _record_examples(run, test, written, p["examples"])
    _record_attention(run, outcomes["full"], test, source, target)


def _record_corpus(
    run: Run, train_side: list[Clause], test: list[Clause], reviews: int, source: Words, target: Words
) -> None:
    counts = {
        "reviews": (reviews, "不重复的评论", "different reviews"),
        "train_clauses": (len(train_side), "训练用的短句", "clauses to train on"),
        "train_characters": (
            sum(len(c.characters) for c in train_side),
            "训练用的字",
            "characters to train on",
        ),
        "test_clauses": (len(test), "测试的短句", "held-out clauses"),
        "syllables": (len(source.words) - 4, "不同的音节", "different syllables"),
        "characters": (len(target.words) - 4, "词表里的字", "characters in the vocabulary"),
    }
    for key, (value, zh, en) in counts.items():
        run.metric(key, value, unit="count", label={"zh": zh, "en": en})


def _record_training(run: Run, outcomes: dict[str, Outcome], short: int) -> None:
    full = outcomes["full"]
    run.metric("parameters", sum(x.numel() for x in full.model.parameters()), unit="parameters",
               label={"zh": "模型参数", "en": "parameters of the model"})  # fmt: skip
    run.metric("train_seconds", full.seconds, unit="seconds", better="lower",
               label={"zh": "训练用时", "en": "training time"})  # fmt: skip
    run.metric("first_loss", full.curve[0]["loss"], unit="nats", better="lower",
               label={"zh": "曲线起点的损失", "en": "loss at the curve's first point"})  # fmt: skip
    run.metric("last_loss", full.curve[-1]["loss"], unit="nats", better="lower",
               label={"zh": "训练结束时的损失", "en": "loss at the end of training"})  # fmt: skip
    run.metric(
        "steps", full.curve[-1]["step"], unit="count", label={"zh": "训练步数", "en": "training steps"}
    )
    run.metric(
        "short_steps", short, unit="count", label={"zh": "消融的训练步数", "en": "steps of an ablation"}
    )
    rows = []
    for name, outcome in outcomes.items():
        at = next(point for point in outcome.curve if point["step"] >= short)
        run.metric(f"{name}_short", at["accuracy"], unit="ratio", better="higher", ci=(at["low"], at["high"]),
                   ci_method="bootstrap 95 % (clauses)",
                   label={"zh": f"{VARIANTS[name]['zh']}：同样步数后的字准确率",
                          "en": f"{VARIANTS[name]['en']}: accuracy after equal steps"})  # fmt: skip
        rows.append({"variant": VARIANTS[name], "accuracy": at["accuracy"], "loss": at["loss"]})
    run.table("ablations", columns=[
        {"key": "variant", "label": {"zh": "设置", "en": "setting"}},
        {"key": "accuracy", "label": {"zh": "字准确率（前文给定）", "en": "characters right (given those before)"}, "unit": "ratio"},
        {"key": "loss", "label": {"zh": "训练损失", "en": "training loss"}, "unit": "nats"},
    ], rows=rows)  # fmt: skip
    points = [
        {"step": point["step"], "loss": round(point["loss"], 4), "accuracy": round(100 * point["accuracy"], 2),
         "name": f"@{name}"}
        for name, outcome in outcomes.items() for point in outcome.curve
    ]  # fmt: skip
    words = {f"@{name}": label for name, label in VARIANTS.items()} | {
        "@step": {"zh": "训练步", "en": "training step"},
        "@loss": {"zh": "训练损失（nat）", "en": "training loss (nats)"},
        "@accuracy": {"zh": "测试字准确率（%）", "en": "held-out characters right (%)"},
    }
    for key in ("loss", "accuracy"):
        run.chart(
            key,
            _curves(points, key),
            words={k: v for k, v in words.items() if k not in {"@loss", "@accuracy"} - {f"@{key}"}},
        )


def _record_scores(
    run: Run, full: Outcome, train_side: list[Clause], test: list[Clause], source: Words, target: Words
) -> dict[str, list[str]]:
    """Free writing, all three methods on the same clauses; says what each wrote."""
    readings = Readings(train_side, weight=run.params["pair_weight"])
    written = {
        "model": write_all(full.model, test, source, target),
        "viterbi": [readings.viterbi(c.syllables) for c in test],
        "commonest": [readings.commonest(c.syllables) for c in test],
    }
    total = np.array([len(c.characters) for c in test])
    right = {
        m: np.array([right_characters(w, c) for w, c in zip(written[m], test, strict=True)]) for m in METHODS
    }
    rows, dots = [], []
    for method, label in METHODS.items():
        share, ci = share_of(right[method], total)
        whole, whole_ci = share_of((right[method] == total).astype(int), np.ones_like(total))
        run.metric(f"{method}_accuracy", share, unit="ratio", better="higher", n=int(total.sum()), ci=ci,
                   ci_method="bootstrap 95 % (clauses)",
                   label={"zh": f"{label['zh']}：字准确率", "en": f"{label['en']}: characters right"})  # fmt: skip
        run.metric(f"{method}_clauses", whole, unit="ratio", better="higher", n=len(test), ci=whole_ci,
                   ci_method="bootstrap 95 %",
                   label={"zh": f"{label['zh']}：整句全对", "en": f"{label['en']}: whole clauses right"})  # fmt: skip
        rows.append({"method": label, "accuracy": share, "clauses": whole})
        dots.append({"name": f"@{method}", "value": 100 * share, "low": 100 * ci[0], "high": 100 * ci[1],
                     "shown": f"{100 * share:.1f} %"})  # fmt: skip
    for other in ("viterbi", "commonest"):
        apart, ci = share_of(right["model"] - right[other], total)
        run.metric(f"model_minus_{other}", 100 * apart, unit="points", better="higher", n=int(total.sum()),
                   ci=(100 * ci[0], 100 * ci[1]), ci_method="paired bootstrap 95 % (clauses)",
                   label={"zh": f"Transformer 减去{METHODS[other]['zh']}", "en": f"Transformer minus {METHODS[other]['en']}"})  # fmt: skip
    run.table("methods", columns=[
        {"key": "method", "label": {"zh": "方法", "en": "method"}},
        {"key": "accuracy", "label": {"zh": "字准确率", "en": "characters right"}, "unit": "ratio"},
        {"key": "clauses", "label": {"zh": "整句全对", "en": "whole clauses right"}, "unit": "ratio"},
    ], rows=rows)  # fmt: skip
    words = {f"@{m}": label for m, label in METHODS.items()}
    run.chart(
        "methods",
        named_dots(dots, order=[one["name"] for one in dots]),
        words=words | {"@value": {"zh": "测试字准确率（%）", "en": "held-out characters right (%)"}},
    )
    return written


def _record_examples(run: Run, test: list[Clause], written: dict[str, list[str]], count: int) -> None:
    """The first held-out clauses (their order is random), then some where exactly one side is right."""
    model, viterbi = written["model"], written["viterbi"]
    only = [
        [i for i, c in enumerate(test) if a[i] == c.characters != b[i]]
        for a, b in ((model, viterbi), (viterbi, model))
    ]
    chosen = [(i, {"zh": "随机", "en": "random"}) for i in range(min(count, len(test)))]
    chosen += [(i, {"zh": "只有 Transformer 对", "en": "only the Transformer is right"}) for i in only[0][:3]]
    chosen += [(i, {"zh": "只有 Viterbi 对", "en": "only Viterbi is right"}) for i in only[1][:3]]
    rows = [
        {"number": str(n), "why": why, "pinyin": " ".join(test[i].syllables), "truth": test[i].characters,
         "model": model[i], "viterbi": viterbi[i]}
        for n, (i, why) in enumerate(chosen, start=1)
    ]  # fmt: skip
    run.table("examples", columns=[
        {"key": "number", "label": {"zh": "编号", "en": "no."}},
        {"key": "why", "label": {"zh": "为何选它", "en": "why shown"}},
        {"key": "pinyin", "label": {"zh": "输入的拼音", "en": "pinyin read"}},
        {"key": "truth", "label": {"zh": "原文", "en": "original"}},
        {"key": "model", "label": METHODS["model"]},
        {"key": "viterbi", "label": METHODS["viterbi"]},
    ], rows=rows)  # fmt: skip


def _record_attention(run: Run, full: Outcome, test: list[Clause], source: Words, target: Words) -> None:
    """Of clauses of one length: how much of the cross-attention rests on the syllable being written."""
    length, reach = run.params["map_length"], run.params["reach"]
    clauses = [c for c in test if len(c.characters) == length]
    cross = maps.cross_weights(full.model, clauses, source, target)
    own = cross.mean(1).diagonal(axis1=1, axis2=2).mean(1)  # (clauses,)
    share, ci = share_of(own, np.ones_like(own))
    run.metric("own_syllable", share, unit="ratio", better="none", n=len(clauses), ci=ci, ci_method="bootstrap 95 % (clauses)",
               label={"zh": "交叉注意力落在当前音节上的份额", "en": "share of cross-attention on the syllable being written"})  # fmt: skip
    run.metric(
        "chance_syllable",
        1 / length,
        unit="ratio",
        label={"zh": "均匀分布时的份额", "en": "share if spread evenly"},
    )
    shown = clauses[run.params["map_clause"]]
    run.chart("cross", maps.heat_map(shown, cross[run.params["map_clause"]].mean(0)), words={
        "@syllable": {"zh": "读到的音节", "en": "syllable read"}, "@character": {"zh": "写出的字", "en": "character written"},
        "@weight": {"zh": "注意力权重", "en": "attention weight"}})  # fmt: skip
    profiles = maps.by_distance(maps.encoder_weights(full.model, clauses, source, target)[0], reach)
    peaks = {int(d) - reach for d in profiles.argmax(1)}
    run.metric("peak_distances", len(peaks), unit="count", n=len(profiles),
               label={"zh": "各头最常看的距离有几种", "en": "different distances that the heads look at most"})  # fmt: skip
    run.metric("neighbour_share", float(profiles[:, [reach - 1, reach + 1]].sum(1).max()), unit="ratio",
               label={"zh": "最看重左右邻居的那个头给它们的份额", "en": "weight on both neighbours in the head that minds them most"})  # fmt: skip
    run.chart("heads", maps.distance_bars(profiles, reach), words={
        "@distance": {"zh": "距离（音节，负数在左）", "en": "distance (syllables, negative to the left)"},
        "@weight": {"zh": "平均注意力权重", "en": "mean attention weight"}, "@head": {"zh": "头", "en": "head"}})  # fmt: skip


def _curves(points: list[dict[str, Any]], y: str) -> dict[str, Any]:
    colour = {"field": "name", "type": "nominal", "title": None, "sort": [f"@{name}" for name in VARIANTS]}
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json", "width": "container", "height": 260,
        "data": {"values": [{"name": p["name"], "step": p["step"], y: p[y]} for p in points]},
        "mark": {"type": "line", "point": {"filled": True, "size": 40}, "strokeWidth": 2},
        "encoding": {
            "x": {"field": "step", "type": "quantitative", "title": "@step", "axis": {"grid": False}},
            "y": {"field": y, "type": "quantitative", "title": f"@{y}"},
            "color": colour, "shape": {**colour, "legend": None},  # a second legend would say the same
        },
    }  # fmt: skip
