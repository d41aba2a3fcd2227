"""The plain `Trainer` against ours: same model, reviews and settings, in turns on the same machine."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from projects.sentiment.adapters import build_lora
from projects.sentiment.data import load_split, sample
from projects.sentiment.encoder import (
    compute_in_bf16,
    encode_reviews,
    load_encoder,
    positive_share,
    predict,
)
from projects.sentiment.metrics import bootstrap, wilson
from projects.sentiment.training import keep_memory, train

if TYPE_CHECKING:
    from verifolio.record import Run

WAYS = {
    "plain": {"zh": "普通 Trainer", "en": "plain Trainer"},
    "fast": {"zh": "我们的训练循环", "en": "our training"},
}


def run_speed(run: Run) -> None:
    """Rounds of plain and fast in alternating order; speed is the median over the rounds."""
    params = run.params
    split = load_split(run.input("imdb"))
    few = sample(split.train, params["train_reviews"], seed=run.seed)
    held = sample(split.test, params["test_reviews"], seed=run.seed)
    path = run.input("minilm")
    few_ids = encode_reviews(path, few.texts, params["max_tokens"])
    held_ids = encode_reviews(path, held.texts, params["max_tokens"])
    keep_memory()  # for both: it is a setting of the process
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    right: dict[str, list[np.ndarray]] = {way: [] for way in WAYS}
    for number in range(params["rounds"]):
        for way in list(WAYS)[:: -1 if number % 2 else 1]:
            run.say(f"round {number + 1}: {way}")
            model, spent = _train_once(run, way, path, few_ids, few.labels, seed=run.seed + number)
            seconds[way].append(spent)
            logits = predict(compute_in_bf16(model), held_ids)
            right[way].append((positive_share(logits) >= 0.5) == (held.labels == 1))
            run.say(f"{way}: {spent:.0f} s, accuracy {right[way][-1].mean():.3f}")
    for way, label in WAYS.items():
        spent = float(np.median(seconds[way]))
        share = float(np.mean(right[way]))
        run.metric(
            f"{way}_speed", len(few_ids) / spent, unit="items_per_s", better="higher",
            label={"zh": f"{label['zh']}：训练速度（评论）", "en": f"{label['en']}: training speed (reviews)"},
        )  # fmt: skip
        run.metric(
            f"{way}_accuracy", share, unit="ratio", better="higher", n=len(held),
            ci=wilson(share, len(held)), ci_method="Wilson 95 %",
            label={"zh": f"{label['zh']}：准确率", "en": f"{label['en']}: accuracy"},
        )  # fmt: skip
    ratios = [plain / fast for plain, fast in zip(seconds["plain"], seconds["fast"], strict=True)]
    run.metric(
        "speedup", float(np.median(ratios)), unit="times", better="higher", n=len(ratios),
        ci=(min(ratios), max(ratios)), ci_method="smallest and largest round",
        label={"zh": "提速", "en": "speed-up"},
    )  # fmt: skip
    difference = 100 * (np.mean(right["fast"], axis=0) - np.mean(right["plain"], axis=0))
    run.metric(
        "accuracy_difference", float(difference.mean()), unit="points", n=len(held),
        ci=bootstrap(difference), ci_method="paired bootstrap 95 %",
        label={"zh": "准确率之差（我们的减普通的）", "en": "difference in accuracy (ours minus plain)"},
    )  # fmt: skip


def _train_once(
    run: Run, way: str, path: Any, ids: list[list[int]], labels: np.ndarray, *, seed: int
) -> tuple[Any, float]:
    params, fast = run.params, way == "fast"
    model = build_lora(load_encoder(path, fast=fast, seed=seed), rank=params["rank"], alpha=params["alpha"])
    if fast:
        compute_in_bf16(model, dropout=params["dropout"])
    work = run.work / f"{way}-{seed}"
    shutil.rmtree(work, ignore_errors=True)  # a half-timed round is timed again
    started = time.perf_counter()
    train(
        model,
        ids,
        labels,
        work=work,
        learning_rate=params["learning_rate"],
        epochs=params["epochs"],
        batch=params["batch"],
        seed=seed,
        bucketed=False,  # batches of like length were 9 % faster, but cost about 2 points (LOG.md, 2026-11-24)
        pad_to=0 if fast else params["max_tokens"],
        save_steps=100_000,
        tell=run.progress,
    )
    return model, time.perf_counter() - started
