"""Temperature scaling (Guo et al. 2017, section 4.2): one number that makes confidence honest, fitted on half the reviews."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from projects.sentiment import metrics
from projects.sentiment.data import load_split
from projects.sentiment.plots import named_lines
from projects.sentiment.report import read_probabilities

if TYPE_CHECKING:
    from verifolio.record import Run

METHODS = {
    "lora": {"zh": "LoRA", "en": "LoRA"},
    "tfidf": {"zh": "TF-IDF + 逻辑回归", "en": "TF-IDF + logistic regression"},
    "frozen": {"zh": "冻结编码器 + 线性头", "en": "Frozen encoder + linear head"},
}


def run_temperature(run: Run) -> None:
    """Fit on one half of the held-out reviews, judge on the other, both ways round."""
    test = load_split(run.input("imdb"), limit=run.params["limit"]).test
    labels = test.labels
    first = (
        np.asarray(test.rows) // run.params["block"]
    ) % 2 == 0  # whole blocks: one film stays on one side
    rows = []
    for name, label in METHODS.items():
        positive = read_probabilities(run.product_of(name, f"{name}/test.json"))
        scaled, fitted = np.zeros(len(labels)), []
        for fit in (first, ~first):
            fitted.append(fit_temperature(labels[fit], positive[fit]))
            scaled[~fit] = scale(positive[~fit], fitted[-1])
        before, after = metrics.ece(labels, positive), metrics.ece(labels, scaled)
        temperature = float(np.mean(fitted))
        rows.append(
            {
                "method": label, "temperature": temperature, "before": before, "after": after,
                "nll_before": metrics.nll(labels, positive), "nll_after": metrics.nll(labels, scaled),
            }
        )  # fmt: skip
        for key, value, unit, zh, en in (
            ("temperature", temperature, "score", "温度", "temperature"),
            ("before", before, "ratio", "缩放前的校准误差", "calibration error before"),
            ("after", after, "ratio", "缩放后的校准误差", "calibration error after"),
        ):
            run.metric(
                f"{name}_{key}", value, unit=unit, n=len(labels),
                label={"zh": f"{label['zh']}：{zh}", "en": f"{label['en']}: {en}"},
            )  # fmt: skip
        if name == "tfidf":
            _record_reliability(run, labels, positive, scaled)
    run.table(
        "methods",
        columns=[
            {"key": "method", "label": {"zh": "方法", "en": "Method"}},
            {"key": "temperature", "label": {"zh": "温度", "en": "Temperature"}, "unit": "score"},
            {"key": "before", "label": {"zh": "ECE，缩放前", "en": "ECE before"}, "unit": "ratio"},
            {"key": "after", "label": {"zh": "ECE，缩放后", "en": "ECE after"}, "unit": "ratio"},
            {"key": "nll_before", "label": {"zh": "NLL，缩放前", "en": "NLL before"}, "unit": "nats"},
            {"key": "nll_after", "label": {"zh": "NLL，缩放后", "en": "NLL after"}, "unit": "nats"},
        ],
        rows=rows,
    )


def scale(positive: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities (n,) with their log-odds divided by the temperature; no verdict changes."""
    safe = np.clip(positive, 1e-6, 1 - 1e-6)
    return 1 / (1 + np.exp(-np.log(safe / (1 - safe)) / temperature))


def fit_temperature(labels: np.ndarray, positive: np.ndarray) -> float:
    """The temperature with the least negative log-likelihood, from a fine grid between 1/5 and 5."""
    grid = np.exp(np.linspace(np.log(0.2), np.log(5), 400))
    return float(min(grid, key=lambda one: metrics.nll(labels, scale(positive, float(one)))))


def _record_reliability(run: Run, labels: np.ndarray, before: np.ndarray, after: np.ndarray) -> None:
    rows = [
        {"name": name, "x": round(100 * row["confidence"], 2), "y": round(100 * row["accuracy"], 2)}
        for name, positive in (("@before", before), ("@after", after))
        for row in metrics.reliability(labels, positive)
    ]
    words = {
        "@before": {"zh": "TF-IDF，原样", "en": "TF-IDF as it is"},
        "@after": {"zh": "TF-IDF，除以温度", "en": "TF-IDF over its temperature"},
        "@x": {"zh": "自报的置信度（%）", "en": "confidence stated (%)"},
        "@y": {"zh": "实际的准确率（%）", "en": "accuracy (%)"},
    }
    run.chart("reliability", named_lines(rows, diagonal=True), words=words)
