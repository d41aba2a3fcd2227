"""How much faster two Dask workers are than one, on equal pieces of real training through pytask-parallel.

Pieces that each need the processor (no sleeping); the start of the cluster and of PyTorch in each worker is left out,
since a cluster stands already and a sweep's pieces are long.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from verifolio.record import Run

TASKS = '''"""Equal pieces of training as pytask tasks; written by projects/small_llm/scaleout.py."""

import json
from pathlib import Path

from pytask import task

from projects.small_llm.scaleout import train_piece

HERE = Path(__file__).parent
for number in range(json.loads((HERE / "job.json").read_text())["pieces"]):

    @task(id=str(number))
    def task_piece(job: Path = HERE / "job.json", produces: Path = HERE / f"piece{number}.json") -> None:
        train_piece(job, produces)
'''


def run_scaleout(run: Run) -> None:
    """One worker, then two, in turns; the best of each."""
    seconds: dict[int, list[float]] = {1: [], 2: []}
    for number in range(run.params["rounds"]):
        for workers in seconds:
            seconds[workers].append(time_of(run.work / f"round{number}-{workers}", workers, run.params))
            run.say(f"{workers} workers: {seconds[workers][-1]:.1f} s")
    one, two = min(seconds[1]), min(seconds[2])
    for key, value, unit, zh, en in (
        ("one", one, "seconds", "一个工作进程", "one worker"), ("two", two, "seconds", "两个工作进程", "two workers"),
        ("speedup", one / two, "times", "两个对一个的加速", "two workers over one"),
    ):  # fmt: skip
        run.metric(key, value, unit=unit, label={"zh": zh, "en": en})
    run.metric(
        "pieces", run.params["pieces"], unit="count", label={"zh": "训练片段数", "en": "pieces of training"}
    )
    run.metric(
        "cores",
        len(os.sched_getaffinity(0)),
        unit="count",
        label={"zh": "处理器核数", "en": "processor cores"},
    )


def time_of(folder: Path, workers: int, params: dict[str, Any]) -> float:
    """Seconds from the first piece's start to the last one's end."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "job.json").write_text(json.dumps({key: params[key] for key in ("pieces", "steps", "width")}))
    (folder / "task_pieces.py").write_text(TASKS)
    (folder / "pyproject.toml").write_text("[tool.pytask.ini_options]\n")
    here = str(Path(__file__).resolve().parents[2])
    environment = {**os.environ, "PYTHONPATH": here, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pytask", "-n", str(workers), "--parallel-backend", "dask", "--force"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(
            f"pytask on {workers} workers ended with {done.returncode}:\n{done.stdout[-2000:]}"
        )
    pieces = [json.loads(path.read_text()) for path in folder.glob("piece*.json")]
    return max(one["end"] for one in pieces) - min(one["start"] for one in pieces)


def train_piece(job: Path, produces: Path) -> None:
    """Some steps of the hand-written training loop on a small random LLaMA, with one thread."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from projects.small_llm.lora import inject
    from projects.small_llm.training import Settings, train

    params, start = json.loads(job.read_text()), time.time()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=1024, hidden_size=params["width"], intermediate_size=3 * params["width"], num_hidden_layers=4,
        num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=True,
    )  # fmt: skip
    model = inject(LlamaForCausalLM(config), ["q_proj", "v_proj"], rank=8, alpha=16)
    examples = [(list(range(1 + i, 97 + i)), [500 + i, 2]) for i in range(32)]
    train(model, examples, Settings(0.001, steps=params["steps"], batch=8), pad=0)
    produces.write_text(json.dumps({"start": start, "end": time.time()}))
