"""The model as GGUF in several precisions, and how far each strays from the float32 model in Transformers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from projects.small_llm.gguf_export import merged_weights, split_gguf, write_gguf
from projects.small_llm.held_out import CHAT, QUESTIONS, divergence, load_held_out, surprise
from projects.small_llm.llamacpp import NativeModel
from projects.small_llm.reference import build_llama, greedy_ids, logits_of

if TYPE_CHECKING:
    from verifolio.record import Run

PUBLISHED = ("Q8_0", "Q4_1", "F16")  # made again on every machine


def weights_of(run: Run) -> dict[str, np.ndarray]:
    """The model's float32 weights, merged with the adapter of the experiment that `adapter` names, if any."""
    named = run.params["adapter"]
    adapter = run.product_of(named, f"{named}/adapter_model.safetensors").parent if named else None
    return merged_weights(run.input("smollm2"), adapter, run.params["layers"])


def derive_gguf(run: Run) -> None:
    """model-q8_0.gguf, its parts for the browser, model-q4_1.gguf and model-f16.gguf."""
    _write_published(run, weights_of(run))


def run_export(run: Run) -> None:
    """Write every format, then compare: greedy text at F32; perplexity, top-1 and KL divergence for all."""
    import torch

    torch.set_num_threads(min(2, os.cpu_count() or 1))
    weights, source, params = weights_of(run), run.input("smollm2"), run.params
    _write_published(run, weights)
    files = {kind: run.derived(f"model-{kind.lower()}.gguf") for kind in PUBLISHED}
    for kind in params["formats"]:
        if kind not in files:
            files[kind] = run.work / f"model-{kind.lower()}.gguf"
            write_gguf(source, weights, kind, files[kind])
    model = build_llama(source, weights)
    with NativeModel(files["F32"], context=512, threads=2) as native:
        held = load_held_out(
            run.input("imdb"), native.tokenise, texts=params["texts"], length=params["length"], reviews=0, words=0,
            seed=run.seed,
        )  # fmt: skip
        equal = 0
        for question in (questions := QUESTIONS[: params["questions"]]):
            ids = native.tokenise(CHAT.format(question))
            equal += native.greedy(ids, params["answer"], 2) == greedy_ids(model, ids, params["answer"], 2)
        run.metric("greedy_equal", equal, unit="count", better="higher", n=len(questions),
                   label={"zh": "F32 下与 Transformers 逐词元相同的回答", "en": "answers equal to Transformers' token by token, at F32"})  # fmt: skip
        run.metric("greedy_prompts", len(questions), unit="count", label={"zh": "提示词数", "en": "prompts"})
    reference = [logits_of(model, ids) for ids in held.texts]
    nats = np.concatenate([surprise(one, ids) for one, ids in zip(reference, held.texts, strict=True)])
    run.metric("positions", nats.size, unit="count", label={"zh": "比较的位置数", "en": "positions compared"})
    run.metric("fp32_perplexity", float(np.exp(nats.mean())), unit="score", better="lower", n=nats.size,
               label={"zh": "Transformers fp32 的困惑度", "en": "perplexity, Transformers fp32"})  # fmt: skip
    rows = [_compare(run, kind, files[kind], held.texts, reference) for kind in params["formats"]]
    _record_table(run, rows)
    _record_chart(run, rows)
    parts = [run.derived(name) for name in run_parts(run)]
    run.metric("largest_part", max(part.stat().st_size for part in parts), unit="bytes", better="lower",
               label={"zh": "最大的分片", "en": "largest part"})  # fmt: skip
    run.metric("parts", len(parts), unit="count", label={"zh": "分片数", "en": "parts"})


def run_parts(run: Run) -> list[str]:
    """Names of the parts that experiments.yml declares."""
    count = run.params["parts"]
    return [f"model-q8_0-{number:05d}-of-{count:05d}.gguf" for number in range(1, count + 1)]


def _write_published(run: Run, weights: dict[str, np.ndarray]) -> None:
    for kind in PUBLISHED:
        write_gguf(run.input("smollm2"), weights, kind, run.derived(f"model-{kind.lower()}.gguf"))
    names = run_parts(run)
    made = split_gguf(run.derived("model-q8_0.gguf"), run.work, part_tensors=run.params["part_tensors"])
    if (found := [part.name for part in made]) != names:
        raise ValueError(f"the split gave {found}, experiments.yml declares {names}: change `parts`")
    for part in made:
        os.replace(part, run.derived(part.name))


