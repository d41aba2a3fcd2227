"""Receipt pages: all that proves a number, in both languages; stale is visible to the reader."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

from verifolio.receipts import markdown_table
from verifolio.results import Column, Table
from verifolio.stage import stage
from verifolio.units import format_value
from verifolio.words import say

PAGE = "build/docs/{}/receipts/toy/{}.md"


@pytest.fixture(scope="module")
def pages(staged_once) -> dict[tuple[str, str], str]:
    return {
        (lang, name): (staged_once / PAGE.format(lang, name)).read_text(encoding="utf-8")
        for lang in ("zh", "en")
        for name in ("measure", "compare", "export")
    }


@pytest.fixture(scope="module")
def results(staged_once) -> dict[str, dict]:
    folder = staged_once / "projects/toy/results"
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")}


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("name", ["measure", "compare", "export"])
def test_a_receipt_shows_every_part_of_the_story(pages, results, lang, name):
    page, result = pages[lang, name], results[name]
    receipt = result["receipt"]
    assert result["title"][lang] in page
    assert receipt["command"] in page
    assert receipt["commit"][:12] in page
    assert receipt["machine"]["cpu"] in page
    assert result["digest"][:16] in page.replace(" ", "")
    for key, metric in result["metrics"].items():
        assert f'id="{key}"' in page
        assert metric["label"][lang] in page
    for key in result["tables"]:
        assert f'id="table-{key}"' in page
    for key in result["charts"]:
        assert f'id="chart-{key}"' in page
    for one in receipt["inputs"]:
        assert one["license"] in page
        for file, digest in one["sha256"].items():
            assert file in page
            assert digest in page
    for path, digest in {**receipt["code"], **receipt["files"], **receipt["products"]}.items():
        assert path in page
        assert digest[:12] in page
    for package, version in receipt["versions"].items():
        assert package in page
        assert version in page


def test_a_fresh_receipt_says_fresh_in_words(pages):
    for lang in ("zh", "en"):
        assert f'class="vf-state vf-fresh">{say("fresh", lang)}<' in pages[lang, "measure"]


def test_a_stale_receipt_says_so_and_why(workbench):
    workbench.edit("projects/toy/measure.py", "> margin", ">= margin")
    stage(workbench.root, strict=False)
    page = workbench.read(PAGE.format("en", "measure"))
    assert 'class="vf-state vf-stale">stale<' in page
    assert "code changed" in page
    assert "projects/toy/measure.py" in page


def test_the_list_names_the_machine_unless_there_were_several(workbench):
    cpu = json.loads(workbench.read("projects/toy/results/measure.json"))["receipt"]["machine"]["cpu"]
    page = "build/docs/en/receipts/index.md"
    stage(workbench.root, strict=False)
    assert f"all of them on one kind of machine: {cpu}." in workbench.read(page)
    workbench.edit("projects/toy/results/measure.json", cpu, "Another")
    stage(workbench.root, strict=False)
    assert "not all of them on one kind of machine." in workbench.read(page)


def test_an_edited_receipt_says_edited_by_hand(workbench):
    workbench.edit("projects/toy/results/measure.json", '"value": 0.75', '"value": 0.76')
    stage(workbench.root, strict=False)
    assert "edited by hand" in workbench.read(PAGE.format("en", "measure"))


def test_the_receipt_of_a_missing_result_is_gone_and_the_list_says_missing(workbench):
    (workbench.root / "projects/toy/results/measure.json").unlink()
    stage(workbench.root, strict=False)
    assert not (workbench.root / PAGE.format("en", "measure")).exists()
    assert "vf-missing" in workbench.read("build/docs/en/receipts/index.md")


class Balance(HTMLParser):
    """Fails on a tag that closes what is not open."""

    VOID = ("br", "wbr", "meta", "img", "hr", "input")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, self.getpos()


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_html_in_staged_pages_is_balanced(staged_once, lang):
    for path in (staged_once / "build/docs" / lang).rglob("*.md"):
        text = re.sub(
            r"```.*?```|`[^`\n]*`|<!--.*?-->", "", path.read_text(encoding="utf-8"), flags=re.DOTALL
        )
        parser = Balance()
        parser.feed(text)
        assert parser.open == [], path.name


HOSTILE = '<img src=x onerror=alert(1)> & "quoted" | piped'


def test_words_of_a_result_cannot_break_the_page(workbench):
    for path in (workbench.root / "projects/toy").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace('"en": "accuracy"', f'"en": {HOSTILE!r}'), encoding="utf-8")
    assert workbench.verifolio("execute", "toy.measure").code == 0
    assert workbench.verifolio("execute", "toy.compare").code == 0
    stage(workbench.root, strict=False)
    for path in (workbench.root / "build/docs/en").rglob("*.md"):
        assert "<img" not in path.read_text(encoding="utf-8"), path


def test_effects_of_words_are_shown_by_their_strength():
    column = Column(key="effects", label={"zh": "词", "en": "words"})
    table = Table(
        columns=[column], rows=[{"effects": '[["a", 0.02], ["bad", -0.3]]'}, {"effects": "[[no list"}]
    )
    assert markdown_table(table, "en").splitlines()[2:] == ["| bad −0.30, a +0.02 |", "| [[no list |"]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_list_tells_how_long_each_run_took_and_all_of_them(staged_once, results, lang):
    page = (staged_once / f"build/docs/{lang}/receipts/index.md").read_text(encoding="utf-8")
    took = {name: one["receipt"]["duration_s"] for name, one in results.items()}
    for seconds in (*took.values(), sum(took.values())):
        least = "< " if seconds < 1 else ""
        assert least + format_value(max(1, round(seconds)), "seconds", lang, digits=0) in page
