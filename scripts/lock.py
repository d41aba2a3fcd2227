"""Writes requirements.lock: every direct and indirect dependency, with hashes, for all platforms.

Run it after a change to pyproject.toml:  .venv/bin/python scripts/lock.py
The lock names no index and no local build, so it holds for everybody: torch is `2.13.0`, which is the
CUDA build from the default index on Linux and the CPU build where the environment says so
(scripts/setup_env.py does).
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
# What only a CUDA torch brings: the default is the CPU build; a CUDA torch pulls its own.
CUDA = re.compile(r"(nvidia-|cuda-|triton\b)")


def main() -> None:
    """Resolve with uv, then take out what belongs to one machine."""
    command = ["uv", "pip", "compile", "pyproject.toml", "--group", "run", "--group", "test"]
    command += [
        "--universal",
        "--python-version",
        "3.11",
        "--generate-hashes",
        "--no-annotate",
        "--no-header",
        "-q",
    ]
    if "--upgrade" in sys.argv:
        command.append("--upgrade")
    environment = dict(os.environ)
    if links := os.environ.get("PIP_FIND_LINKS"):
        environment["UV_FIND_LINKS"] = links
    previous = ["--output-file", str(LOCK)] if LOCK.exists() else []
    done = subprocess.run(
        [sys.executable, "-m", *command, *previous], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(done.stderr)
    LOCK.write_text(
        "# Made by scripts/lock.py; do not edit.\n" + portable(LOCK.read_text() if previous else done.stdout)
    )
    print(f"{LOCK.name}: {LOCK.read_text().count(chr(10) + '    --hash')} hashes")


def portable(text: str) -> str:
    """The lock without comments, CUDA packages, local versions and hashes of local builds."""
    entries = re.split(
        r"\n(?=\S)", "\n" + "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    )
    kept = []
    for entry in (one.strip("\n") for one in entries):
        if not entry or CUDA.match(entry):
            continue
        if entry.startswith("torch=="):
            entry = "torch==" + re.split(r"[+ ;\\]", entry[len("torch==") :])[0]
        if entry not in kept:
            kept.append(entry)
    return "\n".join(kept) + "\n"


if __name__ == "__main__":
    main()
