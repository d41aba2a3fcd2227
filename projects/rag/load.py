"""The service under load: users who ask one question after the other, in a process of its own; and the experiment on it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import psutil

from projects.rag.gold import load_questions

if TYPE_CHECKING:
    from verifolio.record import Run

ROOT = Path(__file__).parents[2]
START_S = 300.0
WARM_SHARE = 0.2  # of the time, after which memory should no longer grow


@dataclass
class Load:
    """What a run of so many users measured; times in milliseconds."""

    users: int
    seconds: float
    first_ms: list[float] = field(default_factory=list)
    total_ms: list[float] = field(default_factory=list)
    modes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    memory: list[tuple[float, int]] = field(default_factory=list)
    """(seconds since the start, resident bytes of the service)."""

    def growth(self) -> float:
        """Bytes by which the median memory of the last fifth exceeds that just after warming up."""
        warm = [size for at, size in self.memory if WARM_SHARE <= at / self.seconds < 2 * WARM_SHARE]
        last = [size for at, size in self.memory if at / self.seconds >= 1 - WARM_SHARE]
        return float(np.median(last) - np.median(warm)) if warm and last else 0.0

    def as_json(self) -> dict[str, Any]:
        """The summary."""
        return {
            "users": self.users, "seconds": round(self.seconds), "answers": len(self.total_ms),
            "errors": len(self.errors), "first_p50_ms": quantile(self.first_ms, 50),
            "first_p95_ms": quantile(self.first_ms, 95), "total_p50_ms": quantile(self.total_ms, 50),
            "total_p95_ms": quantile(self.total_ms, 95), "modes": self.modes, "reasons": self.reasons,
            "memory_growth_bytes": self.growth(), "said": self.errors[:5],
        }  # fmt: skip


def quantile(values: list[float], percent: float) -> float:
    """A percentile; 0 of none."""
    return float(np.percentile(values, percent)) if values else 0.0


def run_load(run: Run) -> None:
    """Measure one user, then many, against the embedded model."""
    with tempfile.TemporaryDirectory() as data:
        runs = {}
        for name in ("one", "many"):
            users, seconds = run.params[name]["users"], run.params[name]["seconds"]
            runs[name] = measure_load(
                users=users, seconds=seconds, warm=run.params["warm"], data=Path(data), say=run.say
            )
    for name, found in runs.items():
        zh, en = {
            "one": ("单用户", "one user"),
            "many": (f"{found.users} 个并发用户", f"{found.users} users at once"),
        }[name]
        n = len(found.total_ms)
        run.metric(f"{name}_answers", n, unit="count", label={"zh": f"{zh}：回答数", "en": f"Answers, {en}"})
        run.metric(f"{name}_errors", len(found.errors), unit="count", better="lower",
                   label={"zh": f"{zh}：出错数", "en": f"Errors, {en}"})  # fmt: skip
        for key, values in (("first", found.first_ms), ("total", found.total_ms)):
            what = {
                "first": ("到第一句", "to the first sentence"),
                "total": ("到完整回答", "to the whole answer"),
            }[key]
            for percent in (50, 95):
                run.metric(f"{name}_{key}_p{percent}", quantile(values, percent), unit="milliseconds", better="lower", n=n,
                           label={"zh": f"{zh}：{what[0]} p{percent}", "en": f"p{percent} {what[1]}, {en}"})  # fmt: skip
        run.metric(f"{name}_generated", found.modes["generated"] / max(n, 1), unit="ratio", n=n,
                   label={"zh": f"{zh}：模型生成的占比", "en": f"Share generated, {en}"})  # fmt: skip
    many = runs["many"]
    run.metric("memory_growth", many.growth(), unit="bytes", better="lower",
               label={"zh": "负载期间的内存增长", "en": "Growth of memory under load"})  # fmt: skip
    run.metric("memory", float(np.median([size for _, size in many.memory] or [0])), unit="bytes", better="lower",
               label={"zh": "服务的常驻内存", "en": "Resident memory of the service"})  # fmt: skip


def measure_load(
    *, users: int, seconds: float, warm: int = 10, data: Path | None, say: Callable[[str], None]
) -> Load:
    """Start the service, ask it `warm` questions, let `users` ask in turn for `seconds`, end it."""
    questions = [one.question for one in load_questions("development")]
    with tempfile.TemporaryDirectory() as own, serving(data or Path(own)) as (address, process):
        for question in questions[:: -(-len(questions) // warm)]:  # caches, first contexts
            _ask(address, question)
        found = Load(users, seconds)
        say(f"{users} users for {seconds:.0f} s")
        start, numbers, lock = time.perf_counter(), count(), threading.Lock()

        def use() -> None:
            while time.perf_counter() - start < seconds:
                question = questions[next(numbers) % len(questions)]
                try:
                    first, total, answer = _ask(address, question)
                except Exception as error:
                    with lock:
                        found.errors.append(f"{type(error).__name__}: {error}")
                    continue
                with lock:
                    found.first_ms.append(first)
                    found.total_ms.append(total)
                    found.modes[answer["mode"]] += 1
                    found.reasons[answer["reason"].partition(":")[0]] += 1

        threads = [threading.Thread(target=use) for _ in range(users)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            found.memory.append((time.perf_counter() - start, process.memory_info().rss))
            time.sleep(min(1.0, seconds / 20))
        for thread in threads:
            thread.join()
    return found


def _ask(address: str, question: str) -> tuple[float, float, dict[str, Any]]:
    """(milliseconds to the first sentence, to the end, the answer)."""
    start, first, answer = time.perf_counter(), 0.0, None
    with httpx.stream("POST", f"{address}/v1/answers", json={"question": question},
                      headers={"accept": "text/event-stream"}, timeout=60) as done:  # fmt: skip
        if done.status_code != 200:
            raise RuntimeError(f"HTTP {done.status_code}")
        event = ""
        for line in done.iter_lines():
            if line.startswith("event: "):
                event = line[7:]
                first = first or 1000 * (time.perf_counter() - start)
            elif line.startswith("data: ") and event == "answer":
                answer = json.loads(line[6:])
    if answer is None:
        raise RuntimeError("the stream ended without an answer")
    return first, 1000 * (time.perf_counter() - start), answer


@contextmanager
def serving(data: Path) -> Iterator[tuple[str, psutil.Process]]:
    """The service in a process of its own, with the embedded model."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "projects.rag",
        "serve",
        "--port",
        str(port),
        "--data",
        str(data),
        "--rate",
        "1000",
    ]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")}
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    address, deadline = f"http://127.0.0.1:{port}", time.monotonic() + START_S
    try:
        while True:
            try:
                if httpx.get(f"{address}/health", timeout=2).status_code == 200:
                    break
            except httpx.HTTPError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("the service did not start") from None
                time.sleep(0.2)
        yield address, psutil.Process(process.pid)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
