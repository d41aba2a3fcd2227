"""The shop assistant in the reader's browser: the same passages and quotations as the Python it was written after."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from looking import STRICT, first_part_only
from repository import REPOSITORY, make_rungs

from projects.rag.browser_index import INDEX, Found, Search
from projects.rag.dense import DenseSearch, Encoder, load_search
from projects.rag.gold import SPLITS, load_questions
from projects.rag.wording import words
from scripts.rung_site import make_rung_site, serve_folder
from verifolio.build import only_builder

SECONDS = 1000


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("rung")
    with only_builder(REPOSITORY / "build" / "work"):
        make_rungs()
    page = make_rung_site(REPOSITORY, "rag_bot", folder, "How long is the warranty on the blender?")
    with serve_folder(folder, {"Content-Security-Policy": STRICT}) as url:
        yield url + page


@pytest.fixture
def page(new_page: Any, address: str) -> Any:
    page = new_page()
    page.set_default_timeout(90 * SECONDS)
    page.asked, page.said = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.on("console", lambda one: "Content Security Policy" in one.text and page.said.append(one.text))
    page.goto(address)
    return page


@pytest.fixture(scope="module")
def search() -> Search:
    return Search(json.loads((REPOSITORY / "projects/rag/results" / INDEX).read_text("utf-8")))


@pytest.fixture(scope="module")
def near() -> tuple[DenseSearch, Encoder]:
    """Search by meaning as Python does it, over the files that the browser gets."""
    index = REPOSITORY / "projects/rag/results" / INDEX
    return load_search(index, REPOSITORY / "build/derived/rag")


def as_told(found: Found) -> dict[str, Any]:
    return {
        "hits": found.hits,
        "answerable": found.answerable,
        "pieces": [list(one) for one in found.pieces],
    }


@pytest.fixture(scope="module")
def short(search: Search) -> str:
    """The question with the fewest words to answer it from."""
    questions = [one.question for one in load_questions("development") if one.lang == "en"]
    found = {one: "".join(text for _, text in search.find(one).pieces) for one in questions}
    return min((one for one in questions if found[one]), key=lambda one: len(found[one]))


NEAR = """async () => {
    const at = name => new URL(`../../../demos/rag_bot/browser/${name}.js`, document.baseURI)
    const [{ DenseSearch }, { Encoder, Tokenizer }] = await Promise.all([import(at("dense")), import(at("e5"))])
    const { Files } = await import(new URL("../../../assets/js/demo-files.js", document.baseURI))
    const { browser, words } = JSON.parse(document.querySelector("vf-demo script[type='application/json']").textContent)
    const files = new Files({ ...browser.first, ...browser.later }, words, new AbortController().signal, () => {})
    const told = JSON.parse(await files.text("dense/e5.json"))
    const index = JSON.parse(await files.text("browser/index.json"))
    return { told, files, Encoder, tokenizer: new Tokenizer(told), search: new DenseSearch(index, await files.buffer("dense/vectors.bin"), told) }
}"""


def test_by_meaning_it_finds_and_quotes_what_python_does(page, near):
    """For a sample by its own vectors, which are Python's to a ten-thousandth; a text is cut alike for every question."""
    search, encoder = near
    texts = [one.question for split in SPLITS for one in load_questions(split)]
    odd = ["", "？？", "Return's  ﬁne ＨＨ-K106 £5", "Café Größe привет 🙂", "退 货" * 400]
    sample = texts[::24]
    found = page.evaluate(
        f"""async ([texts, sample]) => {{
            const {{ told, files, Encoder, tokenizer, search }} = await ({NEAR})()
            const encoder = await Encoder.load(files, told)
            const answers = []
            for (const text of sample) {{
              const vector = await encoder.encode(text)
              answers.push({{ vector: Array.from(vector), ...search.findNear(text, vector) }})
            }}
            await encoder.close()
            return {{ ids: texts.map(text => tokenizer.ids(told.query + text)), answers }}
        }}""",
        [[*texts, *odd], sample],
    )
    cut = [encoder.tokenizer.ids(search.told["query"] + text) for text in [*texts, *odd]]
    assert found["ids"] == cut
    for text, theirs in zip(sample, found["answers"], strict=True):
        ours = encoder.encode(text)
        assert max(abs(a - b) for a, b in zip(ours.tolist(), theirs.pop("vector"), strict=True)) < 1e-4
        assert theirs == as_told(search.find_near(text, ours)), text


def test_what_words_miss_is_found_by_meaning_on_request_and_kept(page, search, near):
    by_meaning, encoder = near
    missed = next(
        one.question
        for one in load_questions("development")
        if one.lang == "en" and one.answerable and not one.history and not search.find(one.question).pieces
        and by_meaning.find_near(one.question, encoder.encode(one.question)).pieces
    )  # fmt: skip
    page.locator(".vf-demo-browser").click()
    page.locator(".vf-demo-form").wait_for()
    assert "the documents do not say" in ask(page, missed).inner_text()
    assert not [url for url in page.asked if "/dense/" in url]
    button = page.get_by_role("button", name="Search by meaning")
    assert re.search(r"\d+(\.\d)? MB", button.inner_text())
    output = ask(page, missed, "Search by meaning")
    at, text = by_meaning.find_near(missed, encoder.encode(missed)).pieces[0]
    assert text in output.locator(".vf-demo-text").inner_text()
    assert output.locator("cite").first.inner_text() == search.index["passages"][at]["document"]
    assert not [url for url in page.asked if ".gguf" in url]
    page.asked.clear()
    ask(page, missed, "Search by meaning")
    page.reload()
    page.locator(".vf-demo-browser").click()
    page.locator(".vf-demo-form").wait_for()
    ask(page, missed, "Search by meaning")
    assert not [url for url in page.asked if re.search(r"/dense/|\.wasm(\.gz)?\?", url)]  # kept
    assert page.said == []


