"""What every method records in the same way: scores, costs, its probabilities on the held-out reviews."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from projects.sentiment import metrics

if TYPE_CHECKING:
    from verifolio.record import Run


def record_scores(run: Run, labels: np.ndarray, positive: np.ndarray) -> None:
    """Accuracy, F1, loss and calibration on the held-out reviews; `positive` (n,) probabilities."""
    right, n = (positive >= 0.5) == (labels == 1), len(labels)
    share = metrics.accuracy(labels, positive)
    run.metric(
        "accuracy", share, unit="ratio", better="higher", n=n, ci=metrics.wilson(share, n),
        ci_method="Wilson 95 %", label={"zh": "准确率", "en": "accuracy"},
    )  # fmt: skip
    run.metric(
        "f1", metrics.f1(labels, positive), unit="score", better="higher", n=n,
        label={"zh": "宏平均 F1", "en": "macro F1"},
    )  # fmt: skip
    run.metric(
        "nll", metrics.nll(labels, positive), unit="nats", better="lower", n=n,
        label={"zh": "负对数似然", "en": "negative log-likelihood"},
    )  # fmt: skip
    run.metric(
        "ece", metrics.ece(labels, positive), unit="ratio", better="lower", n=n,
        label={"zh": "校准误差 ECE", "en": "calibration error (ECE)"},
    )  # fmt: skip
    run.metric(
        "errors", int((~right).sum()), unit="count", better="lower", n=n,
        label={"zh": "判错的评论", "en": "reviews judged wrongly"},
    )  # fmt: skip


def record_costs(run: Run, *, trainable: int, seconds: float, train_reviews: int, reviews_seen: int) -> None:
    """What the training took: `train_reviews` different reviews, read `reviews_seen` times in all."""
    run.metric(
        "train_reviews", train_reviews, unit="count",
        label={"zh": "训练用的评论数", "en": "reviews trained on"},
    )  # fmt: skip
    run.metric(
        "trainable", trainable, unit="parameters", better="lower",
        label={"zh": "可训练参数", "en": "trainable parameters"},
    )  # fmt: skip
    run.metric(
        "train_seconds", seconds, unit="seconds", better="lower",
        label={"zh": "训练用时", "en": "training time"},
    )  # fmt: skip
    run.metric(
        "train_speed", reviews_seen / seconds, unit="items_per_s", better="higher",
        label={"zh": "训练速度（评论）", "en": "training speed (reviews)"},
    )  # fmt: skip
    run.metric(
        "peak_memory", peak_memory_bytes(), unit="bytes", better="lower",
        label={"zh": "进程内存峰值", "en": "peak memory of the process"},
    )  # fmt: skip


def write_probabilities(path: Path, positive: np.ndarray) -> None:
    """Probability of the positive class for each held-out review, in the split's order, 4 decimals."""
    path.write_text(json.dumps([round(float(value), 4) for value in positive]) + "\n")


def read_probabilities(path: Path) -> np.ndarray:
    """(n_test,) what `write_probabilities` wrote."""
    return np.asarray(json.loads(path.read_text()), dtype=np.float64)


def peak_memory_bytes() -> int:
    """Peak resident memory of this process so far (0 where the system does not tell)."""
    try:
        import resource
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    def seconds(self) -> float:
        return time.perf_counter() - self._start
