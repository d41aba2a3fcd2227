"""Full fine-tuning: every weight of the encoder may change."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from projects.sentiment import report
from projects.sentiment.charts import record_loss
from projects.sentiment.data import load_split, sample
from projects.sentiment.encoder import (
    compute_in_bf16,
    encode_reviews,
    load_encoder,
    positive_share,
    predict,
)
from projects.sentiment.training import train, trainable_parameters

if TYPE_CHECKING:
    from verifolio.record import Run


def run_full(run: Run) -> None:
    """Train all weights, with the same loop as LoRA."""
    params = run.params
    split = load_split(run.input("imdb"), limit=params["limit"])
    path = run.input("minilm")
    learned = sample(split.train, params["train_reviews"], seed=0)
    train_ids = encode_reviews(path, learned.texts, params["max_tokens"])
    test_ids = encode_reviews(path, split.test.texts, params["max_tokens"])
    model = compute_in_bf16(load_encoder(path, seed=run.seed), dropout=params["dropout"])
    started = time.perf_counter()
    curve = train(
        model,
        train_ids,
        learned.labels,
        work=run.work,
        learning_rate=params["learning_rate"],
        epochs=params["epochs"],
        batch=params["batch"],
        smoothing=params["smoothing"],
        save_steps=200,
        seed=run.seed,
        tell=run.progress,
    )
    seconds = time.perf_counter() - started
    logits = predict(model, test_ids, tell=lambda done, total: run.progress(done, total, "testing"))
    positive = positive_share(logits)
    report.record_scores(run, split.test.labels, positive)
    report.record_costs(
        run,
        trainable=trainable_parameters(model),
        seconds=seconds,
        train_reviews=len(train_ids),
        reviews_seen=int(len(train_ids) * params["epochs"]),
    )
    record_loss(run, curve)
    report.write_probabilities(run.product("full/test.json"), positive)
