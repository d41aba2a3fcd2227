"""Answers one prompt on a small device: `python3 run.py "Why is the sky blue?"`. Needs xllamacpp, nothing else.

The answer goes to standard output as it is written, what it cost to standard error (with --json: one line of JSON).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE if (HERE / "projects").is_dir() else HERE.parents[2]))

from projects.chat.errors import ChatError  # noqa: E402
from projects.small_llm.chat import SYSTEM, LocalChat, MessageError, decode_prompt, peak_bytes  # noqa: E402


def guarded() -> int:
    """`main` in a child: where memory ends, llama.cpp aborts or the system kills it, and somebody must say so."""
    os.environ.setdefault("GGML_NO_BACKTRACE", "1")  # or it calls for a debugger, which may wait for ever
    if not (child := os.fork()):
        return main()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the child's
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code >= 0:
        return code
    print(
        f"run.py: ended by {signal.Signals(-code).name}, as happens for want of memory; take a smaller --context or "
        "a smaller format",
        file=sys.stderr,
    )
    return 1


def main() -> int:
    """0 when answered, 1 with one line of explanation when not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prompt", nargs="?", help="the question; without it, standard input is read")
    parser.add_argument(
        "--model", type=Path, default=next(iter(sorted(HERE.glob("*.gguf"))), HERE / "model.gguf")
    )
    parser.add_argument("--context", type=int, default=1024, help="tokens of prompt and answer together")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--max-tokens", type=int, default=128)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    try:
        prompt = decode_prompt(
            sys.stdin.buffer.read() if asked.prompt is None else os.fsencode(asked.prompt)
        ).strip()
        if not prompt:
            raise MessageError("the prompt is empty: type a question")
        return answer(prompt, asked)
    except ChatError as error:
        print(f"run.py: {error}", file=sys.stderr)
        return 1
    except MemoryError:
        print("run.py: out of memory; take a smaller --context or a smaller model", file=sys.stderr)
        return 1


def answer(prompt: str, asked: argparse.Namespace) -> int:
    """Load, stream, report."""
    started, parts, first, last = time.perf_counter(), [], 0.0, 0.0
    with LocalChat(asked.model, n_ctx=asked.context, threads=asked.threads) as chat:
        loaded = time.perf_counter() - started
        messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": prompt}]
        for piece in chat.stream(messages, max_tokens=asked.max_tokens):
            parts.append(piece.text)
            first, last = first or piece.seconds, piece.seconds
            if not asked.json:
                print(piece.text, end="", flush=True)
    count = len(parts)
    report = {
        "machine": platform.machine(), "load_s": round(loaded, 2), "first_token_s": round(first, 3), "tokens": count,
        "tokens_per_s": round((count - 1) / (last - first), 2) if count > 1 else 0.0, "peak_bytes": peak_bytes(),
    }  # fmt: skip
    print(json.dumps({"answer": "".join(parts), **report}) if asked.json else "")
    if not asked.json:
        print(" · ".join(f"{key} {value}" for key, value in report.items()), file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(guarded())
