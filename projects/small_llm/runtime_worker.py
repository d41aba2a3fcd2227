"""Measures one runtime in a process of its own: `python -m projects.small_llm.runtime_worker NAME FILE JOB.json` prints JSON.

A process each, so that its peak memory is its own. Every runtime is given the same token ids and is asked the same way.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from projects.small_llm.chat import peak_bytes
from projects.small_llm.precision import compute_dtype

Logits = Callable[[list[int]], np.ndarray]
Decode = Callable[[list[int], int], list[float]]  # prompt, count → seconds at which each token was there


def measure(name: str, logits: Logits, last: Logits, decode: Decode, job: dict[str, Any]) -> dict[str, Any]:
    """Speed (the best of several rounds: other programs can only slow one down), surprise, verdicts."""
    prompt, rounds = job["speed_prompt"], []
    decode(prompt[:8], 2)  # pages are touched, kernels chosen
    for _ in range(job["rounds"]):
        times = decode(prompt, job["answer"])
        rounds.append((times[0], (len(times) - 1) / (times[-1] - times[0])))
    found: dict[str, Any] = {
        "first_s": min(first for first, _ in rounds),
        "prompt_speed": len(prompt) / min(first for first, _ in rounds),
        "decode_speed": max(speed for _, speed in rounds),
    }
    found["peak"] = peak_bytes()
    from projects.small_llm.held_out import surprise

    nats = [surprise(logits(ids), ids) for ids in job["texts"]]
    found["perplexity"] = float(np.exp(np.concatenate(nats).mean()))
    negative, positive = job["verdicts"]
    prompts = job["prompts"] if name in job["closely"] else job["prompts"][: job["reviews"]]
    found["margins"] = [float(one[positive] - one[negative]) for one in map(last, prompts)]
    return found


def measure_torch(name: str, folder: Path, job: dict[str, Any]) -> dict[str, Any]:
    """Transformers: float32, bfloat16, bitsandbytes' INT8 and NF4, and PyTorch's dynamic INT8."""
    import torch
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    torch.set_num_threads(job["threads"])
    native = compute_dtype()
    options: dict[str, Any] = {"dtype": torch.bfloat16 if name == "bf16" else torch.float32}
    if name == "bnb-int8":
        options = {"quantization_config": BitsAndBytesConfig(load_in_8bit=True), "dtype": native}
    if name == "bnb-nf4":
        config = BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=native
        )
        options = {"quantization_config": config, "dtype": native}
    model = AutoModelForCausalLM.from_pretrained(folder, **options).eval()
    if name == "torch-int8":
        model = torch.ao.quantization.quantize_dynamic(model, {torch.nn.Linear}, dtype=torch.qint8)
    size = bytes_of(model)

    def logits(ids: list[int]) -> np.ndarray:
        with torch.inference_mode():
            found: np.ndarray = model(input_ids=torch.tensor([ids])).logits[0].float().numpy()
        return found

    def last(ids: list[int]) -> np.ndarray:
        with torch.inference_mode():
            found: np.ndarray = (
                model(input_ids=torch.tensor([ids]), logits_to_keep=1).logits[0, -1].float().numpy()
            )
        return found

    def decode(ids: list[int], count: int) -> list[float]:
        step, past, times, started = torch.tensor([ids]), None, [], time.perf_counter()
        with torch.inference_mode():
            for _ in range(count):
                out = model(input_ids=step, past_key_values=past, use_cache=True, logits_to_keep=1)
                past, step = out.past_key_values, out.logits[:, -1:].argmax(dim=-1)
                times.append(time.perf_counter() - started)
        return times

    return measure(name, logits, last, decode, job) | {"weights_bytes": size}


def bytes_of(model: Any) -> int:
    """All tensors that the model holds, scales too; a matrix that is embedding and output layer counts once."""
    import torch

    kept = [
        one
        for value in model.state_dict().values()
        for one in (value if isinstance(value, tuple) else [value])
    ]
    tensors = {one.data_ptr(): one for one in kept if torch.is_tensor(one)}
    return sum(one.numel() * one.element_size() for one in tensors.values())


def measure_llama(name: str, path: Path, job: dict[str, Any]) -> dict[str, Any]:
    """llama.cpp's library, called as llama-bench calls it."""
    from projects.small_llm.llamacpp import NativeModel

    with NativeModel(path, context=512, threads=job["threads"]) as native:
        found = measure(name, native.logits, native.last_logits, native.timed, job)
    return found | {"weights_bytes": path.stat().st_size}


def measure_served(path: Path, job: dict[str, Any]) -> dict[str, Any]:
    """What we serve, over HTTP, in turns with llama.cpp's own loop on the same file in the same process."""
    from projects.small_llm.chat import LocalChat
    from projects.small_llm.llamacpp import NativeModel

    prompt, count, served, own, first = job["speed_prompt"], job["answer"], [], [], []
    with LocalChat(path, n_ctx=512, threads=job["threads"]) as chat:
        list(chat.complete(prompt, max_tokens=count))
        peak = peak_bytes()
        with NativeModel(path, context=512, threads=job["threads"]) as native:
            native.timed(prompt, count)
            for _ in range(job["served_rounds"]):
                times = native.timed(prompt, count)
                own.append((len(times) - 1) / (times[-1] - times[0]))
                pieces = list(chat.complete(prompt, max_tokens=count))
                served.append((pieces[-1].tokens - 1) / (pieces[-1].seconds - pieces[0].seconds))
                first.append(pieces[0].seconds)
    return {"first_s": min(first), "prompt_speed": len(prompt) / min(first), "decode_speed": max(served), "peak": peak,
            "own_speed": max(own), "weights_bytes": path.stat().st_size}  # fmt: skip


def main(name: str, file: str, job_file: str) -> None:
    """One line of JSON on standard output."""
    job = json.loads(Path(job_file).read_text())
    if name == "served":
        found = measure_served(Path(file), job)
    elif file.endswith(".gguf"):
        found = measure_llama(name, Path(file), job)
    else:
        found = measure_torch(name, Path(file), job)
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
