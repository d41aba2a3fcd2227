"""Makes the bundle for a Raspberry Pi or Jetson (aarch64): `python projects/small_llm/edge/prepare.py`.

On the device: `tar xf verifolio-edge-q8_0.tar && sh verifolio-edge-q8_0/run.sh "Why is the sky blue?"`.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
MODULES = [
    "projects/__init__.py",
    "projects/chat/__init__.py",
    "projects/chat/embedded.py",
    "projects/chat/errors.py",
    "projects/small_llm/__init__.py",
    "projects/small_llm/chat.py",
]
RUN_SH = """#!/bin/sh
# Installs once (a virtual environment beside this file), checks the files, answers.
set -e
here=$(cd "$(dirname "$0")" && pwd)
if [ ! -x "$here/venv/bin/python" ]; then
  (cd "$here" && sha256sum --quiet -c SHA256SUMS) || { echo "the bundle is damaged: copy it again" >&2; exit 1; }
  python3 -m venv "$here/venv"
  if [ -d "$here/wheels" ]; then
    "$here/venv/bin/pip" install --quiet --no-index --find-links "$here/wheels" -r "$here/requirements.txt"
  else
    "$here/venv/bin/pip" install --quiet -r "$here/requirements.txt"
  fi
fi
exec "$here/venv/bin/python" "$here/run.py" "$@"
"""
PLATFORMS = ["manylinux2014_aarch64", "manylinux_2_17_aarch64", "manylinux_2_28_aarch64"]


def prepare(kind: str, model: Path, target: Path, *, wheels: bool = False) -> Path:
    """A folder `verifolio-edge-<kind>` in `target`: model, runner, its modules, requirements, checksums."""
    folder = target / f"verifolio-edge-{kind}"
    unfinished = target / f"{folder.name}.part"
    shutil.rmtree(unfinished, ignore_errors=True)
    for name in MODULES:
        (unfinished / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, unfinished / name)
    shutil.copyfile(HERE / "run.py", unfinished / "run.py")
    (unfinished / "run.sh").write_text(RUN_SH)
    (unfinished / "requirements.txt").write_text(f"xllamacpp=={importlib.metadata.version('xllamacpp')}\n")
    try:
        os.link(model, unfinished / model.name)
    except OSError:  # another disk
        shutil.copyfile(model, unfinished / model.name)
    if wheels:
        fetch_wheels(unfinished)
    files = sorted(path for path in unfinished.rglob("*") if path.is_file())
    sums = "".join(f"{sha256(path)}  {path.relative_to(unfinished).as_posix()}\n" for path in files)
    (unfinished / "SHA256SUMS").write_text(sums)
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(unfinished, folder)
    return folder


def fetch_wheels(folder: Path) -> None:
    """The aarch64 wheel of xllamacpp, so that the device needs no network."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "-d",
               str(folder / "wheels"), "--python-version", "3.11", "--implementation", "cp", "--abi", "abi3",
               *[part for name in PLATFORMS for part in ("--platform", name)], "-r", str(folder / "requirements.txt")]  # fmt: skip
    subprocess.run(command, check=True)


def pack(folder: Path) -> Path:
    """The folder as one .tar; weights do not compress, so nothing tries."""
    path = folder.with_suffix(".tar")
    with tarfile.open(f"{path}.part", "w") as archive:
        archive.add(folder, arcname=folder.name)
    os.replace(f"{path}.part", path)
    return path


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def main() -> int:
    """Write build/edge/verifolio-edge-<format>.tar."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--format", choices=["q8_0", "q4_1", "f16"], default="q8_0")
    parser.add_argument("--no-wheels", action="store_true", help="let the device fetch llama.cpp itself")
    asked = parser.parse_args()
    model = ROOT / "build" / "derived" / "small_llm" / f"model-{asked.format}.gguf"
    if not model.is_file():
        print(
            f"{model.relative_to(ROOT)} is missing: make it with `verifolio derive small_llm.export`",
            file=sys.stderr,
        )
        return 1
    target = ROOT / "build" / "edge"
    target.mkdir(parents=True, exist_ok=True)
    path = pack(prepare(asked.format, model, target, wheels=not asked.no_wheels))
    print(f"{path.relative_to(ROOT)}  {path.stat().st_size / 1e6:.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
