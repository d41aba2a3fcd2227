"""One point of the sweep (a rank, a set of layers, a learning rate), and all points side by side.

Each point is an experiment of its own, so pytask runs them one after the other, on several cores, or on a Dask cluster.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from projects.sentiment import metrics
from projects.sentiment.charts import dots_with_intervals
from projects.sentiment.data import carve_validation, sample
from projects.small_llm.held_out import VERDICTS
from projects.small_llm.instructions import encode
from projects.small_llm.judging import ask
from projects.small_llm.loading import device, load_halves, load_model, load_words
from projects.small_llm.lora import count_trainable, inject
from projects.small_llm.training import Settings, train

if TYPE_CHECKING:
    from verifolio.record import Run


def run_point(run: Run) -> None:
    """Train on few reviews with one thread, judge a validation part of the training side; the test set takes no part."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(run.seed)
    params, source = run.params, run.input("smollm2")
    tokenizer = load_words(source)
    split = carve_validation(load_halves(run.input("imdb"), params["limit"]).train)
    learned = encode(tokenizer, sample(split.train, params["train_reviews"], seed=run.seed), params["words"])
    judged = sample(split.test, params["judged"], seed=run.seed)
    model = inject(
        load_model(source, params["layers"]), params["targets"], rank=params["rank"], alpha=params["alpha"]
    )
    steps = max(1, len(learned) // params["batch"])
    settings = Settings(
        params["learning_rate"], steps, params["batch"], warmup=max(1, steps // 10), bf16=True
    )
    started = time.perf_counter()
    losses = train(
        model.to(device()), learned, settings, pad=2,
        tell=lambda done, total, loss: run.progress(done, total, f"training, loss {loss:.3f}"),
    )  # fmt: skip
    seconds = time.perf_counter() - started
    prompts = [prompt for prompt, _ in encode(tokenizer, judged, params["words"])]
    verdicts = (tokenizer.encode(VERDICTS[0]).ids[0], tokenizer.encode(VERDICTS[1]).ids[0])
    positive, _ = ask(model, prompts, verdicts, run, "judging")
    right, n = metrics.accuracy(judged.labels, positive), len(judged)
    run.metric("accuracy", right, unit="ratio", better="higher", n=n, ci=metrics.wilson(right, n),
               ci_method="Wilson 95 %", label={"zh": "验证准确率", "en": "validation accuracy"})  # fmt: skip
    run.metric("nll", metrics.nll(judged.labels, positive), unit="nats", better="lower", n=n,
               label={"zh": "验证负对数似然", "en": "validation negative log-likelihood"})  # fmt: skip
    run.metric("last_loss", float(np.mean(losses[-5:])), unit="nats", better="lower",
               label={"zh": "最后五步的训练损失", "en": "training loss of the last five updates"})  # fmt: skip
    run.metric("trainable", count_trainable(model), unit="parameters", better="lower",
               label={"zh": "可训练参数", "en": "trained parameters"})  # fmt: skip
    run.metric("seconds", seconds, unit="seconds", better="lower", label={"zh": "训练用时（单线程）", "en": "training time (one thread)"})  # fmt: skip


def run_sweep(run: Run) -> None:
    """The points as one table and one chart; the highest validation accuracy, ties by loss, is named."""
    rows = []
    for name in run.params["points"]:
        found = run.result_of(name)
        params, value = found.receipt.params, {key: one.value for key, one in found.metrics.items()}
        low, high = found.metrics["accuracy"].ci
        rows.append({"point": title_of(params), "accuracy": value["accuracy"], "low": low, "high": high, "nll": value["nll"],
                     "trainable": value["trainable"], "seconds": value["seconds"]})  # fmt: skip
    best = max(rows, key=lambda row: (row["accuracy"], -row["nll"]))
    worst = min(rows, key=lambda row: (row["accuracy"], -row["nll"]))
    run.metric("points", len(rows), unit="count", label={"zh": "扫描的设置数", "en": "settings tried"})
    run.metric("best_accuracy", best["accuracy"], unit="ratio", better="higher", label={"zh": f"最好：{best['point']}", "en": f"best: {best['point']}"})  # fmt: skip
    run.metric("worst_accuracy", worst["accuracy"], unit="ratio", better="higher", label={"zh": f"最差：{worst['point']}", "en": f"worst: {worst['point']}"})  # fmt: skip
    columns: list[dict[str, Any]] = [{"key": "point", "label": {"zh": "设置", "en": "setting"}}]
    for key, zh, en, unit in (
        ("accuracy", "验证准确率", "validation accuracy", "ratio"), ("nll", "负对数似然", "negative log-likelihood", "nats"),
        ("trainable", "可训练参数", "trained parameters", "parameters"), ("seconds", "用时（单线程）", "time (one thread)", "seconds"),
    ):  # fmt: skip
        columns.append({"key": key, "label": {"zh": zh, "en": en}, "unit": unit})
    run.table(
        "points",
        columns=columns,
        rows=[{key: row[key] for key in [column["key"] for column in columns]} for row in rows],
    )
    dots = [{"name": row["point"], "value": round(100 * row["accuracy"], 1), "low": round(100 * row["low"], 1),
             "high": round(100 * row["high"], 1), "shown": f"{100 * row['accuracy']:.0f}"} for row in rows]  # fmt: skip
    run.chart("points", dots_with_intervals(dots, order=[row["point"] for row in rows]),
              words={"@value": {"zh": "验证准确率（%）", "en": "validation accuracy (%)"}})  # fmt: skip


def title_of(params: dict[str, Any]) -> str:
    """`r = 8 · q v · 1e-3`: the same in both languages."""
    layers = " ".join(name.removesuffix("_proj") for name in params["targets"])
    layers = {"q k v o": "q k v o", "q k v o gate up down": "all"}.get(layers, layers)
    return f"r = {params['rank']} · {layers} · {params['learning_rate']:.0e}".replace("e-0", "e-")
