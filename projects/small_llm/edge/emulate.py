"""Runs the bundle as aarch64 under qemu-user and writes down whether it answers as on this machine (emulated.json).

Correctness only: the emulated speed means nothing. Needs Debian's apt and the network; some minutes.
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
TOKENS = 12
PACKAGES = [
    "libc6", "libgcc-s1", "libstdc++6", "libgomp1", "python3.11-minimal", "libpython3.11-minimal",
    "libpython3.11-stdlib", "zlib1g", "libexpat1", "libssl3", "libffi8", "libbz2-1.0", "liblzma5", "libuuid1", "libcrypt1",
]  # fmt: skip


def main() -> int:
    """Root file system, wheel, both runs, comparison."""
    model = (
        Path(sys.argv[1])
        if len(sys.argv) > 1
        else ROOT / "build" / "derived" / "small_llm" / "model-q8_0.gguf"
    )
    work = Path(tempfile.mkdtemp(prefix="verifolio-edge-"))
    try:
        bundle = prepare(model.stem, model, work)
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
    root, debs = work / "root", work / "debs"
    for folder in (root, debs, work / "lists" / "partial", work / "cache" / "archives" / "partial"):
        folder.mkdir(parents=True)
    subprocess.run(
        ["apt-get", "download", "qemu-user-static"], cwd=work, check=True, stdout=subprocess.DEVNULL
    )
    unpack(next(work.glob("qemu-user-static*.deb")), work / "qemu")
    foreign = ["-o", f"Dir::State::lists={work / 'lists'}", "-o", f"Dir::Cache={work / 'cache'}",
               "-o", "APT::Architecture=arm64", "-o", "APT::Architectures=arm64", "-o", "APT::Sandbox::User=root"]  # fmt: skip
    subprocess.run(["apt-get", *foreign, "-qq", "update"], check=True)
    subprocess.run(["apt-get", *foreign, "-qq", "download", *PACKAGES], cwd=debs, check=True)
    for package in sorted(debs.glob("*.deb")):
        unpack(package, root)
    for name in ("ld-linux-aarch64.so.1",):  # Debian keeps it below usr/lib; programs ask for /lib
        (root / "lib").mkdir(exist_ok=True)
        if not (root / "lib" / name).exists():
            (root / "lib" / name).symlink_to(root / "usr/lib/aarch64-linux-gnu" / name)
    return root, work / "qemu/usr/bin/qemu-aarch64-static"


def unpack(package: Path, target: Path) -> None:
    """A Debian package's files; through tar, since dpkg would put a folder in place of the link /lib."""
    target.mkdir(parents=True, exist_ok=True)
    command = f"dpkg-deb --fsys-tarfile '{package}' | tar -x --keep-directory-symlink -C '{target}'"
    subprocess.run(["sh", "-c", command], check=True)


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
