"""The rung in the reader's browser, for real: weights fetched, checked, kept, and answering as the server does."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from looking import STRICT, first_part_only
from repository import REPOSITORY

from projects.sentiment.inference import load_classifier
from verifolio.demos import read_demos
from verifolio.results import read_result

CLASSIFIER = "en/demos/classifier/"
WEIGHTS = "**/assets/weights/sentiment/classifier.onnx.gz*"
OPEN = """async () => {
  const { Files } = await import(new URL("../../assets/js/demo-files.js", document.baseURI))
  const { browser, words } = JSON.parse(document.querySelector("vf-demo script[type='application/json']").textContent)
  const files = new Files({ ...browser.first, ...browser.later }, words, new AbortController().signal, () => {})
  const demo = await import(new URL(browser.module, document.baseURI))
  return [files, demo]
}"""
DEMOS = [slug for slug, demo in read_demos(REPOSITORY).items() if demo.browser]


@pytest.fixture(scope="module")
def strict(publish: Callable[..., str]) -> str:
    return publish({"Content-Security-Policy": STRICT})


def visit(page: Any, address: str) -> Any:
    """Goes there and notes what is asked for and complained of."""
    page.set_default_timeout(30_000)
    page.asked, page.said = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.on("console", lambda one: one.type in ("error", "warning") and page.said.append(one.text))
    page.goto(address)
    return page


@pytest.fixture
def page(new_page: Callable[..., Any], strict: str) -> Any:
    """The classifier's page under a strict policy, in a browser that was never here."""
    return visit(new_page(viewport={"width": 1280, "height": 900}), strict + CLASSIFIER)


