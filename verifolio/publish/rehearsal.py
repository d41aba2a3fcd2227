"""`--try`: every Gradio bundle started alone on this machine as its host would, and asked for a recorded input.

A new virtual environment with nothing but the pinned requirements; the engine and this portfolio are out of reach.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from verifolio.errors import AuthorError
from verifolio.publish.bundle import Bundle
from verifolio.publish.card import read_card
from verifolio.publish.declare import Ask
from verifolio.publish.redaction import redact
from verifolio.publish.verify import Expected, Say, check_answer

START_S, ANSWER_S = 300.0, 600.0  # a new environment compiles what it imports
HIDDEN = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "HF_TOKEN", "MODELSCOPE_API_TOKEN")


def rehearse(
    bundle: Bundle, ask: Ask, expected: Expected, say: Say, *, weights: dict[str, Path] | None = None
) -> None:
    """Run the bundle and compare its answer with the recorded one; raises on what differs.

    `weights` are those that the bundle would fetch at its start: they need not be published yet.
    """
    shown = f"build/demos/{bundle.slug}/{bundle.folder.name}"
    with tempfile.TemporaryDirectory(prefix="verifolio-try-") as temporary:
        here = Path(temporary)
        app = here / "app"
        shutil.copytree(bundle.folder, app)
        for name, path in (weights or {}).items():
            (app / "model").mkdir(exist_ok=True)
            shutil.copyfile(path, app / "model" / name)
        started = time.monotonic()
        zero = bundle.target.hardware.startswith("zero")
        python = _environment(here / "env", app / "requirements.txt", ["spaces"] if zero else [], shown)
        installed = time.monotonic()
        card, _ = read_card(app / "README.md", f"{shown}/README.md")
        with _running(python, app, str(card["app_file"]), here, shown) as url:
            ready = time.monotonic()
            agreed = check_answer(url, ask, expected, timeout_s=ANSWER_S)
        say(
            f"✓ {shown} runs alone and answers as recorded: {agreed} "
            f"(installed in {installed - started:.0f} s, up in {ready - installed:.0f} s, "
            f"answered in {time.monotonic() - ready:.0f} s)"
        )


def _environment(folder: Path, requirements: Path, more: list[str], shown: str) -> Path:
    """A virtual environment with the requirements; `more` is what the host brings itself."""
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    uv = [sys.executable, "-m", "uv"]
    for command in (
        [*uv, "venv", "-q", "--python", sys.executable, str(folder)],
        [*uv, "pip", "install", "-q", "--python", str(python), "-r", str(requirements), *more],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            said = redact((done.stderr or done.stdout).strip()[-600:])
            hint = "uv is needed (python scripts/setup_env.py brings it), and a package index in reach"
            raise AuthorError(f"its requirements do not install: {said}", path=shown, hint=hint)
    return python


@contextmanager
def _running(python: Path, app: Path, file: str, here: Path, shown: str) -> Iterator[str]:
    """The app's address while it runs in `app`, with a home and temporary folder of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {key: value for key, value in os.environ.items() if key not in HIDDEN}
    own = here / "tmp"
    own.mkdir()
    environment |= {
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_ANALYTICS_ENABLED": "False",
        "TMPDIR": str(own),
        "HOME": str(own),
    }
    log = here / "log"
    with log.open("wb") as out:
        process = subprocess.Popen([str(python), file], cwd=app, env=environment, stdout=out, stderr=out)
        try:
            until = time.monotonic() + START_S
            while not _listens(port):
                if process.poll() is not None or time.monotonic() > until:
                    end = "ended" if process.poll() is not None else f"does not listen within {START_S:.0f} s"
                    raise _failed(f"{file} {end}", log, shown)
                time.sleep(0.2)
            try:
                yield f"http://127.0.0.1:{port}"
            except AuthorError as error:
                raise _failed(error.faults[0].message, log, shown) from None
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _failed(what: str, log: Path, shown: str) -> AuthorError:
    said = redact(log.read_text("utf-8", errors="replace").strip()[-800:])
    return AuthorError(what, path=shown, hint=f"it printed: {said}" if said else "it printed nothing")
