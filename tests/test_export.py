"""`verifolio export`: a post for other places, within their limits, with every number as text."""

from __future__ import annotations

import html
import re

import pytest
from PIL import Image

from verifolio.export.examples import quote_recorded
from verifolio.export.places import LINKEDIN_CHARACTERS, measured, to_devto, to_linkedin
from verifolio.export.portable import Portable
from verifolio.recorded import Recorded
from verifolio.results import Column, Table

SITE = "https://example.org/"
FOLDER = "build/export/first-numbers"


def export(workbench, place: str, *more: str) -> str:
    done = workbench.here("export", "first-numbers", "--to", place, *more, SITE_URL=SITE)
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


def test_files_and_pictures_of_the_site_keep_their_addresses(workbench):
    path = "blog/first-numbers/en.md"
    text = "\n[data](../../assets/rows.csv) ![Two bars](../../assets/two.png)\n"
    for name in ("rows.csv", "two.png"):
        workbench.write(f"site_src/assets/{name}", "x")
    workbench.write(path, workbench.read(path) + text)
    export(workbench, "markdown", "--lang", "en")
    said = workbench.read(f"{FOLDER}/markdown/en.md")
    assert f"[data]({SITE}en/assets/rows.csv) ![Two bars]({SITE}en/assets/two.png)" in said


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


@pytest.mark.parametrize(
    ("block", "line"),
    [
        (
            "**What it shows. And more.**\n\n| a | b |\n| --- | --: |\n| 1 | 2 |",
            "Table in the post: What it shows",
        ),
        ("| a |\n| --- |\n| 1 |", "Table in the post"),
        ("[`projects/x/y.py#f`](https://x.org)\n\n```python\n| x |\n```", "Code in the post: y.py#f"),
        ("```\n\n> x\n```", "Code in the post"),
        ("![two bars](images/en-1-x.png)\n\n*One *is* longer*", "Figure in the post: One is longer"),
        (f"**Toy** · Recorded · [Open]({SITE})\n\n> x\n>\n> → y", f"Demo in the post: Toy {SITE}"),
    ],
)
def test_linkedin_says_what_stands_in_the_post_where_plain_text_has_nothing(block, line):
    text = to_linkedin(portable(body=f"Lead.\n\nTry it. Here:\n\n{block}\n\nThe **last** row\n\n> quoted\n"))
    assert f"\n\nTry it. Here:\n\n→ {line}\n\nThe last row\n\nquoted\n\nThe whole post" in text


def test_linkedin_announces_nothing_that_no_longer_fits():
    body = f"Lead.\n\nKept.\n\n## Part\n\nThis:\n\n- {'long ' * 700}"
    assert "Lead.\n\nKept.\n\nThe whole post" in to_linkedin(portable(body=body))


def test_a_first_paragraph_that_is_too_long_for_linkedin_is_told(workbench):
    for lang in ("zh", "en"):
        path = f"blog/second-look/{lang}.md"
        workbench.write(path, workbench.read(path).replace("A short post.", "word " * 700))
    done = workbench.here("export", "second-look", "--to", "linkedin", "--lang", "en", SITE_URL=SITE)
    assert done.code == 1
    assert "LinkedIn takes 3,000 characters" in done.said


FORMULA = (
    "<msub><mi>q</mi><mi>i</mi></msub><mo>=</mo><mi>round</mi><mrow><mo>(</mo><mn>127</mn><mo>·</mo><mfrac><msub>"
    "<mi>x</mi><mi>i</mi></msub><mrow><munder><mi>max</mi><mi>j</mi></munder><mo>|</mo><msub><mi>x</mi><mi>j</mi>"
    "</msub><mo>|</mo></mrow></mfrac><mo>)</mo></mrow>"
)
LATEX = r"q_{i} = \mathrm{round} \left( 127 \cdot \frac{x_{i}}{\max_{j} | x_{j} |} \right)"
TEXT = "qᵢ = round(127 · xᵢ / maxⱼ |xⱼ|)"


@pytest.mark.parametrize(
    ("place", "block", "inline"),
    [
        ("markdown", f"\n$${LATEX}$$\n", r"with $\frac{\alpha}{2}$."),
        ("zhihu", f"\n$${LATEX}$$\n", r"with  $$\frac{\alpha}{2}$$ ."),
        (
            "devto",
            f"\n{{% katex %}}{LATEX}{{% endkatex %}}\n",
            r"{% katex inline %}\frac{\alpha}{2}{% endkatex %}.",
        ),
        ("wechat", f">{TEXT}</p>", "with α/2."),
        ("linkedin", f"\n{TEXT}\n", "with α/2."),
    ],
)
def test_formulas_become_latex_where_it_is_drawn_and_text_elsewhere(workbench, place, block, inline):
    for lang in ("zh", "en"):
        workbench.edit(
            f"blog/first-numbers/{lang}.md",
            "<!-- more -->",
            f'<!-- more -->\n\n<math display="block">{FORMULA}</math>\n\n'
            "with <math><mfrac><mi>α</mi><mn>2</mn></mfrac></math>.\n",
        )
    export(workbench, place, "--lang", "en")
    text = workbench.read(f"{FOLDER}/{place}/en.{ {'wechat': 'html', 'linkedin': 'txt'}.get(place, 'md') }")
    assert block in text
    assert inline in text
    assert "<math" not in text


