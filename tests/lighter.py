"""What the smoke runs share or leave out so that they take seconds: nothing that another test does not look at."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
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
    from projects.rag import base, conversations, evaluate, load, retrieval

    opened, running = [], []
    service = stack.enter_context(ExitStack())
    start = load.serving

    @contextmanager
    def open_base() -> Iterator[Any]:
        if not opened:
            opened.append(stack.enter_context(base.open_base()))
        yield opened[0]

    @contextmanager
    def serving(data: Path) -> Iterator[Any]:
        last = bool(running)
        if not last:
            running.append(service.enter_context(start(data)))
        yield running[0]
        if last:
            service.close()

    for module in (conversations, evaluate, retrieval):
        patch.setattr(module, "open_base", open_base)
    patch.setattr(load, "serving", serving)


def _two_workers_only(patch: pytest.MonkeyPatch, _: ExitStack, __: Path) -> None:
    """The command for one worker differs by a digit, and starts pytask, Dask and torch once more."""
    from projects.small_llm import scaleout

    time_of = scaleout.time_of
    patch.setattr(
        scaleout, "time_of", lambda at, workers, params: time_of(at, workers, params) if workers == 2 else 1.0
    )
