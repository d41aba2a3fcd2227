"""The quantised model in the reader's browser: the same weights as on the server, saying the same."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from looking import STRICT
from repository import REPOSITORY, make_rungs

from projects.small_llm.chat import SYSTEM
from projects.small_llm.llamacpp import NativeModel
from scripts.rung_site import make_rung_site, serve_folder
from verifolio.build import only_builder
from verifolio.results import read_result

QUESTION = "What is the capital of France?"
PROMPT = (
    f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n{QUESTION}<|im_end|>\n<|im_start|>assistant\n"
)
TOKENS = 12
SECONDS = 1000
LOAD = """async () => {
  const { Files } = await import(new URL("../../../assets/js/demo-files.js", document.baseURI))
  const { browser, words } = JSON.parse(document.querySelector("vf-demo script[type='application/json']").textContent)
  const files = new Files({ ...browser.first, ...browser.later }, words, new AbortController().signal, () => {})
  const { Llama, render } = await import(new URL("../../../demos/quantized/browser/llama.js", document.baseURI))
  return [await Llama.load(files), render]
}"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("rung")
    with only_builder(REPOSITORY / "build" / "work"):
        make_rungs()
    page = make_rung_site(REPOSITORY, "quantized", folder, QUESTION)
    with serve_folder(folder, {"Content-Security-Policy": STRICT}) as url:
        yield url + page


@pytest.fixture(scope="module")
def context(browser: Any) -> Iterator[Any]:
    """One browser profile for all: its second visit finds the weights kept."""
    context = browser.new_context(viewport={"width": 360, "height": 740})
    context.set_default_timeout(90 * SECONDS)
    yield context
    context.close()


@pytest.fixture
def page(context: Any, address: str) -> Iterator[Any]:
    page = context.new_page()
    page.asked, page.said = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.on("console", lambda one: "Content Security Policy" in one.text and page.said.append(one.text))
    page.goto(address)
    yield page
    page.close()


def facts(page: Any) -> dict[str, str]:
    stage = page.locator(".vf-demo-stage .vf-demo-facts > div")
    return dict(
        pair.split("\n", 1)
        for pair in stage.evaluate_all(
            "all => all.map(one => one.children[0].textContent + '\\n' + one.children[1].textContent)"
        )
    )


def wait_until_isolated(page: Any, *, wanted: bool) -> None:
    """The page reloads meanwhile; asked from outside, since its policy forbids what wait_for_function does."""
    from playwright.sync_api import Error

    deadline = time.monotonic() + 90
    while True:
        with suppress(Error):  # between two pages
            if page.evaluate("crossOriginIsolated") is wanted:
                return
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_greedy_opening_and_teacher_forced_tokens_equal_llama_cpps(page):
    model = REPOSITORY / "build/derived/small_llm/model-q8_0.gguf"
    with NativeModel(model, context=512, threads=1) as native:
        prompt = native.tokenise(PROMPT)
        answer = native.greedy(prompt, TOKENS, 2)  # 2 ends the turn
    found = page.evaluate(
        f"""async ([question, ids, most]) => {{
            const [llama, render] = await ({LOAD})()
            const prompt = render([{{ role: "user", content: question }}])
            const tokens = await llama.runtime.tokenize(prompt, true)
            const said = []
            await llama.runtime.createCompletion(prompt, {{ nPredict: most, sampling: {{ temp: 0, top_k: 1 }}, onNewToken: id => said.push(id) }})
            await llama.runtime.kvClear()
            await llama.runtime.decode(tokens, {{}})
            const forced = []
            for (const id of ids) {{
              forced.push((await llama.runtime.getLogits(1))[0].token)
              await llama.runtime.decode([id], {{}})
            }}
            await llama.close()
            return {{ prompt, tokens: Array.from(tokens), said, forced }}
        }}""",
        [QUESTION, answer, TOKENS],
    )
    assert found["prompt"] == PROMPT
    assert found["tokens"] == prompt
    agree = sum(a == b for a, b in zip(found["forced"], answer, strict=True))
    print(f"teacher-forced agreement: {agree} of {len(answer)}")
    assert agree >= math.floor(published("q8_0_agreement") * len(answer))
    assert found["said"][:8] == answer[:8]


def published(key: str) -> float:
    """What the export says of Q8_0 against the weights before rounding."""
    return float(read_result(REPOSITORY / "projects/small_llm/results/export.json").metrics[key].value)


