"""The local live rung: starts each demo's Gradio app behind `verifolio serve`, on a free port."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click

from verifolio.demos import read_demos


def local_demos(root: Path) -> tuple[dict[str, str], list[Callable[[], subprocess.Popen[Any]]]]:
    """(demo → its URL, functions that start the apps); empty, with a word why, without Gradio."""
    runnable = [
        slug for slug, demo in read_demos(root).items() if (root / "demos" / slug / demo.app).exists()
    ]
    if not runnable:
        return {}, []
    if importlib.util.find_spec("gradio") is None:
        click.echo(
            "local demos: Gradio is not installed (python scripts/setup_env.py run); pages show recorded outputs"
        )
        return {}, []
    ports = {slug: _free_port() for slug in runnable}
    urls = {slug: f"http://127.0.0.1:{port}/" for slug, port in ports.items()}
    return urls, [partial(_start, root, slug, port) for slug, port in ports.items()]


def _start(root: Path, slug: str, port: int) -> subprocess.Popen[Any]:
    log = root / "build" / "demos" / f"{slug}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ,
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "GRADIO_ANALYTICS_ENABLED": "False",
        "PYTHONPATH": os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")]),
    }
    app = root / "demos" / slug / read_demos(root)[slug].app
    click.echo(f"local demo {slug}: http://127.0.0.1:{port}/ (log: {log.relative_to(root)})")
    with log.open("wb") as stream:
        return subprocess.Popen(
            [sys.executable, str(app)], cwd=root, env=environment, stdout=stream, stderr=subprocess.STDOUT
        )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
