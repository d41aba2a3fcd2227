"""Runs INT8 by hand on real activations of every linear layer, checks one layer against bitsandbytes, and the whole model."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from projects.small_llm import int8
from projects.small_llm.export import weights_of
from projects.small_llm.held_out import load_held_out, surprise
from projects.small_llm.model import load_tokenizer
from projects.small_llm.reference import build_llama, logits_of

if TYPE_CHECKING:
    from verifolio.record import Run

WAYS = {
    "one_scale": {"zh": "整个矩阵一个尺度", "en": "one scale for a whole matrix"},
    "rows": {"zh": "逐行尺度", "en": "a scale for each row"},
    "mixed": {"zh": "逐行尺度，离群列留在浮点", "en": "row scales, outlier columns in float"},
}


def run_int8(run: Run) -> None:
    """Errors of the three ways by layer, agreement with bitsandbytes on one, perplexity with all layers so quantised."""
    import torch

    torch.set_num_threads(min(2, os.cpu_count() or 1))
    params, weights = run.params, weights_of(run)
    model, tokenizer = build_llama(run.input("smollm2"), weights), load_tokenizer(run.input("smollm2"))
    held = load_held_out(run.input("imdb"), lambda text: tokenizer.encode(text).ids, texts=params["texts"],
                         length=params["length"], reviews=0, words=0, seed=run.seed)  # fmt: skip
    seen = _activations(model, held.texts[0])
    rows = [_layer_row(name, inputs, weights[f"{name}.weight"]) for name, inputs in seen.items()]
    name = params["layer"]
    _check_one_layer(run, seen[name], weights[f"{name}.weight"])
    one = next(row for row in rows if row["layer"] == name)
    for way, label in WAYS.items():
        run.metric(f"{way}_error", one[way], unit="ratio", better="lower", n=len(seen[name]),
                   label={"zh": f"{label['zh']}：该层输出的相对误差", "en": f"{label['en']}: relative error of the layer's output"})  # fmt: skip
    run.metric("largest_activation", one["largest"], unit="score", label={"zh": "该层输入的最大绝对值", "en": "largest absolute input of the layer"})  # fmt: skip
    run.metric("outlier_columns", one["columns"], unit="count", n=weights[f"{name}.weight"].shape[1],
               label={"zh": "该层的离群列", "en": "outlier columns of the layer"})  # fmt: skip
    run.metric("inputs", weights[f"{name}.weight"].shape[1], unit="count", label={"zh": "该层的输入列数", "en": "input columns of the layer"})  # fmt: skip
    run.metric("layers", len(rows), unit="count", label={"zh": "线性层数", "en": "linear layers"})
    run.metric("layers_with_outliers", sum(row["columns"] > 0 for row in rows), unit="count",
               label={"zh": "有离群列的线性层", "en": "linear layers with outlier columns"})  # fmt: skip
    run.metric("median_activation", float(np.median([row["largest"] for row in rows])), unit="score",
               label={"zh": "各层最大输入的中位数", "en": "median over layers of the largest input"})  # fmt: skip
    _record_layers(run, rows)
    _record_perplexity(run, model, held.texts)


def _activations(model: Any, ids: list[int]) -> dict[str, np.ndarray]:
    """Layer → what it is given (tokens, inputs), for every linear layer of the blocks."""
    import torch

    seen: dict[str, np.ndarray] = {}
    layers = {
        name: one
        for name, one in model.named_modules()
        if isinstance(one, torch.nn.Linear) and name != "lm_head"
    }
    hooks = [
        one.register_forward_hook(
            lambda _m, given, _out, name=name: seen.update({name: given[0][0].numpy().copy()})
        )
        for name, one in layers.items()
    ]
    logits_of(model, ids)
    for hook in hooks:
        hook.remove()
    return seen


def _layer_row(name: str, inputs: np.ndarray, weight: np.ndarray) -> dict[str, Any]:
    true, (steps, scales) = inputs @ weight.T, int8.quantise_rows(weight)
    ways = {
        "one_scale": int8.matmul_one_scale(inputs, weight),
        "rows": int8.matmul_int8(inputs, steps, scales),
        "mixed": int8.matmul_mixed(inputs, steps, scales),
    }
    errors = {way: int8.relative_error(found, true) for way, found in ways.items()}
    columns = len(int8.outlier_columns(inputs))
    return {"layer": name, "largest": float(np.abs(inputs).max()), "columns": columns, **errors}


def _check_one_layer(run: Run, inputs: np.ndarray, weight: np.ndarray) -> None:
    """The library rounds its inputs to float16 first; so are ours here, and then the bytes must be the same."""
    import bitsandbytes.functional as library
    import torch
    from bitsandbytes.autograd._functions import MatmulLtState, matmul

    logging.getLogger("bitsandbytes.autograd._functions").setLevel(logging.ERROR)
    half = inputs.astype(np.float16).astype(np.float32)
    half_weight = weight.astype(np.float16).astype(np.float32)
    columns = int8.outlier_columns(half)
    ordinary = half.copy()
    ordinary[:, columns] = 0
    theirs, their_scales, their_columns = library.int8_vectorwise_quant(
        torch.from_numpy(inputs).half(), threshold=int8.OUTLIER
    )
    ours, scales = int8.quantise_rows(ordinary)
    same_bytes = float((ours == theirs.numpy()).mean())
    their_weight, their_weight_scales, _ = library.int8_vectorwise_quant(torch.from_numpy(weight).half())
    steps, weight_scales = int8.quantise_rows(half_weight)
    same_weight = float((steps == their_weight.numpy()).mean())
    state = MatmulLtState()
    state.is_training = False  # else a CPU multiplies the float activations, without their INT8
    state.threshold, state.has_fp16_weights, state.CB, state.SCB = (
        int8.OUTLIER,
        False,
        their_weight,
        their_weight_scales,
    )
    with torch.inference_mode():
        output = (
            matmul(torch.from_numpy(half), their_weight, threshold=int8.OUTLIER, state=state).float().numpy()
        )
    mine = int8.matmul_mixed(half, steps, weight_scales)
    run.metric("same_inputs", same_bytes, unit="ratio", better="higher", n=ours.size,
               label={"zh": "激活的 INT8 与 bitsandbytes 相同", "en": "INT8 activations equal to bitsandbytes'"})  # fmt: skip
    run.metric("same_weights", same_weight, unit="ratio", better="higher", n=steps.size,
               label={"zh": "权重的 INT8 与 bitsandbytes 相同", "en": "INT8 weights equal to bitsandbytes'"})  # fmt: skip
    found = their_columns.numpy() if their_columns is not None else np.array([], dtype=np.int64)
    run.metric("same_columns", int(np.array_equal(columns, found)), unit="count",
               label={"zh": "离群列与 bitsandbytes 相同（1 为是）", "en": "outlier columns equal to bitsandbytes' (1: yes)"})  # fmt: skip
    run.metric("scale_gap", float(np.abs(scales - their_scales.numpy()).max()), unit="score", better="lower",
               label={"zh": "尺度的最大差", "en": "largest difference of a scale"})  # fmt: skip
    run.metric("library_gap", int8.relative_error(mine, output), unit="ratio", better="lower",
               label={"zh": "输出与 bitsandbytes 的相对差", "en": "relative difference of the output from bitsandbytes'"})  # fmt: skip
    run.metric("library_error", int8.relative_error(output, inputs @ weight.T), unit="ratio", better="lower",
               label={"zh": "bitsandbytes 对浮点的相对误差", "en": "bitsandbytes' relative error against float"})  # fmt: skip


def _record_layers(run: Run, rows: list[dict[str, Any]]) -> None:
    """The layers with the largest inputs as a table; all of them as a chart."""
    worst = sorted(rows, key=lambda row: -row["largest"])[:8]
    run.table(
        "worst",
        columns=[
            {"key": "layer", "label": {"zh": "层", "en": "layer"}},
            {
                "key": "largest",
                "label": {"zh": "最大输入", "en": "largest input"},
                "unit": "score",
            },
            {"key": "columns", "label": {"zh": "离群列", "en": "outlier columns"}, "unit": "count"},
            *({"key": way, "label": label, "unit": "ratio"} for way, label in WAYS.items()),
        ],
        rows=[{**row, "layer": row["layer"].removeprefix("model.layers.")} for row in worst],
    )
    values = [
        {"x": max(0.1, round(row["largest"], 3)), "y": round(100 * row[way], 4), "name": f"@{way}"}
        for row in rows for way in WAYS
    ]  # fmt: skip
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": "container", "height": 280, "data": {"values": values},
        "mark": {"type": "point", "filled": True, "size": 36, "opacity": 0.75},
        "encoding": {
            "x": {"field": "x", "type": "quantitative", "title": "@largest", "scale": {"type": "log"}, "axis": {"grid": False, "values": [1, 10, 100, 1000]}},
            "y": {"field": "y", "type": "quantitative", "title": "@error", "scale": {"type": "log"}, "axis": {"values": [0.5, 1, 2, 5, 10, 20, 50, 100]}},
            "color": {"field": "name", "type": "nominal", "title": None},
            "shape": {"field": "name", "type": "nominal", "title": None},
        },
    }  # fmt: skip
    words = {f"@{way}": label for way, label in WAYS.items()}
    words["@largest"] = {
        "zh": "该层输入的最大绝对值（对数轴）",
        "en": "largest absolute input of the layer (log scale)",
    }
    words["@error"] = {
        "zh": "输出的相对误差（%，对数轴）",
        "en": "relative error of the output (%, log scale)",
    }
    run.chart("errors", spec, words=words)


def _record_perplexity(run: Run, model: Any, texts: list[list[int]]) -> None:
    """All linear layers replaced, the same held-out text: what the errors of single layers come to."""
    import torch

    def perplexity() -> float:
        nats = np.concatenate([surprise(logits_of(model, ids), ids) for ids in texts])
        return float(np.exp(nats.mean()))

    label = {"zh": "fp32 困惑度", "en": "fp32 perplexity"}
    run.metric("fp32_perplexity", perplexity(), unit="score", better="lower", label=label)
    layers = [
        one for name, one in model.named_modules() if isinstance(one, torch.nn.Linear) and name != "lm_head"
    ]
    plain = [one.forward for one in layers]
    for way, words in WAYS.items():
        for one in layers:
            one.forward = _quantised_forward(one.weight.detach().numpy(), way)
        run.metric(f"{way}_perplexity", perplexity(), unit="score", better="lower",
                   label={"zh": f"{words['zh']}：困惑度", "en": f"{words['en']}: perplexity"})  # fmt: skip
    for one, forward in zip(layers, plain, strict=True):
        one.forward = forward


def _quantised_forward(weight: np.ndarray, way: str) -> Any:
    """A linear layer's forward by hand; float32 carries the integers, whose products it holds exactly enough."""
    import torch

    steps, scales = int8.quantise_rows(weight)
    rows = torch.from_numpy(steps.astype(np.float32) * scales[:, None] / np.float32(127))
    step = np.abs(weight).max() / 127
    whole = torch.from_numpy((np.rint(weight / step) * step).astype(np.float32))

    def forward(x: torch.Tensor) -> torch.Tensor:
        if way == "one_scale":
            size = x.abs().max() / 127
            return torch.nn.functional.linear((x / size).round() * size, whole)
        kept = torch.zeros_like(x)
        if way == "mixed":
            outlier = (x.abs() >= int8.OUTLIER).flatten(0, -2).any(dim=0)
            kept = torch.where(outlier, x, kept)
        rest = x - kept
        size = (rest.abs().amax(dim=-1, keepdim=True) / 127).clamp_min(1e-12)
        return torch.nn.functional.linear((rest / size).round() * size + kept, rows)

    return forward
