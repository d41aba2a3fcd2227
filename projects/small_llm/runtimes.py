"""One model, many precisions and runtimes: size, memory, speed and quality of each, measured in one run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from projects.sentiment import metrics
from projects.small_llm import runtime_worker
from projects.small_llm.export import weights_of
from projects.small_llm.gguf_export import write_gguf
from projects.small_llm.held_out import load_held_out
from projects.small_llm.loading import load_words
from projects.small_llm.reference import build_llama

if TYPE_CHECKING:
    from verifolio.record import Run

TITLES = {
    "fp32": "Transformers fp32", "bf16": "Transformers bf16", "bnb-int8": "bitsandbytes INT8",
    "bnb-nf4": "bitsandbytes NF4", "torch-int8": "PyTorch dynamic INT8", "f16": "llama.cpp F16",
    "q8_0": "llama.cpp Q8_0", "q4_1": "llama.cpp Q4_1", "q4_0": "llama.cpp Q4_0",
}  # fmt: skip


def run_runtimes(run: Run) -> None:
    """Each runtime in its own process, one after the other; then the server against llama.cpp's own loop."""
    params = run.params
    weights = weights_of(run)
    folder = run.work / "merged"
    build_llama(run.input("smollm2"), weights).save_pretrained(folder)
    q4_0 = run.work / "model-q4_0.gguf"
    write_gguf(run.input("smollm2"), weights, "Q4_0", q4_0)
    files = {kind: run.derived_of("export", f"model-{kind}.gguf") for kind in ("f16", "q8_0", "q4_1")} | {
        "q4_0": q4_0
    }
    job, labels = _write_job(run)
    found = {}
    for name in params["runtimes"]:
        found[name] = _measure(run, name, files.get(name, folder), job)
        run.say(f"{name}: { ({key: round(one, 2) for key, one in found[name].items() if key != 'margins'}) }")
    served = _measure(run, "served", files["q8_0"], job)
    _record(run, found, labels)
    _record_served(run, served, found)


def _write_job(run: Run) -> tuple[Path, np.ndarray]:
    params, tokenizer = run.params, load_words(run.input("smollm2"))
    held = load_held_out(
        run.input("imdb"), lambda text: tokenizer.encode(text).ids, texts=params["texts"], length=params["length"],
        reviews=params["more_reviews"], words=params["words"], seed=run.seed,
    )  # fmt: skip
    job = {"threads": min(2, os.cpu_count() or 1), "texts": held.texts, "prompts": held.prompts,
           "verdicts": held.verdicts, "speed_prompt": held.texts[0][: params["prompt"]], "answer": params["answer"],
           "rounds": params["rounds"], "served_rounds": params["served_rounds"], "reviews": params["reviews"],
           "closely": params["closely"]}  # fmt: skip
    path = run.work / "job.json"
    path.write_text(json.dumps(job))
    return path, np.array(held.labels)