def near() -> float:
    """How far apart two probabilities may be and still change places by rounding.

    Pinsker's inequality: two distributions whose divergence is KL differ by at most √(KL / 2) in any probability, and
    each of the two may have moved so far. The divergence is what the result publishes for Q8_0.
    """
    return 2 * math.sqrt(published("q8_0_kl") / 2)


def recorded_rows() -> list[Any]:
    return read_result(REPOSITORY / "projects/small_llm/results/examples.json").tables["recorded"].rows


def test_recorded_verdicts_are_the_browsers_too_unless_two_are_nearly_as_likely(page):
    rows = recorded_rows()[:3]
    found = page.evaluate(
        f"""async questions => {{
            const [llama, render] = await ({LOAD})()
            const first = []
            for (const content of questions) {{
              await llama.runtime.kvClear()
              await llama.runtime.decode(await llama.runtime.tokenize(render([{{ role: "user", content }}]), true), {{}})
              const likely = await llama.runtime.getLogits(2)
              for (const one of likely) one.text = new TextDecoder().decode(await llama.runtime.detokenize([one.token]))
              first.push(likely)
            }}
            await llama.close()
            return first
        }}""",
        [row["question"] for row in rows],
    )
    for row, (likeliest, second) in zip(rows, found, strict=True):
        said = str(row["answer"])
        print(said, likeliest, second)
        other_fits = said.startswith(second["text"]) and likeliest["p"] - second["p"] < near()
        assert said.startswith(likeliest["text"]) or other_fits


def ask(page: Any, text: str) -> str:
    page.locator(".vf-demo-form textarea").fill(text)
    page.locator(".vf-demo-form button[type=submit]").click()
    output = page.locator(".vf-demo-stage .vf-demo-output:not([aria-busy])")
    output.locator(".vf-demo-facts").wait_for()
    return output.locator(".vf-demo-text").inner_text()


def test_a_second_visit_loads_from_the_cache_talks_and_stops(page):
    page.locator(".vf-demo-browser").click()
    page.locator(".vf-demo-form").wait_for()
    assert not [url for url in page.asked if re.search(r"\.(gguf|wasm)", urlsplit(url).path)]
    assert {urlsplit(url).hostname for url in page.asked if not url.startswith(("blob:", "data:"))} == {
        "127.0.0.1"
    }
    recorded = {str(row["question"]): row["answer"] for row in recorded_rows()}
    assert ask(page, QUESTION) == recorded[QUESTION]
    page.locator(".vf-demo-form textarea").fill("Write a long story about rain.")
    page.locator(".vf-demo-form button[type=submit]").click()
    text = page.locator(".vf-demo-stage .vf-demo-text")
    text.wait_for()
    page.get_by_role("button", name="Stop").click()
    page.locator(".vf-demo-output:not([aria-busy])").last.wait_for()
    assert text.inner_text()
    assert len(text.inner_text().split()) < 60  # it was stopped
    assert page.said == []


def test_threads_come_with_a_service_worker_for_this_page_alone_and_go_with_it(page, address):
    page.locator(".vf-demo-browser").click()
    box = page.get_by_role("checkbox", name="Several threads")
    assert not box.is_checked()
    assert page.evaluate("crossOriginIsolated") is False
    box.click()
    wait_until_isolated(page, wanted=True)
    page.locator(".vf-demo-form").wait_for()  # it opened itself again
    page.locator(".vf-demo-form textarea").fill("Write a long story about rain.")
    page.locator(".vf-demo-form button[type=submit]").click()
    page.locator(".vf-demo-stage .vf-demo-text").wait_for()
    page.get_by_role("button", name="Stop").click()
    page.locator(".vf-demo-stage .vf-demo-facts").wait_for()
    assert int(facts(page)["threads"]) >= 2
    scopes = page.evaluate(
        "navigator.serviceWorker.getRegistrations().then(all => all.map(one => one.scope))"
    )
    assert scopes == [address]
    page.get_by_role("checkbox", name="Several threads").click()
    wait_until_isolated(page, wanted=False)
    assert page.evaluate("navigator.serviceWorker.getRegistrations().then(all => all.length)") == 0


def test_parts_stay_below_what_hosts_take(address, tmp_path):
    page = make_rung_site(REPOSITORY, "quantized", tmp_path, QUESTION)
    sizes = [path.stat().st_size for path in (tmp_path / "assets/weights").rglob("*") if path.is_file()]
    assert len(sizes) >= 4
    assert max(sizes) <= 50_000_000
    assert (Path(tmp_path) / page / "isolate.js").is_file()
