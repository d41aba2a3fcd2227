"""Merge the adapter, export to ONNX, quantise to INT8; and measure what that costs."""

from __future__ import annotations

import json
import shutil
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from projects.sentiment.adapters import load_adapter
from projects.sentiment.data import load_split
from projects.sentiment.inference import CARD, MODEL, TOKENIZER, Classifier
from projects.sentiment.metrics import bootstrap, wilson
from projects.sentiment.text import LABELS

if TYPE_CHECKING:
    from verifolio.record import Run

FP32 = "classifier.fp32.onnx"


def merge(base: Path, adapter: Path) -> Any:
    """One plain model: W + (alpha / r)·B·A in place of W (Hu et al. 2021, section 4.1)."""
    return load_adapter(base, adapter).merge_and_unload().eval()


def export_fp32(model: Any, target: Path) -> None:
    """ONNX with inputs input_ids and attention_mask, both (batch, tokens), output logits (batch, 2)."""
    import torch

    class Logits(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids, attention_mask):
            return self.model(input_ids=input_ids, attention_mask=attention_mask).logits

    model.set_attn_implementation("eager")
    example = torch.tensor([[101, 2307, 3185, 102, 0], [101, 2919, 102, 0, 0]])
    axes = {0: "batch", 1: "tokens"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Logits().eval(),
            (example, (example > 0).long()),
            str(target),
            input_names=["input_ids", "attention_mask"],
            output_names=["logits"],
            dynamic_axes={"input_ids": axes, "attention_mask": axes, "logits": {0: "batch"}},
            opset_version=17,
            dynamo=False,
        )


def quantise(source: Path, target: Path) -> None:
    """Weights to INT8 per channel, activations quantised on the fly."""
    import logging

    from onnxruntime.quantization import QuantType, quantize_dynamic

    logging.getLogger().setLevel(logging.ERROR)
    quantize_dynamic(str(source), str(target), per_channel=True, weight_type=QuantType.QInt8)


def derive_classifier(run: Run) -> None:
    """classifier.onnx (INT8), tokenizer.json and classifier.json, from the committed adapter."""
    base = run.input("minilm")
    adapter = run.product_of("lora", "lora/adapter_model.safetensors").parent
    folder = run.derived(MODEL).parent
    export_fp32(merge(base, adapter), run.work / FP32)
    quantise(run.work / FP32, run.derived(MODEL))
    shutil.copyfile(base / TOKENIZER, run.derived(TOKENIZER))
    run.derived(CARD).write_text(
        json.dumps({"labels": LABELS, "max_tokens": run.params["max_tokens"]}) + "\n"
    )
    shutil.copyfile(folder / TOKENIZER, run.work / TOKENIZER)
    shutil.copyfile(folder / CARD, run.work / CARD)


def run_export(run: Run) -> None:
    """Derive the classifier, then compare fp32 and INT8 on all held-out reviews."""
    derive_classifier(run)
    split = load_split(run.input("imdb"), limit=run.params["limit"])
    whole = Classifier(run.work, FP32)
    small = Classifier(run.derived(MODEL).parent)
    labels, order = split.test.labels, np.argsort([len(text) for text in split.test.texts])
    logits = {"fp32": np.zeros((len(labels), 2)), "int8": np.zeros((len(labels), 2))}
    seconds = {"fp32": 0.0, "int8": 0.0}
    for first in range(0, len(order), 8):
        batch = order[first : first + 8]
        texts = [split.test.texts[i] for i in batch]
        for key, classifier in (("fp32", whole), ("int8", small)):
            started = time.perf_counter()
            logits[key][batch] = classifier.logits(texts)
            seconds[key] += time.perf_counter() - started
        run.progress(first + len(batch), len(order), "fp32 and INT8 side by side")
    right = {key: (found[:, 1] >= found[:, 0]) == (labels == 1) for key, found in logits.items()}
    for key in logits:
        share = float(right[key].mean())
        run.metric(
            f"{key}_accuracy", share, unit="ratio", better="higher", n=len(labels),
            ci=wilson(share, len(labels)), ci_method="Wilson 95 %",
            label={"zh": f"{key.upper()} 准确率", "en": f"{key.upper()} accuracy"},
        )  # fmt: skip
        run.metric(
            f"{key}_speed", len(labels) / seconds[key], unit="items_per_s", better="higher",
            label={"zh": f"{key.upper()} 推理速度（评论）", "en": f"{key.upper()} inference speed (reviews)"},
        )  # fmt: skip
    lost = 100 * (right["int8"].astype(float) - right["fp32"].astype(float))
    run.metric(
        "int8_difference", float(lost.mean()), unit="points", better="higher", n=len(labels),
        ci=bootstrap(lost), ci_method="paired bootstrap 95 %",
        label={"zh": "INT8 与 fp32 的准确率之差", "en": "accuracy of INT8 minus fp32"},
    )  # fmt: skip
    gap = np.abs(logits["int8"] - logits["fp32"])
    agree = float((logits["int8"].argmax(1) == logits["fp32"].argmax(1)).mean())
    sizes = {"fp32": (run.work / FP32).stat().st_size, "int8": run.derived(MODEL).stat().st_size}
    run.metric("agreement", agree, unit="ratio", better="higher", n=len(labels),
               label={"zh": "INT8 与 fp32 判断一致", "en": "INT8 and fp32 agree"})  # fmt: skip
    run.metric("largest_gap", float(gap.max()), unit="score", better="lower", n=len(labels),
               label={"zh": "logit 最大差异", "en": "largest difference of a logit"})  # fmt: skip
    run.metric("mean_gap", float(gap.mean()), unit="score", better="lower", n=len(labels),
               label={"zh": "logit 平均差异", "en": "mean difference of a logit"})  # fmt: skip
    for key, size in sizes.items():
        run.metric(f"{key}_bytes", size, unit="bytes", better="lower",
                   label={"zh": f"{key.upper()} 文件大小", "en": f"{key.upper()} file size"})  # fmt: skip