def _measure(run: Run, name: str, file: Path, job: Path) -> dict[str, Any]:
    command = [sys.executable, "-W", "ignore", "-m", runtime_worker.__name__, name, str(file), str(job)]
    here = str(Path(__file__).resolve().parents[2])
    done = subprocess.run(command, cwd=here, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{name} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _record(run: Run, found: dict[str, dict[str, Any]], labels: np.ndarray) -> None:
    rows = []
    right = {
        name: (np.array(one["margins"]) >= 0) == (labels[: len(one["margins"])] == 1)
        for name, one in found.items()
    }
    for name, one in found.items():
        share, n, title = float(right[name].mean()), len(right[name]), TITLES[name]
        for key, value, unit, better, zh, en in (
            ("bytes", one["weights_bytes"], "bytes", "lower", "权重大小", "size of the weights"),
            ("peak", one["peak"], "bytes", "lower", "内存峰值", "peak memory"),
            ("prompt", one["prompt_speed"], "tokens_per_s", "higher", "读提示词", "reading a prompt"),
            ("decode", one["decode_speed"], "tokens_per_s", "higher", "解码", "decoding"),
            ("first", one["first_s"], "seconds", "lower", "首词元", "first token"),
            ("perplexity", one["perplexity"], "score", "lower", "困惑度", "perplexity"),
        ):
            run.metric(f"{_key(name)}_{key}", value, unit=unit, better=better,
                       label={"zh": f"{title}：{zh}", "en": f"{title}: {en}"})  # fmt: skip
        run.metric(f"{_key(name)}_accuracy", share, unit="ratio", better="higher", n=n, ci=metrics.wilson(share, n),
                   ci_method="Wilson 95 %", label={"zh": f"{title}：任务准确率", "en": f"{title}: task accuracy"})  # fmt: skip
        rows.append({"runtime": title, "bytes": one["weights_bytes"], "peak": one["peak"], "prompt": one["prompt_speed"],
                     "decode": one["decode_speed"], "perplexity": one["perplexity"], "accuracy": share, "n": n})  # fmt: skip
    if "fp32" in right:
        for name in [name for name in right if name != "fp32"]:
            n = min(len(right[name]), len(right["fp32"]))
            gain = 100 * (right[name][:n].astype(float) - right["fp32"][:n].astype(float))
            run.metric(f"{_key(name)}_minus_fp32", float(gain.mean()), unit="points", better="higher", n=n,
                       ci=metrics.bootstrap(gain), ci_method="paired bootstrap 95 %",
                       label={"zh": f"{TITLES[name]} 减 fp32：任务准确率", "en": f"{TITLES[name]} minus fp32: task accuracy"})  # fmt: skip
    run.table(
        "runtimes",
        columns=[
            {"key": "runtime", "label": {"zh": "运行时与精度", "en": "runtime and precision"}},
            {"key": "bytes", "label": {"zh": "权重", "en": "weights"}, "unit": "bytes"},
            {"key": "peak", "label": {"zh": "内存峰值", "en": "peak memory"}, "unit": "bytes"},
            {"key": "prompt", "label": {"zh": "读提示词", "en": "prompt"}, "unit": "tokens_per_s"},
            {"key": "decode", "label": {"zh": "解码", "en": "decoding"}, "unit": "tokens_per_s"},
            {"key": "perplexity", "label": {"zh": "困惑度", "en": "perplexity"}, "unit": "score"},
            {"key": "accuracy", "label": {"zh": "准确率", "en": "accuracy"}, "unit": "ratio"},
            {"key": "n", "label": {"zh": "评论数", "en": "reviews"}, "unit": "count"},
        ],
        rows=rows,
    )


def _record_served(run: Run, served: dict[str, Any], found: dict[str, dict[str, Any]]) -> None:
    """The two aims: close to llama.cpp's own loop, far from bitsandbytes."""
    for key, value, unit, zh, en in (
        ("served_decode", served["decode_speed"], "tokens_per_s", "经 HTTP 服务的 Q8_0：解码", "Q8_0 served over HTTP: decoding"),
        ("own_decode", served["own_speed"], "tokens_per_s", "同一轮里 llama.cpp 自己的解码", "llama.cpp's own decoding in the same rounds"),
        ("served_first", served["first_s"], "seconds", "经 HTTP 服务的 Q8_0：首词元", "Q8_0 served over HTTP: first token"),
        ("served_peak", served["peak"], "bytes", "服务进程的内存峰值", "peak memory of the serving process"),
        ("served_share", served["decode_speed"] / served["own_speed"], "times", "服务速度相对 llama.cpp 自己的循环", "served speed against llama.cpp's own loop"),
    ):  # fmt: skip
        run.metric(key, value, unit=unit, label={"zh": zh, "en": en})
    if "bnb-int8" in found:
        run.metric("times_bnb_int8", served["decode_speed"] / found["bnb-int8"]["decode_speed"], unit="times", better="higher",
                   label={"zh": "服务速度是 bitsandbytes INT8 的几倍", "en": "served speed over bitsandbytes INT8"})  # fmt: skip


def _key(name: str) -> str:
    return name.replace("-", "_")
