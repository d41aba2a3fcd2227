"""IMDB as instructions: the untouched model with and without examples, the training by hand, and the model after it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from projects.sentiment import metrics
from projects.sentiment.charts import record_loss
from projects.sentiment.data import Reviews, carve_validation, sample
from projects.sentiment.inference import load_classifier
from projects.sentiment.plots import named_dots
from projects.sentiment.report import read_probabilities
from projects.sentiment.training import keep_memory
from projects.small_llm.adapter_file import save_adapter
from projects.small_llm.held_out import VERDICTS
from projects.small_llm.instructions import encode, encode_reasons, few_shot
from projects.small_llm.judging import ask, perplexity
from projects.small_llm.loading import device, load_halves, load_model, load_words
from projects.small_llm.lora import count_trainable, inject
from projects.small_llm.training import Settings, train

if TYPE_CHECKING:
    from verifolio.record import Run

NAMES = {
    "base": {"zh": "未微调的模型", "en": "the untouched model"},
    "shots": {"zh": "未微调的模型，给例子", "en": "the untouched model, with examples"},
    "lora": {"zh": "手写 LoRA", "en": "LoRA by hand"},
    "bert": {"zh": "BERT 分类器（全文）", "en": "the BERT classifier (whole reviews)"},
}


def run_lora(run: Run) -> None:
    """Ask, train, ask again; the sentiment project's classifier judged the same reviews."""
    import torch

    torch.set_num_threads(min(2, os.cpu_count() or 1))
    torch.manual_seed(run.seed)
    keep_memory()
    params, source = run.params, run.input("smollm2")
    split, tokenizer = load_halves(run.input("imdb"), params["limit"]), load_words(source)
    numbered = Reviews(split.test.texts, split.test.labels, np.arange(len(split.test)))
    chosen = sample(numbered, params["test_reviews"], seed=run.seed)
    asked = [prompt for prompt, _ in encode(tokenizer, chosen, params["words"])]
    verdicts = (tokenizer.encode(VERDICTS[0]).ids[0], tokenizer.encode(VERDICTS[1]).ids[0])
    unseen = [tokenizer.encode(text).ids[: params["length"]] for text in split.test.texts[: params["texts"]]]
    learned = examples_of(run, tokenizer, split.train)
    model = load_model(source, params["layers"])
    shots = few_shot(sample(split.train, params["shots"], seed=run.seed), params["shot_words"])
    found = {
        "base": ask(model, asked, verdicts, run, "asking the untouched model"),
        "shots": ask(model, asked, verdicts, run, "asking with examples", before=tuple(tokenizer.encode(shots).ids)),
    }  # fmt: skip
    before = perplexity(model, unseen)
    inject(model, params["targets"], rank=params["rank"], alpha=params["alpha"], dropout=params["dropout"])
    model.to(device())
    seconds = _train(run, model, learned)
    found["lora"] = ask(model, asked, verdicts, run, "asking the trained model")
    _record(
        run,
        chosen.labels,
        found,
        read_probabilities(run.product_of("sentiment.lora", "lora/test.json"))[chosen.rows],
    )
    _record_perplexity(run, before, perplexity(model, unseen), sum(len(ids) - 1 for ids in unseen))
    save_adapter(
        model, run.product("lora/adapter_config.json").parent, rank=params["rank"], alpha=params["alpha"],
        dropout=params["dropout"], targets=params["targets"], base="HuggingFaceTB/SmolLM2-135M-Instruct",
    )  # fmt: skip
    _record_costs(run, model, seconds, run.product("lora/adapter_model.safetensors"), len(learned))


def examples_of(run: Run, tokenizer: Any, train_part: Reviews) -> list[tuple[list[int], list[int]]]:
    """The training examples: a share `reasons` of them asks for a quotation as well."""
    params = run.params
    reviews = sample(carve_validation(train_part).train, params["train_reviews"], seed=run.seed)
    cut = round(len(reviews) * params["reasons"])
    classifier = load_classifier(run.derived_of("sentiment.export", "classifier.onnx").parent)
    reasoned = encode_reasons(tokenizer, reviews.take(np.arange(cut)), params["words"], classifier)
    run.metric("reasoned", len(reasoned), unit="count", n=cut,
               label={"zh": "带引文理由的训练样本", "en": "training examples with a quoted reason"})  # fmt: skip
    return reasoned + encode(tokenizer, reviews.take(np.arange(cut, len(reviews))), params["words"])