@pytest.mark.parametrize(
    ("inner", "reason"),
    [
        ("<msqrt><mn>2</mn></msqrt>", "<msqrt> in a formula, which the export cannot write"),
        ("<mfrac><mn>1</mn></mfrac>", "<mfrac> in a formula holds what does not belong there"),
        ("<mrow>x</mrow>", "<mrow> in a formula holds what does not belong there"),
        ("<mi>x", "no formula that can be read"),
    ],
)
def test_a_formula_that_cannot_be_written_elsewhere_stops_the_export(workbench, inner, reason):
    path = "blog/first-numbers/en.md"
    workbench.edit(path, "<!-- more -->", f"<!-- more -->\n\n`<math>` and\n<math>{inner}</math>\n")
    line = workbench.read(path).split("\n").index(f"<math>{inner}</math>") + 1
    done = workbench.here("export", "first-numbers", "--to", "markdown", "--lang", "en", SITE_URL=SITE)
    assert done.code == 1
    assert f"{path}:{line}: {reason}" in done.said


def test_a_demo_shows_its_first_outputs_with_the_words_marked_that_moved_them(workbench):
    export(workbench, "markdown", "--lang", "en")
    text = workbench.read(f"{FOLDER}/markdown/en.md")
    assert (
        f"**Word list demo** · Recorded real outputs · [Open the demo]({SITE}en/demos/toy/)\n\n> **1.**"
        in text
    )
    assert "> **1.** A **good** film with a **great** heart\n>\n> → **positive** (75.0\u202f%)\n" in text
    assert "> **2.** **Awful** (−) from the first minute\n>\n> → **negative** (75.0\u202f%)\n" in text
    assert "> *Words in bold speak for the verdict, a word followed by (−) against it*\n" in text


def test_marks_of_one_kind_run_together_and_a_verdict_that_no_word_moved_is_told():
    roles = Recorded(table="a.b.c", input="in", label="label", score="score", effects="effects")
    columns = [Column(key=key, label={"zh": key, "en": key}) for key in ("in", "label", "score", "effects")]

    def quoted(text: str, effects: str) -> str:
        row: dict[str, object] = {"in": text, "label": "good", "score": 0.9, "effects": effects}
        return quote_recorded(roles, Table(columns=columns, rows=[row]), "en")

    marked = quoted("a so, so bad, bad `film`", '[["a", 0], ["so", 1], ["so", 1], ["bad", -1], ["bad", -1]]')
    assert marked.startswith("> **1.** a **so, so** **bad** (−), **bad** (−) \\`film\\`\n>\n> → **good** (90")
    unmoved = quoted("a film", '[["film", 0.1]]')
    assert "*No single word by itself moves this verdict.*" in unmoved
    assert "Words in bold" not in unmoved


def test_outputs_with_sources_remarks_and_lines_of_their_own():
    roles = Recorded(table="a.b.c", input="in", output="out", sources="sources", mode="mode", facts=["speed"])
    columns = {"in": "In", "out": "Out", "sources": "S", "mode": "M", "speed": "Speed"}
    row: dict[str, object] = {
        "in": "a * b?",
        "out": "One\ntwo `x` [1]",
        "sources": '[{"document": "d.pdf", "place": "p. 1"}]',
        "mode": {"zh": "摘录", "en": "Quoted"},
        "speed": 2.5,
    }
    table = Table(
        columns=[
            Column(key=key, label={"zh": name, "en": name}, unit="tokens_per_s" if key == "speed" else None)
            for key, name in columns.items()
        ],
        rows=[row] * 5,
    )
    quoted = quote_recorded(roles, table, "en")
    assert quoted.startswith(
        "> **1.** a \\* b?\n>\n> → One  \n> two \\`x\\` [1]\n>\n> *Quoted · [1] d.pdf, p. 1 · Speed: 2.50"
    )
    assert quoted.endswith("\n>\n> *2 more recorded outputs*")
    assert quoted.count("→") == 3


def test_a_false_number_stops_the_export(workbench):
    workbench.edit("projects/toy/measure.py", '"great": 1', '"great": 2')
    done = workbench.here("export", "first-numbers", "--to", "markdown", SITE_URL=SITE)
    assert done.code == 1
    assert "binds toy.measure, which is stale" in done.said
    assert not (workbench.root / FOLDER).exists()


def test_a_draft_neither_counts_nor_is_linked_to(workbench):
    for lang in ("zh", "en"):
        workbench.edit(f"blog/second-look/{lang}.md", "week: 2\n", "week: 2\ndraft: true\n")
        path = f"blog/first-numbers/{lang}.md"
        workbench.write(path, workbench.read(path) + "\n::: weeks :::\n")
    assert workbench.here("export", "first-numbers", "--to", "markdown", "--lang", "en").code == 0
    assert "second-look" not in workbench.read("build/export/first-numbers/markdown/en.md")


def test_an_unknown_post_is_answered_with_the_nearest_and_a_local_address_with_a_warning(workbench):
    done = workbench.here("export", "first-number", "--to", "markdown")
    assert "did you mean ‘first-numbers’?" in done.said
    assert (
        "write your site’s address into publish.yml"
        in workbench.here("export", "first-numbers", "--to", "markdown").said
    )


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


def test_it_is_written_where_one_says_and_only_there(workbench, tmp_path):
    kept = tmp_path / "mine" / "en-1-own.png"
    kept.parent.mkdir()
    kept.write_bytes(b"own")
    said = export(workbench, "devto", "--out", str(tmp_path / "mine"))
    written = tmp_path / "mine" / "first-numbers" / "devto"
    assert f"  {written.as_posix()}/en.md" in said
    assert (written / "images" / "en-cover.png").exists()
    assert kept.read_bytes() == b"own"
    assert not (workbench.root / FOLDER).exists()
