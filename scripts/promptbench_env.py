"""Makes build/promptbench: an environment of its own for PromptBench 0.0.4, whose pins are from early 2024.

  python scripts/promptbench_env.py

Needs Python 3.10 or 3.11, and .venv (`python scripts/setup_env.py`), whose uv it takes. Does nothing when it fits.
What differs from PromptBench's own pins, and why, stands at the top of projects/prompting/promptbench.lock.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from setup_env import PYTHON as OURS

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "build" / "promptbench"
PYTHON = TARGET / ("Scripts" if os.name == "nt" else "bin") / "python"
LOCK = ROOT / "projects" / "prompting" / "promptbench.lock"
PROMPTBENCH = "promptbench==0.0.4"
STOPWORDS = """
from pathlib import Path
import sys
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS
folder = Path(sys.argv[1]) / "nltk_data" / "corpora" / "stopwords"
folder.mkdir(parents=True, exist_ok=True)
(folder / "english").write_text("\\n".join(sorted(ENGLISH_STOP_WORDS)) + "\\n")
"""


def main() -> None:
    """Make the environment unless its stamp says that it fits."""
    stamp = TARGET / "verifolio.stamp"
    wanted = hashlib.sha256(LOCK.read_bytes() + Path(__file__).read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    if sys.version_info[:2] not in ((3, 10), (3, 11)):
        sys.exit(f"PromptBench's pins need Python 3.10 or 3.11, this is {sys.version.split()[0]}")
    if not OURS.exists():
        sys.exit("✗ .venv is missing: first run `python scripts/setup_env.py`")
    print("environment: installing PromptBench into build/promptbench …", flush=True)
    if not PYTHON.exists():
        run([sys.executable, "-m", "venv", str(TARGET)])
    environment = {**os.environ, "VIRTUAL_ENV": str(TARGET), "UV_HTTP_TIMEOUT": "180"}
    if links := os.environ.get("PIP_FIND_LINKS"):
        environment.setdefault("UV_FIND_LINKS", links)
    else:
        environment.setdefault("UV_TORCH_BACKEND", "cpu")
    uv = [str(OURS), "-m", "uv", "pip", "install", "-q", "--python", str(PYTHON)]  # else into .venv
    run([*uv, "-r", str(LOCK)], environment)
    run(
        [*uv, "--no-deps", PROMPTBENCH], environment
    )  # its own pins would bring CUDA and an openai that fails
    run([str(PYTHON), "-c", STOPWORDS, str(TARGET)])
    stamp.write_text(wanted)


def run(command: list[str], environment: dict[str, str] | None = None) -> None:
    """Run a command, or stop."""
    if subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode:
        sys.exit(f"✗ failed: {' '.join(command)}")


if __name__ == "__main__":
    main()
