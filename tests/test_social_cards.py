"""Social cards: a picture per post and language, small, with Chinese on any machine, drawn once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont
from PIL import Image

from verifolio.socialcard import FONTS, _fit, _width, _wrapped, draw_card, png_of
from verifolio.stage import stage

REPOSITORY = Path(__file__).parents[1]


def cards(workbench, lang: str) -> dict[str, Path]:
    stage(workbench.root)
    folder = workbench.root / f"build/docs/{lang}/assets/cards"
    return {re.sub(r"-[0-9a-f]{8}$", "", path.stem): path for path in folder.glob("*.png")}


@pytest.mark.parametrize("letters", range(20, 400, 7))
@pytest.mark.parametrize("letter", ["W", "i", "字"])
def test_a_title_of_any_length_has_a_place(letter, letters):
    size, lines = _fit(" ".join([letter * 5] * (letters // 5)), 1000)
    assert 34 <= size <= 68
    assert 0 < len(lines) <= 7


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_each_post_and_the_site_have_a_small_card_of_the_right_size(workbench, lang):
    found = cards(workbench, lang)
    assert set(found) == {"first-numbers", "second-look", "site"}
    for path in found.values():
        assert Image.open(path).size == (1200, 630)
        assert 2_000 < path.stat().st_size <= 60_000


def test_the_page_names_its_card_and_another_title_makes_another_name(workbench):
    stage(workbench.root)
    page = "build/docs/zh/blog/posts/second-look.md"
    before = re.search(r'"card": "([^"]+)"', workbench.read(page)).group(1)
    assert (workbench.root / "build/docs/zh" / before).exists()
    workbench.edit("blog/second-look/zh.md", "title: 再看一眼", "title: 再看两眼")
    stage(workbench.root)
    after = re.search(r'"card": "([^"]+)"', workbench.read(page)).group(1)
    assert after != before
    assert not (workbench.root / "build/docs/zh" / before).exists()


def test_the_key_number_of_the_description_stands_on_the_card(workbench):
    from verifolio.evidence import gather_evidence
    from verifolio.stage import judge

    for lang in ("zh", "en"):
        workbench.edit(
            f"blog/second-look/{lang}.md", "description: ", "description: '{{ toy.measure.accuracy }}' # "
        )
    drawn = {}
    judge(workbench.root, gather_evidence(workbench.root), lambda draft: drawn.update(draft.cards) or [])
    card = next(svg for name, svg in drawn.items() if "second-look" in name)
    for words in ("75.0 %", "准确率", "n = 16", "toy.measure", "再看一眼", "第 2 周"):
        assert words in card, words


def test_an_unchanged_card_is_not_drawn_again(tmp_path):
    svg = draw_card("标题", "名字", "", "", [], "zh")
    first = png_of(svg, tmp_path)
    moment = first.stat().st_mtime_ns
    assert png_of(svg, tmp_path).stat().st_mtime_ns == moment
    assert png_of(draw_card("标题二", "名字", "", "", [], "zh"), tmp_path) != first


def test_the_cards_font_has_every_character_of_our_titles():
    known = set(TTFont(FONTS / "cards.otf").getBestCmap())
    heads = [path.read_text(encoding="utf-8").split("---")[1] for path in REPOSITORY.glob("blog/*/zh.md")]
    assert heads
    han = {letter for head in heads for letter in head if "\u4e00" <= letter <= "\u9fff"}
    assert {letter for letter in han if ord(letter) not in known} == set()


def test_a_long_title_is_cut_between_words_and_never_begins_a_line_with_a_full_stop():
    lines = _wrapped("这是一个很长很长的标题，它讲的是 quantisation 与 fine-tuning。还有别的！", 8)
    assert all(_width(line) <= 9 for line in lines)
    assert not any(line[0] in "，。！" for line in lines)
    assert "".join(lines).replace(" ", "").endswith("还有别的！")
    assert any("quantisation" in line for line in lines)
