"""The live rung against a hub that is asleep, paused, broken, silent or talking nonsense: never a blank frame."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from repository import REPOSITORY

from scripts.rung_site import serve_folder
from verifolio.stage import stage

PUBLISHED = "publish: {huggingface: [{sdk: gradio, name: toy-app}], modelscope: [{sdk: gradio}]}\n"
PATIENCE = {"answer": 400, "waking": 2500, "every": 100}  # ms; the engine's own are for people
APP = """<!doctype html><title>app</title><body style="height:900px"><h1>The app</h1><p id="theme"></p><script>
document.getElementById("theme").textContent = new URL(location).searchParams.get("__theme")
addEventListener("message", event => String(event.data).startsWith("[iFrameSizer]vf:")
  && parent.postMessage("[iFrameSizer]vf:912:700:init", "*"))</script>"""
States = list[Any]


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
    told = re.sub(r'"patience": \{.*?\}', f'"patience": {json.dumps(PATIENCE)}', found[0])
    assert told != found[0]
    site = tmp_path / "site"
    shutil.copytree(REPOSITORY / "site_src/assets", site / "assets")
    head = '<!doctype html><html lang="en" data-js><meta charset="utf-8"><title>toy</title>'
    styles = "".join(
        f'<link rel="stylesheet" href="assets/css/{one}.css">' for one in ("tokens", "site", "parts")
    )
    (site / "index.html").write_text(
        f'{head}{styles}<script type="module" src="assets/js/demo.js"></script>{told}', "utf-8"
    )
    with serve_folder(site) as url:
        yield url


@pytest.fixture
def visit(new_page: Callable[..., Any], address: str) -> Callable[..., Any]:
    """`visit(hub=[…], mirror=[…], app=…)`: a click on the live demo, with hubs that answer so, one after the other."""

    def go(hub: States, mirror: States = (), app: bool = True, studio: bool = False, **options: Any) -> Any:  # noqa: FBT001, FBT002
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
