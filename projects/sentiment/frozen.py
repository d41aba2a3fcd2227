"""Frozen encoder, linear head: the encoder only reads, a logistic regression learns."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from projects.sentiment import report
from projects.sentiment.data import load_split, sample
from projects.sentiment.encoder import compute_in_bf16, encode_reviews, load_encoder, pad

if TYPE_CHECKING:
    from verifolio.record import Run


def embed(path: Path, ids: list[list[int]], *, budget: int = 8192, run: Run | None = None) -> np.ndarray:
    """Mean of the last layer over the tokens, normalised: (n, hidden), as the encoder was trained to give."""
    import torch

    from projects.sentiment.training import keep_memory

    keep_memory()
    model = compute_in_bf16(load_encoder(path)).bert.eval()
    order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    found = np.zeros((len(ids), model.config.hidden_size), dtype=np.float32)
    done = 0
    with torch.no_grad():
        while done < len(order):
            size = max(1, budget // len(ids[order[min(done + 31, len(order) - 1)]]))
            batch = order[done : done + size]
            tokens, mask = pad([ids[i] for i in batch])
            states = model(input_ids=tokens, attention_mask=mask).last_hidden_state.float()
            mean = (states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
            found[batch] = torch.nn.functional.normalize(mean, dim=1).numpy()
            done += len(batch)
            if run:
                run.progress(done, len(order), "embedding")
    return found


def run_frozen(run: Run) -> None:
    """Embed all reviews once, fit a logistic regression on the training ones."""
    from sklearn.linear_model import LogisticRegression

    split = load_split(run.input("imdb"), limit=run.params["limit"])
    path = run.input("minilm")
    learned = sample(split.train, run.params["train_reviews"], seed=0)
    train_ids = encode_reviews(path, learned.texts, run.params["max_tokens"])
    test_ids = encode_reviews(path, split.test.texts, run.params["max_tokens"])
    started = time.perf_counter()
    states = embed(path, train_ids, run=run)
    head = LogisticRegression(C=run.params["strength"], max_iter=1000, random_state=run.seed)
    head.fit(states, learned.labels)
    seconds = time.perf_counter() - started
    positive = head.predict_proba(embed(path, test_ids, run=run))[:, 1]
    report.record_scores(run, split.test.labels, positive)
    report.record_costs(
        run,
        trainable=head.coef_.size + 1,
        seconds=seconds,
        train_reviews=len(learned),
        reviews_seen=len(learned),
    )
    report.write_probabilities(run.product("frozen/test.json"), positive)
