"""The live rung against a hub that is asleep, paused, broken, silent or talking nonsense: never a blank frame.

What a hub can say is tried on the toy's demo; what readers will meet most, on every demo of this repository.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from repository import REPOSITORY, make_rungs

from scripts.rung_site import serve_folder
from verifolio.build import only_builder
from verifolio.demos import read_demos
from verifolio.evidence import gather_evidence
from verifolio.ladder import render_demo
from verifolio.page import Page
from verifolio.publish.declare import Settings
from verifolio.site import read_site
from verifolio.stage import stage

PUBLISHED = "publish: {huggingface: [{sdk: gradio, name: toy-app}], modelscope: [{sdk: gradio}]}\n"
PATIENCE = {"answer": 1200, "waking": 2500, "every": 100}  # ms; the engine's own are for people
APP = """<!doctype html><title>app</title><body style="height:900px"><h1>The app</h1><p id="theme"></p><script>
document.getElementById("theme").textContent = new URL(location).searchParams.get("__theme")
addEventListener("message", event => String(event.data).startsWith("[iFrameSizer]vf:")
  && parent.postMessage("[iFrameSizer]vf:912:700:init", "*"))</script>"""
States = list[Any]
DEMOS = [slug for slug, demo in read_demos(REPOSITORY).items() if demo.recorded]


def put_page(folder: Path, name: str, section: str) -> None:
    """A page with a demo as the engine wrote it, but for how long it waits."""
    told = re.sub(r'"patience": \{.*?\}', f'"patience": {json.dumps(PATIENCE)}', section)
    assert told != section
    if not (folder / "assets").is_dir():
        shutil.copytree(REPOSITORY / "site_src/assets", folder / "assets")
    head = '<!doctype html><html lang="en" data-js><meta charset="utf-8"><title>demo</title>'
    styles = "".join(
        f'<link rel="stylesheet" href="assets/css/{one}.css">' for one in ("tokens", "site", "parts")
    )
    script = '<script type="module" src="assets/js/demo.js"></script>'
    (folder / name).write_text(f"{head}{styles}{script}{told}", "utf-8")


@pytest.fixture(scope="module")
def real_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Every demo of this repository, as if published to both hubs, each on a page of its own."""
    folder = tmp_path_factory.mktemp("demos")
    with only_builder(REPOSITORY / "build" / "work"):
        make_rungs()
    evidence, site = gather_evidence(REPOSITORY), read_site(REPOSITORY)
    with pytest.MonkeyPatch.context() as patch:
        own = Settings(huggingface="reader", modelscope="reader")
        patch.setattr("verifolio.live.read_settings", lambda _: own)
        for slug, demo in read_demos(REPOSITORY).items():
            if slug in DEMOS:
                page = Page("", f"{slug}.md", "en", evidence.for_page(), site)
                put_page(folder, f"{slug}.html", render_demo(page, slug, demo, 0))
    with serve_folder(folder) as url:
        yield url


@pytest.fixture
def address(workbench: Any, tmp_path: Any) -> Iterator[str]:
    """A page with the toy's demo, published to both hubs."""
    workbench.write("demos/toy/demo.yml", workbench.read("demos/toy/demo.yml") + PUBLISHED)
    workbench.write("publish.yml", "huggingface: reader\nmodelscope: reader\n")
    stage(workbench.root)
    found = re.search(
        r'<section class="vf-demo".*?</vf-demo></section>',
        workbench.read("build/docs/en/demos/toy.md"),
        re.DOTALL,
    )
    assert found
    site = tmp_path / "site"
    site.mkdir()
    put_page(site, "index.html", found[0])
    with serve_folder(site) as url:
        yield url


@pytest.fixture
def visit_at(new_page: Callable[..., Any]) -> Callable[..., Any]:
    """`visit_at(address, hub=[…], mirror=[…], app=…)`: a click on the live demo, with hubs that answer so, in turn."""

    def go(
        address: str,
        hub: States,
        mirror: States = (),
        app: bool = True,  # noqa: FBT001, FBT002
        studio: bool = False,  # noqa: FBT001, FBT002
        **options: Any,
    ) -> Any:
        page = new_page(**options)
        page.set_default_timeout(10_000)
        page.asked = []
        page.on("request", lambda request: page.asked.append(request.url))

        def scripted(states: States) -> Callable[[Any], None]:
            left = list(states)

            def answer(route: Any) -> None:
                state = left.pop(0) if len(left) > 1 else left[0] if left else None
                if state is None:
                    return  # never answers
                if state == "cut":
                    route.abort()
                elif isinstance(state, int):
                    route.fulfill(status=state, body="{}", headers={"Access-Control-Allow-Origin": "*"})
                else:
                    body = state if state.startswith("<") else json.dumps({"runtime": {"stage": state}})
                    route.fulfill(body=body, headers={"Access-Control-Allow-Origin": "*"})

            return answer

        def serving(up: bool) -> Callable[[Any], None]:  # noqa: FBT001
            return lambda route: route.fulfill(body=APP, content_type="text/html") if up else route.abort()

        page.route("https://huggingface.co/**", scripted(hub))
        page.route("https://hf-mirror.com/**", scripted(mirror))
        page.route("https://*.hf.space/**", serving(app))
        page.route("https://*.ms.show/**", serving(studio))
        page.goto(address)
        assert not [url for url in page.asked if "127.0.0.1" not in url]
        page.locator(".vf-demo-live").click()
        return page

    return go


