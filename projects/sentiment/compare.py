"""All methods side by side, from their results: one table, the charts, paired tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from projects.sentiment import metrics
from projects.sentiment.data import load_split
from projects.sentiment.plots import named_dots, named_lines
from projects.sentiment.report import read_probabilities

if TYPE_CHECKING:
    from verifolio.record import Run

METHODS = {
    "tfidf": {"zh": "TF-IDF + 逻辑回归", "en": "TF-IDF + logistic regression"},
    "frozen": {"zh": "冻结编码器 + 线性头", "en": "Frozen encoder + linear head"},
    "prefix": {"zh": "前缀微调", "en": "Prefix tuning"},
    "full": {"zh": "全参数微调", "en": "Full fine-tuning"},
    "lora": {"zh": "LoRA", "en": "LoRA"},
}
FEWER = {"zh": "LoRA，只用部分评论", "en": "LoRA on the same fewer reviews"}
TOGETHER = {"zh": "LoRA 与 TF-IDF 取平均", "en": "LoRA and TF-IDF averaged"}


def run_compare(run: Run) -> None:
    """Read the five results and put them together."""
    labels = load_split(run.input("imdb"), limit=run.params["limit"]).test.labels
    results = {key: run.result_of(key) for key in METHODS}
    positive = {key: read_probabilities(run.product_of(key, f"{key}/test.json")) for key in METHODS}
    fewer = read_probabilities(run.product_of("curve", "curve/test.json"))
    _record_table(run, results, metrics.accuracy(labels, fewer))
    together = _average(positive["lora"], positive["tfidf"])
    _record_accuracy(run, labels, {**positive, "fewer": fewer, "together": together})
    _record_tests(run, labels, {**positive, "fewer": fewer})
    _record_loss_curves(run, results)
    _record_reliability(run, labels, positive)


def _record_table(run: Run, results, fewer: float) -> None:
    names = (
        ("accuracy", "准确率", "accuracy", "ratio"),
        ("f1", "宏平均 F1", "macro F1", "score"),
        ("ece", "校准误差", "calibration error", "ratio"),
        ("train_reviews", "训练评论", "reviews trained on", "count"),
        ("trainable", "可训练参数", "trained", "parameters"),
        ("train_seconds", "训练用时", "training time", "seconds"),
        ("peak_memory", "内存峰值", "peak memory", "bytes"),
    )
    columns = [{"key": "method", "label": {"zh": "方法", "en": "method"}}]
    columns += [{"key": key, "label": {"zh": zh, "en": en}, "unit": unit} for key, zh, en, unit in names]
    rows = [
        {"method": METHODS[key], **{name: result.metrics[name].value for name, *_ in names}}
        for key, result in results.items()
    ]
    empty = {name: None for name, *_ in names}
    count = results["full"].metrics["train_reviews"].value
    rows.append({"method": FEWER, **empty, "accuracy": fewer, "train_reviews": count})
    run.table("methods", columns=columns, rows=rows)


def _average(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Mean of two models' log-odds, back as probabilities (n,)."""
    odds = [np.log(np.clip(p, 1e-4, 1 - 1e-4) / (1 - np.clip(p, 1e-4, 1 - 1e-4))) for p in (first, second)]
    return 1 / (1 + np.exp(-(odds[0] + odds[1]) / 2))