@pytest.fixture(scope="module")
def first(browser: Any, strict: str) -> Iterator[Any]:
    """The first visit of a reader, who runs the classifier."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = visit(context.new_page(), strict + CLASSIFIER)
    climb(page)
    yield page
    context.close()


@pytest.fixture
def again(first: Any, strict: str) -> Iterator[Any]:
    """A later visit of the same reader."""
    page = visit(first.context.new_page(), strict + CLASSIFIER)
    yield page
    page.close()


def climb(page: Any) -> None:
    page.locator(".vf-demo-browser").click()
    page.locator(".vf-demo-form").wait_for()


def ask(page: Any, text: str) -> tuple[str, str]:
    """The verdict and its probability, as the page shows them."""
    page.locator(".vf-demo-form textarea").fill(text)
    page.locator(".vf-demo-form button[type=submit]").click()
    page.locator(".vf-demo-stage .vf-demo-output:not([aria-busy]) .vf-demo-label").wait_for()
    output = page.locator(".vf-demo-stage .vf-demo-output")
    return output.locator(".vf-demo-label").inner_text(), output.locator(".vf-demo-prob").inner_text()


def fetched(page: Any) -> list[str]:
    return [url for url in page.asked if "/assets/weights/" in url or "/assets/runtime/" in url]


@pytest.mark.parametrize("slug", DEMOS)
@pytest.mark.parametrize("lang", ["", "en/"])
def test_without_script_the_recorded_outputs_stand_and_no_dead_button(new_page, address, slug, lang):
    page = new_page(java_script_enabled=False, viewport={"width": 360, "height": 740})
    page.goto(f"{address}{lang}demos/{slug}/")
    assert page.locator(".vf-demo-recorded :is(.vf-demo-label, .vf-demo-text)").first.is_visible()
    assert not page.locator(".vf-demo-browser").is_visible()
    assert page.locator("[data-rung=browser]").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 360


@pytest.mark.parametrize("slug", DEMOS)
def test_every_demo_tells_of_weights_that_404_half_way_and_goes_on_where_it_stopped(new_page, strict, slug):
    """The first file comes, or its first part; then the host has lost the rest."""
    page = visit(new_page(viewport={"width": 360, "height": 740}), f"{strict}en/demos/{slug}/")
    came: list[str] = []

    def half(route: Any) -> None:
        came.append(route.request.url)
        route.fulfill(status=404, body="gone") if len(came) > 1 else route.continue_()

    page.route("**/assets/weights/**", half)
    page.route("**/index.json.gz*", lambda route: route.fulfill(status=404, body="gone"))  # all that it has
    page.locator(".vf-demo-browser").click()
    status = page.locator(".vf-demo-status")
    status.get_by_text("HTTP 404").wait_for()
    assert page.locator(".vf-demo-recorded").is_visible()
    assert page.locator(".vf-demo-stage").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.unroute_all()
    page.route(
        "**/assets/runtime/**/*.wasm*", lambda route: None
    )  # never answers: the rest is tried elsewhere
    ranges: list[str] = []
    page.on(
        "request",
        lambda one: one.url in came[:1] and ranges.append(one.headers.get("range", "bytes=0-")),
    )
    status.get_by_role("button", name="Try again").click()
    if slug != "rag_bot":  # whose index is one small file: nothing of it was kept
        status.locator("progress").wait_for()
        page.wait_for_timeout(200)
        assert not [one for one in ranges if one.startswith("bytes=0-")]
        page.locator(".vf-demo-browser").click()  # called off
        assert status.inner_text() == ""
    else:
        page.locator(".vf-demo-form").wait_for()


def test_nothing_of_the_rung_comes_before_the_click(page):
    page.wait_for_load_state("networkidle")
    assert fetched(page) == []
    assert not [url for url in page.asked if re.search(r"demo-(browser|files|live)\.js|/demos/.*\.js", url)]


def test_it_answers_under_a_strict_policy_from_this_site_alone(first):
    page = first
    label, share = ask(page, "A warm, funny film that I loved from start to finish.")
    assert label == "positive"
    assert re.fullmatch(r"9\d\.\d %", share)
    assert {urlsplit(url).hostname for url in page.asked if not url.startswith(("blob:", "data:"))} == {
        "127.0.0.1"
    }
    assert page.said == []
    assert not page.locator(".vf-demo-recorded").is_visible()
    page.locator(".vf-demo-browser").click()  # the way back
    assert page.locator(".vf-demo-recorded").is_visible()
    assert page.locator(".vf-demo-stage").count() == 0
    assert page.evaluate("document.activeElement.className").startswith("vf-button")


def test_logits_equal_the_servers_over_all_recorded_inputs(again, root):
    rows = read_result(root / "projects/sentiment/results/examples.json").tables["recorded"].rows
    export = read_result(root / "projects/sentiment/results/export.json")
    tolerance = export.metrics["largest_gap"].value  # what INT8 itself costs a logit at most
    texts = [str(row["text"]) for row in rows]
    here = again.evaluate(
        f"""async texts => {{
            const [files, demo] = await ({OPEN})()
            const classifier = await demo.Classifier.load(files)
            const found = []
            for (const text of texts) found.push((await classifier.logits(text)).logits)
            return found
        }}""",
        texts,
    )
    server = load_classifier(root / "build/derived/sentiment")
    there = [server.classify(text).logits for text in texts]  # one by one: INT8 scales are of the whole batch
    gaps = [
        abs(a - b) for one, other in zip(here, there, strict=True) for a, b in zip(one, other, strict=True)
    ]
    print(f"largest difference of a logit: {max(gaps):.4f}, mean {sum(gaps) / len(gaps):.4f}")
    assert max(gaps) <= tolerance
    labels = [row["label"]["en"] for row in rows]
    assert ["positive" if positive >= negative else "negative" for negative, positive in here] == labels


def test_the_second_visit_fetches_no_weights_again(first, again, strict):
    assert len(fetched(first)) > 3
    again.goto(strict + CLASSIFIER.removeprefix("en/"))  # the other language shares them
    climb(again)
    assert {Path(urlsplit(url).path).suffix for url in fetched(again)} <= {
        ".mjs"
    }  # code goes through the browser's own cache
    assert ask(again, "Dull, badly acted and far too long.")[0] == "负面"


def test_a_file_that_the_browser_cannot_keep_whole_is_put_together_from_its_parts(page):
    page.add_init_script("""const put = Cache.prototype.put
      Cache.prototype.put = function (key, answer) {
        return key.includes("&from=") ? put.call(this, key, answer) : Promise.reject(new Error("a busy browser"))
      }""")
    for fetches in (True, False):
        page.asked.clear()
        page.reload()
        climb(page)
        assert bool([url for url in fetched(page) if "/assets/weights/" in url]) == fetches


def test_weights_that_404_half_way_are_told_and_the_download_goes_on_where_it_stopped(page):
    page.route(WEIGHTS, first_part_only)
    page.locator(".vf-demo-browser").click()
    status = page.locator(".vf-demo-status")
    status.get_by_text("HTTP 404").wait_for()
    assert page.locator(".vf-demo-recorded").is_visible()
    assert page.locator(".vf-demo-stage").count() == 0
    page.unroute(WEIGHTS)
    ranges: list[str] = []
    page.on(
        "request", lambda one: "classifier.onnx" in one.url and ranges.append(one.headers.get("range", ""))
    )
    status.get_by_role("button", name="Try again").click()
    page.locator(".vf-demo-form").wait_for()
    assert ranges
    assert not [one for one in ranges if one.startswith("bytes=0-")]


def test_a_cut_connection_is_tried_again_by_itself(page):
    failures = iter([True, True])

    def cut(route: Any) -> None:
        route.abort() if next(failures, False) else route.continue_()

    page.route(WEIGHTS, cut)
    climb(page)
    assert next(failures, None) is None


def test_bytes_that_do_not_match_the_receipt_are_never_run(page):
    page.route("**/tokenizer.json.gz*", lambda route: route.fulfill(body=b'{"model": {}}'))
    page.locator(".vf-demo-browser").click()
    page.locator(".vf-demo-status").get_by_text("does not match the hash").wait_for()
    assert page.locator(".vf-demo-recorded").is_visible()
    page.unroute("**/tokenizer.json.gz*")
    page.locator(".vf-demo-status").get_by_role("button", name="Try again").click()
    page.locator(".vf-demo-form").wait_for()


def test_an_archive_that_cannot_be_unpacked_is_damaged_too_and_not_kept(page):
    page.route("**/tokenizer.json.gz*", lambda route: route.fulfill(body=b"\x1f\x8b no archive"))
    page.locator(".vf-demo-browser").click()
    page.locator(".vf-demo-status").get_by_text("does not match the hash").wait_for()
    page.unroute("**/tokenizer.json.gz*")
    page.locator(".vf-demo-status").get_by_role("button", name="Try again").click()
    page.locator(".vf-demo-form").wait_for()


def test_where_nothing_can_be_kept_each_file_comes_once_all_the_same(page):
    page.add_init_script("Object.defineProperty(globalThis, 'caches', { value: undefined })")
    page.reload()
    ranges: list[tuple[str, str]] = []
    page.on(
        "request",
        lambda one: "/assets/weights/" in one.url and ranges.append((one.url, one.headers.get("range", ""))),
    )
    climb(page)
    assert ranges
    assert len(ranges) == len(set(ranges))


def test_a_download_that_falls_silent_is_begun_again(page):
    silent = iter([True])
    page.clock.install()
    page.route(WEIGHTS, lambda route: None if next(silent, False) else route.continue_())
    with page.expect_request(WEIGHTS):
        page.locator(".vf-demo-browser").click()
    page.clock.run_for(29_000)
    assert len([url for url in fetched(page) if "classifier.onnx" in url]) == 1
    page.clock.run_for(2_000)
    page.locator(".vf-demo-form").wait_for()


def test_a_module_that_failed_to_come_is_tried_again_on_a_new_page(page):
    page.route("**/demo-browser.js*", lambda route: route.abort())
    page.locator(".vf-demo-browser").click()
    again = page.locator(".vf-demo-status").get_by_role("button", name="Try again")
    again.wait_for()
    page.unroute("**/demo-browser.js*")
    again.click()
    page.locator(".vf-demo-form").wait_for()  # by itself
    assert ask(page, "A film to see twice.")[0] == "positive"


def test_a_second_click_while_the_code_comes_leaves_nothing_behind(page):
    held: list[Any] = []
    page.route("**/demo-browser.js*", lambda route: held.append(route))
    button = page.locator(".vf-demo-browser")
    label = button.inner_text()
    with page.expect_request("**/demo-browser.js*"):
        button.click()
    button.click()
    page.wait_for_timeout(100)
    held[0].continue_()
    page.wait_for_load_state("networkidle")
    assert button.inner_text() == label
    assert page.locator(".vf-demo-status").inner_text() == ""
    assert not [url for url in fetched(page) if "/weights/" in url]


def test_by_keyboard_the_focus_stays_with_the_demo(page):
    page.route(WEIGHTS, lambda route: route.fulfill(status=404, body="gone"))
    page.locator(".vf-demo-browser").press("Enter")
    again = page.locator(".vf-demo-status").get_by_role("button", name="Try again")
    again.wait_for()
    page.unroute(WEIGHTS)
    again.press("Enter")
    assert page.evaluate("document.activeElement.className").split() == ["vf-button", "vf-demo-browser"]
    page.locator(".vf-demo-form").wait_for()
    assert page.evaluate("document.activeElement.tagName") == "TEXTAREA"
    page.locator(".vf-demo-form textarea").fill("Two hours I will never get back.")
    page.locator(".vf-demo-form button[type=submit]").press("Enter")
    page.locator(".vf-demo-stage .vf-demo-output:not([aria-busy]) .vf-demo-label").wait_for()
    assert page.evaluate("document.activeElement.type") == "submit"


def test_a_download_can_be_called_off(page):
    page.route(WEIGHTS, lambda route: None)  # never answers
    button = page.locator(".vf-demo-browser")
    label = button.inner_text()
    button.click()
    page.locator(".vf-demo-status progress").wait_for()
    assert button.inner_text() == "Cancel"
    assert page.locator(".vf-demo-recorded").is_visible()  # something to read meanwhile
    button.click()
    assert button.inner_text() == label
    assert page.locator(".vf-demo-status").inner_text() == ""
    assert page.locator(".vf-demo-stage").count() == 0


def test_a_phone_with_little_memory_is_asked_first_and_nothing_overflows(new_page, address):
    page = new_page(
        viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True, color_scheme="dark"
    )
    page.add_init_script("Object.defineProperty(Navigator.prototype, 'deviceMemory', { get: () => 0.25 })")
    page.goto(address + CLASSIFIER.removeprefix("en/"))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.locator(".vf-demo-browser").click()
    page.locator(".vf-demo-status").get_by_text("GB 内存").wait_for()
    assert not [url for url in asked if "/weights/" in url]
    page.get_by_role("button", name="仍然继续").click()
    page.locator(".vf-demo-form").wait_for(timeout=30_000)
    assert ask(page, "Two hours I will never get back, and not one laugh.")[0] == "负面"
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    small = page.evaluate(
        """() => [...document.querySelectorAll(".vf-demo :is(button, textarea, select)")].filter(one => one.checkVisibility())
             .map(one => [one.className, one.getBoundingClientRect().height]).filter(([, height]) => height < 36)"""
    )
    assert small == []


def test_a_phone_is_asked_before_a_gigabyte_of_memory_goes_to_the_llm(new_page, strict):
    page = visit(
        new_page(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True),
        f"{strict}demos/quantized/",
    )
    page.evaluate("Object.defineProperty(Navigator.prototype, 'deviceMemory', { get: () => undefined })")
    page.locator(".vf-demo-browser").click()  # a browser that tells no memory: a small screen and a thumb
    page.locator(".vf-demo-status").get_by_text("GB 内存").wait_for()
    assert fetched(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.route("**/*.gguf*", lambda route: None)
    page.get_by_role("button", name="仍然继续").click()
    page.locator(".vf-demo-status progress").wait_for()
    page.locator(".vf-demo-browser").click()  # called off
    assert page.locator(".vf-demo-status").inner_text() == ""
    assert page.locator(".vf-demo-recorded").is_visible()


def test_the_shop_assistant_answers_on_a_phone_without_overflow(new_page, strict):
    page = new_page(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    page.goto(strict + "demos/rag_bot/")
    climb(page)
    page.locator(".vf-demo-form textarea").fill("铸铁煎锅多少钱？")
    page.get_by_role("button", name="查资料").click()
    page.locator(".vf-demo-stage .vf-demo-output:not([aria-busy]) cite").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_the_keyboard_and_a_screen_reader_reach_everything(again):
    page = again
    page.locator(".vf-demo-browser").focus()
    page.keyboard.press("Enter")
    page.locator(".vf-demo-form").wait_for()
    assert page.evaluate("document.activeElement.tagName") == "TEXTAREA"
    assert page.get_by_label("Film review, in English").is_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.locator(".vf-demo-stage .vf-demo-label").wait_for()
    assert page.locator(".vf-demo-stage [aria-live=polite]").count() == 1
    assert page.get_by_role("status").get_by_text("runs on this device").is_visible()


def test_the_elements_own_code_is_small(site):
    import gzip

    scripts = sorted((site.folder / "assets/js").glob("demo*.js"))
    assert len(scripts) == 4
    assert sum(len(gzip.compress(one.read_bytes())) for one in scripts) < 15_000
    assert (site.folder / "assets/js/demo.js").stat().st_size < 15_000


def test_the_weights_that_the_site_serves_are_those_of_the_receipt(site, root):
    import gzip
    import hashlib

    told = json.loads(
        re.search(
            r'<script type="application/json">(.*?)</script>',
            (site.folder / CLASSIFIER / "index.html").read_text("utf-8"),
        )[1]
    )
    derived = read_result(root / "projects/sentiment/results/export.json").receipt.derived
    data = gzip.decompress((site.folder / "assets/weights/sentiment/classifier.onnx.gz").read_bytes())
    assert (
        hashlib.sha256(data).hexdigest()
        == derived["classifier.onnx"]
        == told["browser"]["first"]["classifier.onnx"]["sha256"]
    )
    assert told["browser"]["bytes"] <= 25_000_000
    assert max(path.stat().st_size for path in site.folder.rglob("*") if path.is_file()) < 100_000_000
    assert sum(path.stat().st_size for path in site.folder.rglob("*") if path.is_file()) < 1_000_000_000
