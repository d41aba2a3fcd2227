"""`verifolio export`: a post for other places, within their limits, with every number as text."""

from __future__ import annotations

import html
import re

import pytest
from PIL import Image

from verifolio.export.places import LINKEDIN_CHARACTERS, measured, to_devto, to_linkedin
from verifolio.export.portable import Portable

SITE = "https://example.org/"
FOLDER = "build/export/first-numbers"


def export(workbench, place: str, *more: str) -> str:
    done = workbench.verifolio("export", "first-numbers", "--to", place, *more, SITE_URL=SITE)
    assert done.code == 0, done.said
    return done.said


def portable(**more: object) -> Portable:
    plain = {
        "title": "T",
        "description": "D",
        "lang": "en",
        "url": SITE,
        "author": "A",
        "tags": [],
        "date": "2026-01-01",
    }
    return Portable(**{**plain, **more})


def test_markdown_holds_numbers_tables_code_and_pictures_and_nothing_of_our_engine(workbench):
    export(workbench, "markdown", "--lang", "en")
    text = workbench.read(f"{FOLDER}/markdown/en.md")
    assert text.startswith("# How far word lists go: 75.0\u202f%\n")
    prose = re.sub(r"^```.*?^```|`[^`\n]+`", "", text, flags=re.DOTALL | re.MULTILINE)
    assert not re.search(r"\{\{|:::|<div|<span|vf-|<!--|\{ ?[.#]", prose), prose
    assert "**Exercise 1:** What" in text
    assert f"]({SITE}en/receipts/toy/measure/)" in text
    for picture in re.findall(r"!\[[^\]]+\]\((images/[^)]+)\)", text):
        with Image.open(workbench.root / FOLDER / "markdown" / picture) as image:
            assert image.width > 1000
            assert min(image.convert("RGB").getpixel((1, 1))) > 250  # paper, not transparent
    assert "![" in text


def test_no_link_is_relative_anywhere(workbench):
    for lang in ("zh", "en"):
        path = f"blog/first-numbers/{lang}.md"
        workbench.write(
            path, workbench.read(path) + "\n[here](second-look.md) and [there](../../about.md#x)\n"
        )
    for place in ("markdown", "zhihu", "devto"):
        export(workbench, place, "--lang", "en")
        text = workbench.read(f"{FOLDER}/{place}/en.md")
        links = [
            url for url in re.findall(r"(?<!!)\[[^\]]*\]\(([^)]+)\)", text) if not url.startswith("https://")
        ]
        assert links == [], place
        assert f"[here]({SITE}en/blog/second-look/) and [there]({SITE}en/about/#x)" in text


def test_wechat_has_inline_styles_only_no_links_and_code_that_keeps_its_lines(workbench):
    path = "blog/first-numbers/zh.md"
    workbench.write(
        path,
        workbench.read(path)
        + "\n[论文](https://arxiv.org/abs/1706.03762)\n\n```python\ndef f(x):\n    return x\n```\n",
    )
    export(workbench, "wechat")
    page = workbench.read(f"{FOLDER}/wechat/zh.html")
    body = page[page.index('<section id="body"') : page.rindex("</section>")]
    assert "<a " not in body
    assert "class=" not in body
    number = re.search(r"论文<sup>\[(\d)\]</sup>", body).group(1)
    assert f"[{number}] <span" in body
    assert "https://arxiv.org/abs/1706.03762" in body
    code = re.sub(r"<(?!br)[^>]*>", "", body[body.rindex("<pre") : body.rindex("</pre>")])
    assert html.unescape(code).replace("\u00a0", " ") == "def f(x):<br>    return x"
    for tag in ("p", "h2", "td", "img"):
        assert not re.search(rf"<{tag}(?![^>]*style=)[\s>]", body), tag


def test_devto_has_a_canonical_address_four_tags_and_no_live_liquid():
    text = to_devto(
        portable(
            tags=["LoRA", "fine-tuning", "BERT", "NLP", "five"], body="Prose {{ x }}\n\n```\n{{ y }}\n```\n"
        )
    )
    head = text.split("---")[1]
    assert f'canonical_url: "{SITE}"' in head
    assert 'tags: "lora, finetuning, bert, nlp"' in head
    assert "published: false" in head
    assert "Prose {% raw %}{{{% endraw %} x" in text
    assert "```\n{{ y }}\n```" in text


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_linkedin_stays_below_its_limit_and_ends_with_the_address(lang):
    body = "Lead.\n\n" + "\n\n".join(
        f"## Part {at}\n\n**Bold** words 😀 {'long ' * 60}[link](https://x.org)." for at in range(20)
    )
    text = to_linkedin(portable(lang=lang, body=body, tags=["LoRA", "fine-tuning"]))
    assert 2000 < measured(text) <= LINKEDIN_CHARACTERS
    assert SITE in text
    assert text.endswith("#LoRA #finetuning\n")
    assert not re.search(r"\*\*|\]\(|^#+ ", text, re.MULTILINE)
    assert "▍Part" not in text[text.rindex("long") :]


def test_linkedin_leaves_out_a_tables_caption_with_the_table():
    body = "Lead.\n\n**What the table shows**\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n\n**Bold** after."
    text = to_linkedin(portable(body=body))
    assert "What the table shows" not in text
    assert "Bold after." in text


def test_linkedin_leaves_out_what_only_points_at_a_picture():
    text = to_linkedin(
        portable(body="Lead.\n\nIt works. With this:\n\n```python\nx\n```\n\nAfter it.\n\nThese:\n\n- one\n")
    )
    assert "It works.\n\nAfter it." in text
    assert "These:\n\n• one" in text


def test_a_first_paragraph_that_is_too_long_for_linkedin_is_told(workbench):
    for lang in ("zh", "en"):
        path = f"blog/second-look/{lang}.md"
        workbench.write(path, workbench.read(path).replace("A short post.", "word " * 700))
    done = workbench.verifolio("export", "second-look", "--to", "linkedin", "--lang", "en", SITE_URL=SITE)
    assert done.code == 1
    assert "LinkedIn takes 3,000 characters" in done.said


def test_a_false_number_stops_the_export(workbench):
    workbench.edit("projects/toy/measure.py", '"great": 1', '"great": 2')
    done = workbench.verifolio("export", "first-numbers", "--to", "markdown", SITE_URL=SITE)
    assert done.code == 1
    assert "binds toy.measure, which is stale" in done.said
    assert not (workbench.root / FOLDER).exists()


def test_an_unknown_post_is_answered_with_the_nearest_and_a_local_address_with_a_warning(workbench):
    done = workbench.verifolio("export", "first-number", "--to", "markdown")
    assert "did you mean ‘first-numbers’?" in done.said
    assert "set SITE_URL" in workbench.verifolio("export", "first-numbers", "--to", "markdown").said


def test_the_weeks_become_a_list_with_their_states(workbench):
    for lang in ("zh", "en"):
        path = f"blog/first-numbers/{lang}.md"
        workbench.write(path, workbench.read(path) + "\n::: weeks :::\n")
    export(workbench, "devto")
    text = workbench.read(f"{FOLDER}/devto/en.md")
    assert re.search(
        r"^1\. \[[^]]+\]\(https://example\.org/en/blog/first-numbers/\) · \w+", text, re.MULTILINE
    )


def test_pictures_may_lie_elsewhere(workbench):
    export(workbench, "devto", "--images-at", "https://pics.example.org/a/")
    assert "](https://pics.example.org/a/en-1-" in workbench.read(f"{FOLDER}/devto/en.md")
