"""The edge bundle under a small device's limits: one core, and 1 GB, 512 MB or less of memory. What fits, what breaks.

Memory is limited by RLIMIT_AS, the address space: stricter than so much RAM, since it also counts the mapped file and
what threads reserve without touching it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from projects.small_llm.edge.prepare import prepare

if TYPE_CHECKING:
    from verifolio.record import Run

PROMPT = "Explain what a compiler does, in two sentences."
MB = 1 << 20


def run_edge(run: Run) -> None:
    """Each format at each limit and context: does it answer, how fast, with how much memory."""
    rows = []
    for kind in run.params["formats"]:
        bundle = prepare(kind, run.derived_of("export", f"model-{kind}.gguf"), run.work)
        if kind == run.params["formats"][0]:
            _record_bundle(run, bundle)
        for limit in run.params["limits_mb"]:
            for context in run.params["contexts"]:
                found = answer_within(bundle, limit_mb=limit, context=context, tokens=run.params["tokens"])
                run.say(f"{kind}, {limit} MB, {context} tokens: {found['outcome']['en']}")
                rows.append({"format": kind.upper(), "limit_mb": limit, "context": context, **found})
    for row in rows:
        key = f"{row['format'].lower()}_{row['limit_mb']}_{row['context']}"
        ran = row["speed"] is not None
        run.metric(f"{key}_ran", int(ran), unit="count", better="higher",
                   label={"zh": f"{key} 能否回答（1 为能）", "en": f"{key}: answers (1: yes)"})  # fmt: skip
        if ran:
            label = {"zh": f"{key} 解码速度", "en": f"{key} decoding"}
            run.metric(f"{key}_speed", row["speed"], unit="tokens_per_s", better="higher", label=label)
            label = {"zh": f"{key} 内存峰值", "en": f"{key} peak memory"}
            run.metric(f"{key}_peak", row["peak"], unit="bytes", better="lower", label=label)
    _record_emulation(run)
    run.table(
        "limits",
        columns=[
            {"key": "setting", "label": {"zh": "设置", "en": "setting"}},
            {"key": "speed", "label": {"zh": "解码", "en": "decoding"}, "unit": "tokens_per_s"},
            {"key": "first", "label": {"zh": "首词元", "en": "first token"}, "unit": "seconds"},
            {"key": "peak", "label": {"zh": "内存峰值", "en": "peak memory"}, "unit": "bytes"},
            {"key": "outcome", "label": {"zh": "结果", "en": "outcome"}},
        ],
        rows=[
            {
                "setting": f"{row['format']} · {row['limit_mb']} MB · n_ctx {row['context']}",
                **{key: row[key] for key in ("speed", "first", "peak", "outcome")},
            }
            for row in rows
        ],
    )


def answer_within(bundle: Path, *, limit_mb: int, context: int, tokens: int) -> dict[str, Any]:
    """The bundle's runner in a process of its own on one core, with so much address space."""
    core = min(os.sched_getaffinity(0))
    command = ["prlimit", f"--as={limit_mb * MB}", "taskset", "-c", str(core), sys.executable, "-I",
               str(bundle / "run.py"), PROMPT, "--json", "--threads", "1", "--context", str(context),
               "--max-tokens", str(tokens)]  # fmt: skip
    environment = {"PATH": os.environ.get("PATH", ""), "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=120, env=environment, check=False
        )
    except subprocess.TimeoutExpired:
        return _broken("两分钟内没有回答", "no answer within two minutes")
    if done.returncode == 0:
        said = json.loads(done.stdout.splitlines()[-1])
        return {"speed": said["tokens_per_s"], "first": said["first_token_s"], "peak": said["peak_bytes"],
                "outcome": {"zh": "能回答", "en": "answers"}}  # fmt: skip
    if done.returncode == 1 and "run.py:" in done.stderr:
        return _broken("内存不足，程序说明原因后退出", "out of memory; the runner says so and ends")
    return _broken(
        f"进程中止（退出码 {done.returncode}）", f"the process aborts (exit code {done.returncode})"
    )


def _broken(zh: str, en: str) -> dict[str, Any]:
    return {"speed": None, "first": None, "peak": None, "outcome": {"zh": zh, "en": en}}


def _record_bundle(run: Run, bundle: Path) -> None:
    files = [path for path in bundle.rglob("*") if path.is_file()]
    model = sum(path.stat().st_size for path in files if path.suffix == ".gguf")
    run.metric("bundle_bytes", sum(path.stat().st_size for path in files), unit="bytes", better="lower",
               label={"zh": "部署包大小（不含 llama.cpp）", "en": "size of the bundle (without llama.cpp)"})  # fmt: skip
    scripts = sum(path.stat().st_size for path in files) - model
    run.metric("bundle_scripts_bytes", scripts, unit="bytes", better="lower",
               label={"zh": "其中脚本", "en": "of which scripts"})  # fmt: skip


def _record_emulation(run: Run) -> None:
    """What emulate.py wrote when the bundle ran as aarch64 under qemu; its speed means nothing."""
    found = json.loads((run.root / "projects/small_llm/edge/emulated.json").read_text())
    run.metric("emulated_same_words", found["same_words"], unit="count", better="higher", n=found["words"],
               label={"zh": "aarch64 模拟下与 x86-64 相同的开头词数", "en": "leading words equal to x86-64's under aarch64 emulation"})  # fmt: skip
    run.metric("emulated_words", found["words"], unit="count",
               label={"zh": "模拟下回答的词数", "en": "words answered under emulation"})  # fmt: skip
    run.metric("emulated_speed", found["tokens_per_s"], unit="tokens_per_s",
               label={"zh": "模拟下的速度（无意义）", "en": "speed under emulation (meaningless)"})  # fmt: skip
    run.metric("wheel_bytes", found["wheel_bytes"], unit="bytes", better="lower",
               label={"zh": "aarch64 的 llama.cpp 安装包", "en": "llama.cpp for aarch64, the wheel"})  # fmt: skip
