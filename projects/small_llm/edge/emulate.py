"""Runs the bundle as aarch64 under qemu-user and writes down whether it answers as on this machine (emulated.json).

Correctness only: the emulated speed means nothing. Needs Debian (apt, dpkg, debootstrap) and the network; about five minutes.
Not part of `verifolio run`; what it wrote is an input of the experiment small_llm.edge.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from prepare import ROOT, fetch_wheels, prepare, sha256

PROMPT = "What is the capital of France?"
TOKENS = 24
PACKAGES = "python3-minimal,libpython3-stdlib,libstdc++6,libgomp1"
MIRROR = "http://deb.debian.org/debian"


def main() -> int:
    """Root file system, wheel, both runs, comparison."""
    model = ROOT / "build" / "derived" / "small_llm" / "model-q8_0.gguf"
    work = Path(tempfile.mkdtemp(prefix="verifolio-edge-"))
    try:
        bundle = prepare("q8_0", model, work)
        fetch_wheels(bundle)
        wheel = next((bundle / "wheels").glob("*.whl"))
        root, qemu = make_root(work)
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(root / "site")
        ask = [
            str(bundle / "run.py"),
            PROMPT,
            "--json",
            "--threads",
            "1",
            "--context",
            "256",
            "--max-tokens",
            str(TOKENS),
        ]
        here = answer([sys.executable, *ask], {})
        python = [str(qemu), "-L", str(root), str(root / "usr/bin/python3.11")]
        there = answer([*python, *ask], {"PYTHONHOME": str(root / "usr"), "PYTHONPATH": str(root / "site")})
        record(model, wheel, here, there)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return 0


def make_root(work: Path) -> tuple[Path, Path]:
    """An unpacked arm64 Debian with Python, never entered by chroot, and qemu; nothing is installed on this machine."""
    subprocess.run(
        ["apt-get", "download", "qemu-user-static"], cwd=work, check=True, stdout=subprocess.DEVNULL
    )
    subprocess.run(["dpkg", "-x", next(work.glob("qemu-user-static*.deb")), work / "qemu"], check=True)
    root = work / "root"
    with (work / "debootstrap.log").open("w") as log:
        command = [
            "debootstrap",
            "--foreign",
            "--arch=arm64",
            "--variant=minbase",
            f"--include={PACKAGES}",
            "bookworm",
        ]
        subprocess.run([*command, str(root), MIRROR], check=True, stdout=log, stderr=log)
    for package in sorted((root / "var/cache/apt/archives").glob("*.deb")):
        # through a pipe to tar: dpkg -x would put a folder in place of the link /lib
        unpack = f"dpkg-deb --fsys-tarfile '{package}' | tar -x --keep-directory-symlink -C '{root}'"
        subprocess.run(["sh", "-c", unpack], check=True)
    return root, work / "qemu/usr/bin/qemu-aarch64-static"


def answer(command: list[str], environment: dict[str, str]) -> dict[str, object]:
    """The runner's line of JSON."""
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\nended with {done.returncode}:\n{done.stderr[-2000:]}")
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


def record(model: Path, wheel: Path, here: dict[str, object], there: dict[str, object]) -> None:
    """Write emulated.json; the answers are compared word by word from the start."""
    ours, theirs = str(here["answer"]).split(), str(there["answer"]).split()
    same = next(
        (i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), min(len(ours), len(theirs))
    )
    found = {
        "machine": there["machine"],
        "prompt": PROMPT,
        "answer": there["answer"],
        "answer_here": here["answer"],
        "equal": here["answer"] == there["answer"],
        "words": len(theirs),
        "same_words": same,
        "tokens": there["tokens"],
        "tokens_per_s": there["tokens_per_s"],
        "model_sha256": sha256(model),
        "wheel": wheel.name,
        "wheel_bytes": wheel.stat().st_size,
    }
    path = Path(__file__).with_name("emulated.json")
    path.with_suffix(".tmp").write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    os.replace(path.with_suffix(".tmp"), path)
    print(json.dumps(found, ensure_ascii=False))


if __name__ == "__main__":
    sys.exit(main())
