"""The plain `Trainer` against ours: same model, reviews in the same order, and settings; only the arithmetic differs.

A third training differs in a setting as well: it does not drop the weights of attention, so that PyTorch's fused
kernel can compute them, as the published classifier's training does.

All draw each batch at random. Grouping reviews of like length, as the published classifier's training does, is
another 9 % faster but costs about 2 points when steps are few (LOG.md, 2026-11-24), so it has no part in this.
"""

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
    "fused": {"zh": "再去掉注意力权重的 dropout", "en": "and without dropout of attention"},
}


def run_speed(run: Run) -> None:
    """Train and judge once each way; the ratio of times over the same steps but the first, with its interval."""
    params = run.params
    split = load_split(run.input("imdb"))
    few = sample(split.train, params["train_reviews"], seed=run.seed)
    held = sample(split.test, params["test_reviews"], seed=run.seed)
    path = run.input("minilm")
    few_ids = encode_reviews(path, few.texts, params["max_tokens"])
    held_ids = encode_reviews(path, held.texts, params["max_tokens"])
    keep_memory()  # for both: it is a setting of the process
    steps: dict[str, np.ndarray] = {}
    right: dict[str, np.ndarray] = {}
    for way, label in WAYS.items():
        run.say(f"training: {way}")
        model, steps[way] = _train_once(run, way, path, few_ids, few.labels)
        logits = predict(compute_in_bf16(model), held_ids)
        right[way] = (positive_share(logits) >= 0.5) == (held.labels == 1)
        share = float(right[way].mean())
        run.say(f"{way}: {steps[way].sum():.0f} s, accuracy {share:.3f}")
        run.metric(
            f"{way}_speed", params["batch"] / float(steps[way].mean()), unit="items_per_s", better="higher",
            label={"zh": f"{label['zh']}：训练速度（评论）", "en": f"{label['en']}: training speed (reviews)"},
        )  # fmt: skip
        run.metric(
            f"{way}_accuracy", share, unit="ratio", better="higher", n=len(held),
            ci=wilson(share, len(held)), ci_method="Wilson 95 %",
            label={"zh": f"{label['zh']}：准确率", "en": f"{label['en']}: accuracy"},
        )  # fmt: skip
    for way, prefix in (("fast", ""), ("fused", "fused_")):
        zh, en = (f"（{WAYS[way]['zh']}）", f" ({WAYS[way]['en']})") if prefix else ("", "")
        run.metric(
            f"{prefix}speedup", float(steps["plain"].sum() / steps[way].sum()), unit="times", better="higher",
            n=len(steps[way]), ci=_ratio_interval(steps["plain"], steps[way], seed=run.seed),
            ci_method="paired bootstrap over steps 95 %",
            label={"zh": f"提速{zh}", "en": f"speed-up{en}"},
        )  # fmt: skip
        difference = 100 * (right[way].astype(float) - right["plain"])
        run.metric(
            f"{prefix}accuracy_difference", float(difference.mean()), unit="points", n=len(held),
            ci=bootstrap(difference), ci_method="paired bootstrap 95 %",
            label={
                "zh": f"准确率之差（我们的减普通的）{zh}",
                "en": f"difference in accuracy (ours minus plain){en}",
            },
        )  # fmt: skip


def _train_once(
    run: Run, way: str, path: Any, ids: list[list[int]], labels: np.ndarray
) -> tuple[Any, np.ndarray]:
    """(The model trained, seconds of each step but the first, which builds the Trainer too)."""
    params, fast = run.params, way != "plain"
    model = build_lora(
        load_encoder(path, fast=fast, seed=run.seed), rank=params["rank"], alpha=params["alpha"]
    )
    if fast:
        _compute_fast(model, fused=way == "fused")
    work = run.work / way
    shutil.rmtree(work, ignore_errors=True)  # half a run cannot be timed
    ends = [time.perf_counter()]

    def tell(done: float, total: float, text: str) -> None:
        ends.append(time.perf_counter())
        run.progress(done, total, text)

    train(
        model,
        ids,
        labels,
        work=work,
        learning_rate=params["learning_rate"],
        epochs=params["epochs"],
        batch=params["batch"],
        seed=run.seed,
        bucketed=False,
        pad_to=0 if fast else params["max_tokens"],
        save_steps=100_000,
        tell=tell,
    )
    return model, np.diff(ends)[1:]


def _compute_fast(model: Any, *, fused: bool) -> None:
    """bf16 and merged LoRA, but dropout as it was: a draw for each value, at the encoder's own rates.

    With `fused`, the weights of attention are not dropped.
    """
    from torch import nn

    rates = {name: one.p for name, one in model.named_modules() if isinstance(one, nn.Dropout)}
    compute_in_bf16(model)
    for name, rate in rates.items():
        one = model.get_submodule(name)
        one.p = 0.0 if fused and name.endswith("attention.self.dropout") else rate
        del one.forward  # the class's own comes back


def _ratio_interval(plain: np.ndarray, fast: np.ndarray, *, seed: int) -> tuple[float, float]:
    """95 % percentile interval of the ratio of total times; (n,) seconds of the same n steps."""
    drawn = np.random.default_rng(seed).integers(0, len(plain), (2000, len(plain)))
    low, high = np.percentile(plain[drawn].sum(axis=1) / fast[drawn].sum(axis=1), [2.5, 97.5])
    return float(low), float(high)
