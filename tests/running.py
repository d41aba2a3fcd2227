"""A demo's own app in a process of its own, as `make serve` starts it, and its module without starting it."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def running_app(app: Path, **environment: str) -> Iterator[str]:
    """The address of a Gradio app that answers; no key of this machine's user reaches it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")}
    own |= {"GRADIO_SERVER_PORT": str(port), "GRADIO_ANALYTICS_ENABLED": "False", **environment}
    process = subprocess.Popen([sys.executable, str(app)], env=own, stdout=subprocess.DEVNULL)
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2).close()
                break
            except OSError:
                assert process.poll() is None, "the demo ended"
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait(20)


def load_app(app: Path) -> Any:
    """The app's module, imported and not launched."""
    spec = importlib.util.spec_from_file_location(f"{app.parent.name}_app", app)
    assert spec
    assert spec.loader
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
