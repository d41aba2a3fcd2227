"""The published adapter: trained by hand on film reviews, and the model asked before and after."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from projects.sentiment import metrics
from projects.sentiment.charts import record_loss
from projects.sentiment.data import Reviews, sample
from projects.sentiment.report import read_probabilities
from projects.sentiment.training import keep_memory
from projects.small_llm.adapter_file import save_adapter
from projects.small_llm.held_out import VERDICTS
from projects.small_llm.judging import judge
from projects.small_llm.loading import load_halves, load_model, load_words
from projects.small_llm.lora import count_trainable, inject
from projects.small_llm.precision import has_bf16
from projects.small_llm.training import Settings, train
from projects.small_llm.verdicts import encode

if TYPE_CHECKING:
    from verifolio.record import Run

NAMES = {
    "base": {"zh": "未微调的模型", "en": "the untouched model"},
    "lora": {"zh": "手写 LoRA", "en": "LoRA by hand"},
    "bert": {
        "zh": "情感项目的 BERT 分类器（全文）",
        "en": "the sentiment project's BERT classifier (whole reviews)",
    },
}


def run_lora(run: Run) -> None:
    """The untouched model, the training, the trained model, and the BERT classifier on the same reviews."""
    import torch

    torch.set_num_threads(min(2, os.cpu_count() or 1))
    torch.manual_seed(run.seed)
    keep_memory()
    params, source = run.params, run.input("smollm2")
    split = load_halves(run.input("imdb"), params["limit"])
    tokenizer = load_words(source)
    chosen = sample(Reviews(split.test.texts, split.test.labels, np.arange(len(split.test))), params["test_reviews"], seed=run.seed)  # fmt: skip
    learned = encode(tokenizer, sample(split.train, params["train_reviews"], seed=run.seed), params["words"])
    asked = [prompt for prompt, _ in encode(tokenizer, chosen, params["words"])]
    verdicts = tuple(tokenizer.encode(word).ids[0] for word in VERDICTS)
    model = load_model(source, params["layers"])
    found = {"base": judge(model, asked, verdicts, run, "asking the untouched model")}
    inject(model, params["targets"], rank=params["rank"], alpha=params["alpha"], dropout=params["dropout"])
    seconds = _train(run, model, learned)
    found["lora"] = judge(model, asked, verdicts, run, "asking the trained model")
    bert = read_probabilities(run.product_of("sentiment.lora", "lora/test.json"))[chosen.rows]
    save_adapter(
        model, run.product("lora/adapter_config.json").parent, rank=params["rank"], alpha=params["alpha"],
        dropout=params["dropout"], targets=params["targets"], base="HuggingFaceTB/SmolLM2-135M-Instruct", half=True,
    )  # fmt: skip
    _record(run, chosen.labels, found, bert)
    _record_costs(run, model, seconds, run.product("lora/adapter_model.safetensors"), len(learned))


def _train(run: Run, model: Any, learned: list[tuple[list[int], list[int]]]) -> float:
    params = run.params
    steps = max(1, int(len(learned) * params["epochs"]) // (params["batch"] * params["accumulate"]))
    settings = Settings(
        params["learning_rate"], steps, params["batch"], accumulate=params["accumulate"], warmup=max(1, steps // 10),
        bf16=has_bf16(), seed=run.seed, save_every=20,
    )  # fmt: skip
    started = time.perf_counter()
    losses = train(
        model, learned, settings, pad=2, checkpoint=run.work / "checkpoint.pt",
        tell=lambda done, total, loss: run.progress(done, total, f"training, loss {loss:.3f}"),
    )  # fmt: skip
    record_loss(run, [{"step": number, "loss": loss} for number, loss in enumerate(losses, 1)])
    return time.perf_counter() - started


def _record(
    run: Run, labels: np.ndarray, found: dict[str, tuple[np.ndarray, float]], bert: np.ndarray
) -> None:
    positive = {key: share for key, (share, _) in found.items()} | {"bert": bert}
    n, rows = len(labels), []
    for key, share in positive.items():
        right = metrics.accuracy(labels, share)
        low, high = metrics.wilson(right, n)
        parsed = found[key][1] if key in found else None
        rows.append({"method": NAMES[key], "accuracy": right, "low": low, "high": high, "parsed": parsed})
        run.metric(
            f"{key}_accuracy", right, unit="ratio", better="higher", n=n, ci=(low, high), ci_method="Wilson 95 %",
            label={"zh": f"{NAMES[key]['zh']}：准确率", "en": f"accuracy: {NAMES[key]['en']}"},
        )  # fmt: skip
        if parsed is not None:
            run.metric(
                f"{key}_parsed", parsed, unit="ratio", better="higher", n=n,
                label={"zh": f"{NAMES[key]['zh']}：首选词元就是裁决词", "en": f"likeliest token is a verdict: {NAMES[key]['en']}"},
            )  # fmt: skip
    right = {key: (share >= 0.5) == (labels == 1) for key, share in positive.items()}
    for other in ("base", "bert"):
        gain = 100 * (right["lora"].astype(float) - right[other].astype(float))
        run.metric(
            f"lora_minus_{other}", float(gain.mean()), unit="points", better="higher", n=n, ci=metrics.bootstrap(gain),
            ci_method="paired bootstrap 95 %",
            label={"zh": f"手写 LoRA 减{NAMES[other]['zh']}", "en": f"LoRA by hand minus {NAMES[other]['en']}"},
        )  # fmt: skip
    names = [("accuracy", "准确率", "accuracy"), ("low", "区间下限", "interval from"), ("high", "区间上限", "to"),
             ("parsed", "首选词元就是裁决词", "likeliest token is a verdict")]  # fmt: skip
    columns = [{"key": "method", "label": {"zh": "方法", "en": "method"}}]
    columns += [{"key": key, "label": {"zh": zh, "en": en}, "unit": "ratio"} for key, zh, en in names]
    run.table("methods", columns=columns, rows=rows)


def _record_costs(run: Run, model: Any, seconds: float, file: Path, reviews: int) -> None:
    trained = count_trainable(model)
    whole = sum(one.numel() for one in model.parameters()) - trained
    run.metric(
        "trainable",
        trained,
        unit="parameters",
        better="lower",
        label={"zh": "可训练参数", "en": "trained parameters"},
    )
    run.metric(
        "share",
        trained / whole,
        unit="ratio",
        better="lower",
        label={"zh": "可训练参数占比", "en": "share of parameters trained"},
    )
    run.metric(
        "train_reviews", reviews, unit="count", label={"zh": "训练用的评论数", "en": "reviews trained on"}
    )
    run.metric(
        "train_seconds",
        seconds,
        unit="seconds",
        better="lower",
        label={"zh": "训练用时", "en": "training time"},
    )
    run.metric(
        "adapter_bytes",
        file.stat().st_size,
        unit="bytes",
        better="lower",
        label={"zh": "适配器文件大小", "en": "size of the adapter file"},
    )
