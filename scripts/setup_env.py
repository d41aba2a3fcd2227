"""Creates .venv with exactly what requirements.lock pins. Needs nothing but Python 3.11 or newer.

  python scripts/setup_env.py site     what building the site needs (no torch)
  python scripts/setup_env.py run      also what the experiments and demos need
  python scripts/setup_env.py test     also what the tests need, Chromium included

Does nothing when the environment already fits. A CPU build of torch is taken: from PIP_FIND_LINKS where
that is set, else from PyTorch's own index; set UV_TORCH_BACKEND=auto for the build that fits your GPU.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
STAMP = VENV / "verifolio.stamp"
UV = "uv==0.13.9"
LEVELS = {"site": [], "run": ["run"], "test": ["run", "test"]}
LOCK_WAIT_S, LOCK_PAUSE_S = 600, 5
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def main() -> None:
    """Make the environment fit the level asked for."""
    level = sys.argv[1] if len(sys.argv) > 1 else "run"
    if level not in LEVELS:
        sys.exit(__doc__)
    if sys.version_info < (3, 11):
        sys.exit(
            f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}: run this script with a newer one."
        )
    wanted = fingerprint()
    have, _, have_level = STAMP.read_text().partition(" ") if STAMP.exists() else ("", "", "")
    order = list(LEVELS)
    if have != wanted or have_level not in order or order.index(have_level) < order.index(level):
        install(level)
        STAMP.write_text(f"{wanted} {level}")
    if level == "test":
        need_browser()


def fingerprint() -> str:
    """What the environment depends on."""
    parts = [(ROOT / name).read_bytes() for name in ("requirements.lock", "pyproject.toml")]
    return hashlib.sha256(
        b"\0".join([*parts, sys.version.encode(), UV.encode(), str(ROOT).encode()])
    ).hexdigest()


def install(level: str) -> None:
    """A virtual environment, uv in it, the pinned packages, and this checkout."""
    started = time.monotonic()
    print(f"environment: installing what ‘{level}’ needs into .venv …", flush=True)
    STAMP.unlink(missing_ok=True)
    if not PYTHON.exists():
        run(
            [sys.executable, "-m", "venv", str(VENV)],
            "could not create .venv (on Debian: apt install python3-venv)",
        )
    run(
        [str(PYTHON), "-m", "pip", "install", "-q", "--disable-pip-version-check", UV], "could not install uv"
    )
    environment = {
        **os.environ,
        "VIRTUAL_ENV": str(VENV),
        "UV_HTTP_TIMEOUT": os.environ.get("UV_HTTP_TIMEOUT", "180"),
    }
    if links := os.environ.get("PIP_FIND_LINKS"):
        environment.setdefault("UV_FIND_LINKS", links)
    elif sys.platform == "linux":
        environment.setdefault("UV_TORCH_BACKEND", "cpu")
    groups = [word for group in LEVELS[level] for word in ("--group", group)]
    command = [
        str(PYTHON),
        "-m",
        "uv",
        "pip",
        "install",
        "-q",
        "-e",
        ".",
        *groups,
        "--constraint",
        "requirements.lock",
    ]
    run(
        command,
        "could not install the pinned packages: check the network, then give the same command again",
        environment,
    )
    for lang in ("zh", "en"):  # plain `mkdocs build` wants its docs_dir before our hook can stage into it
        (ROOT / "build" / "docs" / lang).mkdir(parents=True, exist_ok=True)
    print(f"environment: ready in {time.monotonic() - started:.0f} s", flush=True)


def need_browser() -> None:
    """Chromium for the end-to-end tests: through apt when it is missing and we may."""
    if any(shutil.which(name) for name in BROWSERS) or os.environ.get("VERIFOLIO_CHROMIUM"):
        return
    may_install = shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0
    if not may_install:
        print(
            "environment: no Chromium found; end-to-end tests will be skipped (set VERIFOLIO_CHROMIUM to its path)"
        )
        return
    print("environment: installing Chromium and a Chinese font through apt …", flush=True)
    for command in (
        ["apt-get", "update", "-qq"],
        ["apt-get", "install", "-y", "-qq", "chromium", "fonts-noto-cjk"],
    ):
        if error := apt(command):
            print(
                f"{error}environment: ‘{' '.join(command)}’ failed; end-to-end tests cannot run",
                file=sys.stderr,
            )
            return


def apt(command: list[str]) -> str:
    """What apt complained of, "" when all is well; while another apt or dpkg is at work it is waited for.

    Not by apt's own DPkg::Lock::Timeout: `update` does not heed it, and nobody is told why nothing happens.
    """
    # In English, so that the complaint can be known.
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    end, told = time.monotonic() + LOCK_WAIT_S, False
    while True:
        done = subprocess.run(
            command, env=quiet, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False
        )
        if not done.returncode:
            return ""
        if "Could not get lock" not in done.stderr or time.monotonic() >= end:
            return done.stderr
        if not told:
            print(
                f"environment: another apt or dpkg is at work; waiting for it, {LOCK_WAIT_S / 60:.0f} minutes at most …",
                flush=True,
            )
            told = True
        time.sleep(LOCK_PAUSE_S)


def run(command: list[str], failure: str, environment: dict[str, str] | None = None) -> None:
    """Run a command, or stop with a message that says what to do."""
    if subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode:
        sys.exit(f"✗ {failure}")


if __name__ == "__main__":
    main()