def test_an_encoder_that_404s_half_way_is_told_and_words_still_find(page, short):
    page.locator(".vf-demo-browser").click()
    page.locator(".vf-demo-form").wait_for()
    page.route("**/dense/e5.onnx*", first_part_only)
    page.locator(".vf-demo-form textarea").fill(short)
    page.get_by_role("button", name="Search by meaning").click()
    page.get_by_role("alert").get_by_text("HTTP 404").wait_for()
    assert ask(page, short).locator("cite").count() >= 1
    page.unroute("**/dense/e5.onnx*")
    ranges: list[str] = []
    page.on("request", lambda one: "e5.onnx" in one.url and ranges.append(one.headers.get("range", "")))
    assert ask(page, short, "Search by meaning").locator(".vf-demo-text").count() == 1
    assert ranges
    assert not [one for one in ranges if one.startswith("bytes=0-")]  # it went on where it stopped


def test_it_finds_and_quotes_what_python_does_for_every_question(page, search):
    texts = [one.question for split in SPLITS for one in load_questions(split)]
    texts += ["", "？？", "the of and", "Return's ﬁne ＨＨ-K106 £5", "zzz qqq", "a" * 3000]
    found = page.evaluate(
        """async texts => {
            const { Search } = await import(new URL("../../../demos/rag_bot/browser/search.js", document.baseURI))
            const { Files } = await import(new URL("../../../assets/js/demo-files.js", document.baseURI))
            const { browser, words } = JSON.parse(document.querySelector("vf-demo script[type='application/json']").textContent)
            const files = new Files(browser.first, words, new AbortController().signal, () => {})
            const search = new Search(JSON.parse(await files.text("browser/index.json")))
            return texts.map(text => search.find(text))
        }""",
        texts,
    )
    assert len(found) > 150
    differ = [
        (text, search.find(text), theirs)
        for text, theirs in zip(texts, found, strict=True)
        if as_told(search.find(text)) != theirs
    ]
    assert differ == []
    assert 0.2 < sum(one["answerable"] for one in found) / len(found) < 0.95


def ask(page: Any, text: str, button: str = "Search by words") -> Any:
    page.locator(".vf-demo-form textarea").fill(text)
    page.get_by_role("button", name=button).click()
    page.locator(".vf-demo-stage .vf-demo-output:not([aria-busy]) > *").first.wait_for()
    output = page.locator(".vf-demo-stage .vf-demo-output")
    assert output.locator(".vf-demo-text").count() == 1, output.inner_text()
    return output


def test_an_answer_names_its_sources_and_what_is_not_there_is_refused(page, search):
    page.locator(".vf-demo-browser").click()
    page.locator(".vf-demo-form").wait_for()
    asked = [
        one for one in load_questions("development") if one.lang == "en" and search.find(one.question).pieces
    ]
    output = ask(page, asked[0].question)
    at, text = search.find(asked[0].question).pieces[0]
    assert text in output.locator(".vf-demo-text").inner_text()
    assert output.locator("cite").first.inner_text() == search.index["passages"][at]["document"]
    assert not [url for url in page.asked if ".gguf" in url]
    output = ask(page, "Who won the world cup in 1998?")
    assert "the documents do not say" in output.inner_text()
    assert output.locator("cite").count() == 0


def test_the_model_comes_on_request_only_and_says_nothing_that_the_sources_do_not(page, short):
    page.locator(".vf-demo-browser").click()
    page.locator(".vf-demo-form").wait_for()
    page.set_default_timeout(240 * SECONDS)  # WebAssembly on a busy machine takes ten times its seconds
    output = ask(page, short, "Let the model answer")
    assert [url for url in page.asked if ".gguf" in url]
    note = output.locator(".vf-demo-note").inner_text()
    assert "Written by the small model" in note or "so they are quoted" in note
    assert output.locator("cite").count() >= 1
    known = " ".join([short, *output.locator("q").all_inner_texts()])
    said = re.sub(r"\[\d+\]", "", output.locator(".vf-demo-text").inner_text())
    assert said.strip()
    assert set(words(said)) <= set(words(known))
    assert page.said == []


def test_a_model_that_404s_half_way_is_told_and_the_documents_can_still_be_searched(page, short):
    page.locator(".vf-demo-browser").click()
    page.locator(".vf-demo-form").wait_for()
    page.route("**/*-00001-of-*.gguf*", first_part_only)
    page.locator(".vf-demo-form textarea").fill(short)
    page.get_by_role("button", name="Let the model answer").click()
    page.get_by_role("alert").get_by_text("HTTP 404").wait_for()
    assert ask(page, short).locator("cite").count() >= 1
    assert page.get_by_role("alert").count() == 0


def test_stop_ends_the_download_of_the_model_and_leaves_the_quotations(page, short):
    page.locator(".vf-demo-browser").click()
    page.locator(".vf-demo-form").wait_for()
    page.route("**/*-00001-of-*.gguf*", lambda route: None)  # never answered
    page.locator(".vf-demo-form textarea").fill(short)
    with page.expect_request(lambda request: "-00001-of-" in request.url):
        page.get_by_role("button", name="Let the model answer").click()
    page.get_by_role("button", name="Stop").click()
    output = page.locator(".vf-demo-stage .vf-demo-output:not([aria-busy])")
    output.locator(".vf-demo-text").wait_for()
    assert "Quoted from the documents" in output.inner_text()
    assert page.get_by_role("alert").count() == 0
    assert page.get_by_role("button", name="Let the model answer").is_enabled()