def _compare(
    run: Run, kind: str, path: Path, texts: list[list[int]], reference: list[np.ndarray]
) -> dict[str, str | float]:
    nats, same, apart = [], [], []
    with NativeModel(path, context=512, threads=2) as native:
        for true, ids in zip(reference, texts, strict=True):
            found = native.logits(ids)
            nats.append(surprise(found, ids))
            same.append(found.argmax(axis=-1) == true.argmax(axis=-1))
            apart.append(divergence(true, found))
    perplexity, agree = float(np.exp(np.concatenate(nats).mean())), np.concatenate(same)
    kl = float(np.concatenate(apart).mean())
    run.say(f"{kind}: perplexity {perplexity:.2f}, top-1 {agree.mean():.3f}, KL {kl:.4f}")
    key = kind.lower()
    run.metric(f"{key}_bytes", path.stat().st_size, unit="bytes", better="lower",
               label={"zh": f"{kind} 文件大小", "en": f"{kind} file size"})  # fmt: skip
    run.metric(f"{key}_perplexity", perplexity, unit="score", better="lower", n=sum(map(len, nats)),
               label={"zh": f"{kind} 困惑度", "en": f"{kind} perplexity"})  # fmt: skip
    run.metric(f"{key}_agreement", float(agree.mean()), unit="ratio", better="higher", n=agree.size,
               label={"zh": f"{kind} 与 fp32 首选词元一致", "en": f"{kind}: same likeliest token as fp32"})  # fmt: skip
    run.metric(f"{key}_kl", kl, unit="nats", better="lower", n=agree.size,
               label={"zh": f"{kind} 相对 fp32 的 KL 散度", "en": f"{kind}: KL divergence from fp32"})  # fmt: skip
    return {"format": kind, "bytes": path.stat().st_size, "perplexity": perplexity,
            "agreement": float(agree.mean()), "kl": kl}  # fmt: skip


def _record_table(run: Run, rows: list[dict[str, str | float]]) -> None:
    run.table(
        "formats",
        columns=[
            {"key": "format", "label": {"zh": "格式", "en": "format"}},
            {"key": "bytes", "label": {"zh": "文件", "en": "file"}, "unit": "bytes"},
            {"key": "perplexity", "label": {"zh": "困惑度", "en": "perplexity"}, "unit": "score"},
            {"key": "agreement", "label": {"zh": "首选词元与 fp32 一致", "en": "likeliest token as in fp32"}, "unit": "ratio"},
            {"key": "kl", "label": {"zh": "KL 散度", "en": "KL divergence"}, "unit": "nats"},
        ],
        rows=rows,
    )  # fmt: skip


def _record_chart(run: Run, rows: list[dict[str, str | float]]) -> None:
    """File size across, agreement with float32 up, the format's name beside its dot."""
    values = [{"name": row["format"], "x": round(float(row["bytes"]) / 1e6, 1), "y": round(100 * float(row["agreement"]), 2)}
              for row in rows]  # fmt: skip
    x = {"field": "x", "type": "quantitative", "title": "@size", "scale": {"type": "log"}, "axis": {"grid": False, "values": [100, 150, 200, 300, 500]}}  # fmt: skip
    y = {"field": "y", "type": "quantitative", "title": "@agreement", "scale": {"zero": False}}
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": "container", "height": 260, "data": {"values": values},
        "layer": [
            {"mark": {"type": "point", "filled": True, "size": 90, "color": "#0072B2", "opacity": 1}, "encoding": {"x": x, "y": y}},
            {"mark": {"type": "text", "dy": -12, "color": "#1a1a1a"}, "encoding": {"x": x, "y": y, "text": {"field": "name"}}},
        ],
    }  # fmt: skip
    words = {
        "@size": {"zh": "文件大小（MB，对数轴）", "en": "file size (MB, log scale)"},
        "@agreement": {"zh": "首选词元与 fp32 一致（%）", "en": "likeliest token as in fp32 (%)"},
    }
    run.chart("agreement", spec, words=words)