def _record_accuracy(run: Run, labels: np.ndarray, positive: dict[str, np.ndarray]) -> None:
    names = {**METHODS, "fewer": FEWER, "together": TOGETHER}
    scores = {key: metrics.accuracy(labels, share) for key, share in positive.items()}
    order = sorted(scores, key=lambda key: scores[key])
    rows = []
    for key in order:
        low, high = metrics.wilson(scores[key], len(labels))
        rows.append(
            {
                "name": f"@{key}",
                "value": round(100 * scores[key], 2),
                "low": round(100 * low, 2),
                "high": round(100 * high, 2),
                "shown": f"{100 * scores[key]:.1f} %",
            }
        )
    words = {f"@{key}": name for key, name in names.items()}
    words["@value"] = {
        "zh": "测试集准确率（%），横线为 95 % 区间",
        "en": "accuracy on held-out reviews (%), bars: 95 % interval",
    }
    run.chart("accuracy", named_dots(rows, order=[row["name"] for row in rows]), words=words)
    share = scores["together"]
    run.metric(
        "together_accuracy", share, unit="ratio", better="higher", n=len(labels),
        ci=metrics.wilson(share, len(labels)), ci_method="Wilson 95 %",
        label={"zh": f"{TOGETHER['zh']}：准确率", "en": f"{TOGETHER['en']}: accuracy"},
    )  # fmt: skip


def _record_tests(run: Run, labels: np.ndarray, positive: dict[str, np.ndarray]) -> None:
    right = {key: (share >= 0.5) == (labels == 1) for key, share in positive.items()}
    for other in ("tfidf", "full", "prefix", "frozen"):
        ours = "lora" if other == "tfidf" else "fewer"  # like with like: as many training reviews
        gain = 100 * (right[ours].astype(float) - right[other].astype(float))
        run.metric(
            f"lora_minus_{other}", float(gain.mean()), unit="points", better="higher", n=len(labels),
            ci=metrics.bootstrap(gain), ci_method="paired bootstrap 95 %",
            label={
                "zh": f"LoRA 减 {METHODS[other]['zh']}",
                "en": f"LoRA minus {METHODS[other]['en']}",
            },
        )  # fmt: skip
        only_lora, only_other, p = metrics.mcnemar(right[ours], right[other])
        if other in ("tfidf", "full"):
            run.metric(f"mcnemar_{other}", p, unit="score", n=only_lora + only_other, label={
                "zh": f"McNemar 检验 p 值（LoRA 对 {METHODS[other]['zh']}）",
                "en": f"McNemar p-value (LoRA against {METHODS[other]['en']})",
            })  # fmt: skip
    shares = {key: int(run.result_of(key).metrics["trainable"].value) for key in ("lora", "prefix", "full")}
    for key in ("lora", "prefix"):
        run.metric(
            f"{key}_share", shares[key] / shares["full"], unit="ratio", better="lower",
            label={"zh": f"{METHODS[key]['zh']}训练的参数占比", "en": f"{METHODS[key]['en']}: share of weights trained"},
        )  # fmt: skip


def _record_loss_curves(run: Run, results) -> None:
    rows = []
    for key in ("prefix", "full", "lora"):
        values = results[key].charts["loss"].spec["data"]["values"]
        batch = run.params["batch"]
        rows += [{"name": f"@{key}", "x": row["step"] * batch / 1000, "y": row["loss"]} for row in values]
    words = {f"@{key}": METHODS[key] for key in ("prefix", "full", "lora")}
    words["@x"] = {"zh": "已学评论（千条）", "en": "reviews seen (thousands)"}
    words["@y"] = {"zh": "训练损失（nat）", "en": "training loss (nats)"}
    run.chart("loss", named_lines(rows), words=words)


def _record_reliability(run: Run, labels: np.ndarray, positive: dict[str, np.ndarray]) -> None:
    rows = []
    for key in ("tfidf", "full", "lora"):
        for one in metrics.reliability(labels, positive[key], bins=8):
            if one["count"] >= 20:
                rows.append(
                    {
                        "name": f"@{key}",
                        "x": round(100 * one["confidence"], 2),
                        "y": round(100 * one["accuracy"], 2),
                    }
                )
    words = {f"@{key}": METHODS[key] for key in ("tfidf", "full", "lora")}
    words["@x"] = {"zh": "模型自报的把握（%）", "en": "the model's confidence (%)"}
    words["@y"] = {"zh": "实际准确率（%）", "en": "actual accuracy (%)"}
    run.chart("reliability", named_lines(rows, diagonal=True), words=words)
