"""Rank, places and learning rate, one varied at a time; each axis is an experiment, so that Dask workers share them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from projects.sentiment import metrics
from projects.sentiment.charts import dots_with_intervals
from projects.sentiment.data import carve_validation, sample
from projects.small_llm.held_out import VERDICTS
from projects.small_llm.judging import judge
from projects.small_llm.loading import device, load_halves, load_model, load_words
from projects.small_llm.lora import count_trainable, inject
from projects.small_llm.precision import has_bf16
from projects.small_llm.training import Settings, train
from projects.small_llm.verdicts import encode

if TYPE_CHECKING:
    from verifolio.record import Run

COLUMNS = [
    {"key": "setting", "label": {"zh": "设置", "en": "setting"}},
    {"key": "accuracy", "label": {"zh": "验证准确率", "en": "validation accuracy"}, "unit": "ratio"},
    {"key": "low", "label": {"zh": "区间下限", "en": "interval from"}, "unit": "ratio"},
    {"key": "high", "label": {"zh": "区间上限", "en": "to"}, "unit": "ratio"},
    {"key": "nll", "label": {"zh": "负对数似然", "en": "negative log-likelihood"}, "unit": "nats"},
    {"key": "trainable", "label": {"zh": "可训练参数", "en": "trained parameters"}, "unit": "parameters"},
    {"key": "seconds", "label": {"zh": "用时（单线程）", "en": "time (one thread)"}, "unit": "seconds"},
]


def run_axis(run: Run) -> None:
    """Each value of `vary` in turn, all else as in the starting point; judged on a part of the training side alone."""
    import torch

    torch.set_num_threads(1)
    params, source = run.params, run.input("smollm2")
    tokenizer = load_words(source)
    split = carve_validation(load_halves(run.input("imdb"), params["limit"]).train)
    learned = encode(tokenizer, sample(split.train, params["train_reviews"], seed=run.seed), params["words"])
    judged = sample(split.test, params["judged"], seed=run.seed)
    prompts = [prompt for prompt, _ in encode(tokenizer, judged, params["words"])]
    verdicts = (tokenizer.encode(VERDICTS[0]).ids[0], tokenizer.encode(VERDICTS[1]).ids[0])
    rows = []
    for number, value in enumerate(params["values"], 1):
        setting = params["start"] | {params["vary"]: value}
        torch.manual_seed(run.seed)
        model = inject(
            load_model(source, params["layers"]),
            setting["targets"],
            rank=setting["rank"],
            alpha=2 * setting["rank"],
        )
        steps = max(1, len(learned) // params["batch"])
        plan = Settings(
            setting["learning_rate"],
            steps,
            params["batch"],
            warmup=max(1, steps // 10),
            bf16=has_bf16(),
            seed=run.seed,
        )
        started = time.perf_counter()
        train(model.to(device()), learned, plan, pad=2,
              tell=lambda done, total, loss: run.progress(done, total, f"training, loss {loss:.3f}"))  # fmt: skip
        seconds = time.perf_counter() - started
        positive, _ = judge(model, prompts, verdicts, run, "judging")
        right, n = metrics.accuracy(judged.labels, positive), len(judged)
        low, high = metrics.wilson(right, n)
        rows.append({"setting": title_of(setting), "accuracy": right, "low": low, "high": high,
                     "nll": metrics.nll(judged.labels, positive), "trainable": count_trainable(model), "seconds": seconds})  # fmt: skip
        run.say(f"{rows[-1]['setting']}: {right:.3f}, {rows[-1]['nll']:.3f} nats, {seconds:.0f} s")
        run.metric(f"accuracy_{number}", right, unit="ratio", better="higher", n=n, ci=(low, high), ci_method="Wilson 95 %",
                   label={"zh": f"{rows[-1]['setting']}：验证准确率", "en": f"{rows[-1]['setting']}: validation accuracy"})  # fmt: skip
    run.table("points", columns=COLUMNS, rows=rows)


def run_sweep(run: Run) -> None:
    """All axes as one table and one chart, the starting point once; best and worst by validation accuracy, ties by loss."""
    rows: list[dict[str, Any]] = []
    for axis in run.params["axes"]:
        rows += [row for row in run.result_of(axis).tables["points"].rows if row["setting"] not in {one["setting"] for one in rows}]  # fmt: skip
    ranked = sorted(rows, key=lambda row: (row["accuracy"], -row["nll"]))
    for key, row, zh, en in (("best", ranked[-1], "最好", "best"), ("worst", ranked[0], "最差", "worst")):
        for part, unit in (("accuracy", "ratio"), ("nll", "nats")):
            run.metric(
                f"{key}_{part}",
                row[part],
                unit=unit,
                label={"zh": f"{zh}：{row['setting']}", "en": f"{en}: {row['setting']}"},
            )
    run.metric("points", len(rows), unit="count", label={"zh": "扫描的设置数", "en": "settings tried"})
    run.table("points", columns=COLUMNS, rows=rows)
    dots = [{"name": row["setting"], "value": 100 * row["accuracy"], "low": 100 * row["low"], "high": 100 * row["high"],
             "shown": f"{100 * row['accuracy']:.0f}"} for row in rows]  # fmt: skip
    run.chart("points", dots_with_intervals(dots, order=[row["setting"] for row in rows]),
              words={"@value": {"zh": "验证准确率（%）", "en": "validation accuracy (%)"}})  # fmt: skip


def title_of(setting: dict[str, Any]) -> str:
    """`r = 8 · q v · 1e-3`: the same in both languages."""
    places = " ".join(name.removesuffix("_proj") for name in setting["targets"])
    places = {"q k v o gate up down": "all linear"}.get(places, places)
    return f"r = {setting['rank']} · {places} · {setting['learning_rate']:.0e}".replace("e-0", "e-")
