"""What the smoke runs share or leave out so that they take seconds: nothing that another test does not look at."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest


@contextmanager
def read_gguf_once() -> Iterator[None]:
    """Transformers reads a GGUF's directory of 49,000 pieces anew for tokenizer, configuration and weights."""
    import gguf

    original = gguf.GGUFReader
    read = functools.lru_cache(maxsize=2)(lambda path, size, changed: original(path))

    def once(path: Any, mode: str = "r") -> Any:
        stat = os.stat(path)
        return read(os.path.realpath(path), stat.st_size, stat.st_mtime_ns)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gguf, "GGUFReader", once)
        yield


@contextmanager
def lighter(slug: str, folder: Path) -> Iterator[None]:
    """What is particular to a project."""
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        make = {
            "foundations": _read_gguf_once_in_the_notebook,
            "prompting": _shallow_model,
            "rag": _one_base_one_service,
            "small_llm": _two_workers_only,
        }.get(slug)
        if make:
            make(patch, stack, folder)
        yield


def _shallow_model(patch: pytest.MonkeyPatch, _: ExitStack, folder: Path) -> None:
    """Prompts go to a model of one layer, which talks nonsense fast."""
    from projects.small_llm.gguf_export import write_gguf
    from projects.small_llm.gguf_files import read_weights
    from verifolio.inputs import resolve_input

    shallow = folder / "SmolLM2-135M-Instruct.gguf"

    def resolve(portfolio: Any, name: str) -> Path:
        path = resolve_input(portfolio, name)
        if name != "smollm2":
            return path
        if not shallow.exists():
            write_gguf(path, read_weights(path, 1), "Q8_0", shallow)
        return shallow

    patch.setattr("verifolio.record.resolve_input", resolve)


def _one_base_one_service(patch: pytest.MonkeyPatch, stack: ExitStack, _: Path) -> None:
    """Opened once; that both open again and again is test_rag_service's."""
    from projects.rag import base, conversations, evaluate, load, retrieval, search

    opened, running = [], []
    service = stack.enter_context(ExitStack())

    @contextmanager
    def open_base() -> Iterator[Any]:
        if not opened:
            opened.append(stack.enter_context(base.open_base()))
        yield opened[0]

    @contextmanager
    def serving(data: Path) -> Iterator[Any]:
        last = bool(running)
        if not last:
            running.append(service.enter_context(_service_in_this_process(data)))
        yield running[0]
        if last:
            service.close()

    for module in (conversations, evaluate, retrieval):
        patch.setattr(module, "open_base", open_base)
    patch.setattr(load, "serving", serving)
    for module, name in (
        (base, "Weights"),
        (base, "Masker"),
        (search, "bm25_scorer"),
        (retrieval, "bm25_scorer"),
    ):  # counted from the same passages again for every setting
        patch.setattr(module, name, _once_for_each_list(getattr(module, name)))


def _once_for_each_list(make: Callable[[Any], Any]) -> Callable[[Any], Any]:
    kept: dict[int, tuple[Any, Any]] = {}

    def call(given: Any) -> Any:
        if id(given) not in kept:
            kept[id(given)] = given, make(given)  # the list stays, and with it its id
        return kept[id(given)][1]

    return call


def _read_gguf_once_in_the_notebook(patch: pytest.MonkeyPatch, _: ExitStack, folder: Path) -> None:
    """The notebook's kernel is a process of its own, which IPython starts with what it finds in a folder."""
    startup = folder / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "once.py").write_text(
        f"import sys\nsys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from lighter import read_gguf_once\n_once = read_gguf_once()\n_once.__enter__()\n",
        encoding="utf-8",
    )
    patch.setenv("IPYTHONDIR", str(folder / "ipython"))


@contextmanager
def _service_in_this_process(data: Path) -> Iterator[Any]:
    """The service without a model, on a thread; its own process and the model are test_rag_service's."""
    import threading
    import time

    import psutil
    import uvicorn

    from projects.rag.base import DOCUMENTS
    from projects.rag.conversation import Sessions
    from projects.rag.library import Library
    from projects.rag.service import Settings, create_app

    settings = Settings(requests_per_s=1000, burst=10_000, quiet=True)
    app = create_app(Library(data, DOCUMENTS), Sessions(data / "conversations.sqlite"), None, settings)
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the service did not start"
            time.sleep(0.02)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", psutil.Process()
    finally:
        server.should_exit = True
        thread.join(20)


def _two_workers_only(patch: pytest.MonkeyPatch, _: ExitStack, __: Path) -> None:
    """The command for one worker differs by a digit, and starts pytask, Dask and torch once more."""
    from projects.small_llm import scaleout

    time_of = scaleout.time_of
    patch.setattr(
        scaleout, "time_of", lambda at, workers, params: time_of(at, workers, params) if workers == 2 else 1.0
    )