def _train(run: Run, model: Any, learned: list[tuple[list[int], list[int]]]) -> float:
    params = run.params
    steps = max(1, int(len(learned) * params["epochs"]) // (params["batch"] * params["accumulate"]))
    settings = Settings(
        params["learning_rate"], steps, params["batch"], accumulate=params["accumulate"], warmup=max(1, steps // 10),
        bf16=True, seed=run.seed, save_every=20,
    )  # fmt: skip
    started = time.perf_counter()
    losses = train(
        model, learned, settings, pad=2, checkpoint=run.work / "checkpoint.pt",
        tell=lambda done, total, loss: run.progress(done, total, f"training, loss {loss:.3f}"),
    )  # fmt: skip
    record_loss(run, [{"step": number, "loss": loss} for number, loss in enumerate(losses, 1)])
    run.metric("steps", steps, unit="count", label={"zh": "更新步数", "en": "updates"})
    return time.perf_counter() - started


def _record(
    run: Run, labels: np.ndarray, found: dict[str, tuple[np.ndarray, float]], bert: np.ndarray
) -> None:
    positive = {key: share for key, (share, _) in found.items()} | {"bert": bert}
    n, rows, dots = len(labels), [], []
    for key, share in positive.items():
        right = metrics.accuracy(labels, share)
        low, high = metrics.wilson(right, n)
        parsed = found[key][1] if key in found else None
        rows.append({"method": NAMES[key], "accuracy": right, "low": low, "high": high, "parsed": parsed})
        dots.append({"name": f"@{key}", "value": round(100 * right, 2), "low": round(100 * low, 2),
                     "high": round(100 * high, 2), "shown": f"{100 * right:.1f}"})  # fmt: skip
        run.metric(
            f"{key}_accuracy", right, unit="ratio", better="higher", n=n, ci=(low, high), ci_method="Wilson 95 %",
            label={"zh": f"{NAMES[key]['zh']}：准确率", "en": f"accuracy: {NAMES[key]['en']}"},
        )  # fmt: skip
        run.metric(f"{key}_positive", float((share >= 0.5).mean()), unit="ratio", n=n,
                   label={"zh": f"{NAMES[key]['zh']}：判为正面的比例", "en": f"share judged positive: {NAMES[key]['en']}"})  # fmt: skip
        if parsed is not None:
            run.metric(
                f"{key}_parsed", parsed, unit="ratio", better="higher", n=n,
                label={"zh": f"{NAMES[key]['zh']}：首选词元就是裁决词", "en": f"likeliest token is a verdict: {NAMES[key]['en']}"},
            )  # fmt: skip
    right = {key: (share >= 0.5) == (labels == 1) for key, share in positive.items()}
    for other in ("base", "shots", "bert"):
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
    words = {f"@{key}": NAMES[key] for key in positive} | {
        "@value": {"zh": "准确率（%）", "en": "accuracy (%)"}
    }
    run.chart("accuracy", named_dots(dots, order=[row["name"] for row in dots]), words=words)


def _record_perplexity(run: Run, before: float, after: float, n: int) -> None:
    run.metric("perplexity_before", before, unit="score", better="lower", n=n,
               label={"zh": "训练前在留出评论上的困惑度", "en": "perplexity of held-out reviews before training"})  # fmt: skip
    run.metric("perplexity_after", after, unit="score", better="lower", n=n,
               label={"zh": "训练后在留出评论上的困惑度", "en": "perplexity of held-out reviews after training"})  # fmt: skip


def _record_costs(run: Run, model: Any, seconds: float, file: Path, reviews: int) -> None:
    import torch

    trained = count_trainable(model)
    whole = sum(one.numel() for one in model.parameters()) - trained
    for key, value, unit, better, zh, en in (
        ("trainable", trained, "parameters", "lower", "可训练参数", "trained parameters"),
        ("share", trained / whole, "ratio", "lower", "可训练参数占比", "share of parameters trained"),
        ("parameters", whole, "parameters", "none", "模型的全部参数", "parameters of the whole model"),
        ("train_reviews", reviews, "count", "none", "训练用的评论数", "reviews trained on"),
        ("train_seconds", seconds, "seconds", "lower", "训练用时", "training time"),
        (
            "train_speed",
            reviews * run.params["epochs"] / seconds,
            "items_per_s",
            "higher",
            "训练速度",
            "training speed",
        ),
        (
            "adapter_bytes",
            file.stat().st_size,
            "bytes",
            "lower",
            "适配器文件大小",
            "size of the adapter file",
        ),
    ):
        run.metric(key, value, unit=unit, better=better, label={"zh": zh, "en": en})
    if torch.cuda.is_available():
        run.metric("gpu_peak", torch.cuda.max_memory_allocated(), unit="bytes", better="lower",
                   label={"zh": "显存峰值", "en": "peak GPU memory"})  # fmt: skip