@pytest.fixture
def visit(visit_at: Callable[..., Any], address: str) -> Callable[..., Any]:
    """The same on the toy's page."""
    return partial(visit_at, address)


def opened(page: Any, host: str) -> Any:
    page.locator(".vf-demo-stage iframe").wait_for()
    assert host in page.locator(".vf-demo-stage iframe").get_attribute("src")
    frame = page.frame_locator(".vf-demo-stage iframe")
    frame.get_by_text("The app").wait_for()
    return frame


def failed(page: Any, words: str) -> None:
    status = page.locator(".vf-demo-status")
    status.get_by_text(words).wait_for()
    assert page.locator(".vf-demo-recorded").is_visible()
    assert page.locator("iframe").count() == 0
    assert status.get_by_role("button", name="Try again").is_visible()


def test_a_running_space_opens_with_theme_and_height_in_step(visit):
    page = visit(["RUNNING"], color_scheme="dark")
    frame = opened(page, "reader-toy-app.hf.space")
    assert frame.locator("#theme").inner_text() == "dark"
    page.wait_for_function("document.querySelector('iframe').style.height === '912px'")
    page.evaluate("document.documentElement.dataset.scheme = 'light'")
    frame.get_by_text("light").wait_for()
    page.locator(".vf-demo-live").press("Enter")
    assert page.locator(".vf-demo-recorded").is_visible()
    assert page.locator("iframe").count() == 0


def test_a_sleeping_space_is_woken_and_waited_for(visit):
    page = visit(["SLEEPING", "SLEEPING", "APP_STARTING", "RUNNING"])
    page.locator(".vf-demo-status").get_by_text("being woken").wait_for()
    assert page.locator(".vf-demo-recorded").is_visible()
    opened(page, "hf.space")


def test_a_space_that_does_not_wake_gives_way_to_the_studio(visit):
    opened(visit(["SLEEPING"], studio=True), "reader-toy.ms.show")


@pytest.mark.parametrize(
    ("hub", "words"),
    [
        (["PAUSED"], "paused by its owner"),
        (["RUNTIME_ERROR"], "stopped by an error"),
        (["<html>sign in</html>"], "answers something unintelligible"),
        (["A_STAGE_OF_NEXT_YEAR"], "answers something unintelligible"),
        ([404], "not there or not public"),
        ([], "does not answer"),
    ],
)
def test_what_is_wrong_is_told_and_the_recorded_outputs_stay(visit, hub, words):
    failed(visit(hub, app=False), words)


def test_a_blocked_hub_is_asked_through_its_mirror(visit):
    page = visit(["cut"], mirror=["RUNNING"])
    opened(page, "hf.space")
    assert [url for url in page.asked if "hf-mirror.com" in url]


def test_a_space_that_says_it_runs_but_does_not_answer_opens_no_blank_frame(visit):
    failed(visit(["RUNNING"], app=False), "does not answer")


def test_waiting_can_be_called_off(visit):
    page = visit(["SLEEPING"])
    page.locator(".vf-demo-status").get_by_text("being woken").wait_for()
    page.get_by_text("Cancel").click()
    assert page.locator(".vf-demo-status").inner_text() == ""
    assert page.locator(".vf-demo-recorded").is_visible()


@pytest.mark.parametrize("slug", DEMOS)
def test_every_demo_waits_for_a_space_that_sleeps(visit_at, real_address, slug):
    page = visit_at(f"{real_address}{slug}.html", ["SLEEPING", "APP_STARTING", "RUNNING"])
    page.locator(".vf-demo-status").get_by_text("being woken").wait_for()
    assert page.locator(".vf-demo-recorded").is_visible()
    opened(page, "hf.space")


@pytest.mark.parametrize("slug", DEMOS)
@pytest.mark.parametrize(
    ("hub", "words"), [([], "does not answer"), (["<html>502</html>"], "answers something unintelligible")]
)
def test_every_demo_keeps_its_recorded_outputs_where_a_space_is_silent_or_talks_nonsense(
    visit_at, real_address, slug, hub, words
):
    page = visit_at(f"{real_address}{slug}.html", hub, app=False, viewport={"width": 360, "height": 740})
    failed(page, words)
    assert (
        page.locator(".vf-demo-status").get_by_role("button", name="Run it here").is_visible()
    )  # the next rung
    assert page.evaluate("document.documentElement.scrollWidth") == 360
