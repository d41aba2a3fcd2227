"""Social cards: one picture of 1200×630 per page that is shared, with its title and its key number.

Drawn as SVG and turned into PNG without network or browser. The font travels with the engine
(`fonts/cards.otf`: Latin and all Han characters of GB 2312), so a machine without Chinese fonts draws the
same card; a rarer character comes from the system's fonts, and is a box where those lack it too.
"""

from __future__ import annotations

import functools
import hashlib
import html
import io
import re
from pathlib import Path

from verifolio.bind import bind_inline
from verifolio.errors import AuthorError
from verifolio.files import write_staged
from verifolio.page import Page
from verifolio.posts import Post
from verifolio.units import format_interval
from verifolio.words import say

WIDTH, HEIGHT = 1200, 630
FONTS = Path(__file__).with_name("fonts")
_NUMBER = re.compile(r"\{\{(?!\s*(?:claim|literal|/))(.*?)\}\}", re.DOTALL)
_PAPER, _SHEET, _INK, _MUTED, _GRID, _GOOD = "#faf8f3", "#fffefb", "#1b1a17", "#504c44", "#d9d4c7", "#05583f"
NARROW = "\u202f"  # between number and unit; the font lacks it
_NO_START = "，。、：；？！）》」』”’…,.:;?!)%"  # may not begin a line


def post_card(page: Page, post: Post, title: str) -> str:
    """A post's card as SVG: the key number is the first that its description binds."""
    facts: list[str] = []
    number = ""
    found = _NUMBER.search(post.meta.description)
    try:
        if found:
            number = bind_inline(found.group(), _scratch(page, post), 1, plain=True)
            quantity = page.evidence.for_page().evaluate(found.group(1).partition("|")[0])
            name = quantity.refs[0].experiment if quantity.refs else ""
            if quantity.metric:
                facts.append(quantity.metric.label[page.lang])
                if quantity.metric.ci:
                    facts.append(format_interval(*quantity.metric.ci, quantity.metric.unit, page.lang))
                if quantity.metric.n is not None:
                    facts.append(f"n = {quantity.metric.n:,}")
            if name:
                facts += [page.evidence.result(name).title[page.lang], name]
    except AuthorError:
        number, facts = "", []  # the fault is told where the description is bound
    when = f"{post.meta.date}" + (f" · {say('week', page.lang, post.meta.week)}" if post.meta.week else "")
    return draw_card(title, page.site.name[page.lang], when, number, facts, page.lang)


def site_card(name: str, description: str, lang: str) -> str:
    """The card of every other page: the site's name and what it is."""
    return draw_card(description or name, name, "", "", [], lang)


def draw_card(title: str, name: str, when: str, number: str, facts: list[str], lang: str) -> str:
    """The SVG: words on the left, on the right a receipt with the number."""
    room = 660 if number else 1010
    size, lines = _fit(title, room)
    top = 315 - (len(lines) - 1) * size * 0.66 + size * 0.36
    parts = [
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{_PAPER}"/>',
        f'<g transform="translate(80 70) scale(1.9)"><path d="{_MARK}" fill="{_INK}"/>'
        f'<path d="m6 12.2 2.8 2.8L14.2 9" fill="none" stroke="{_PAPER}" stroke-width="2"/></g>',
        _text(name, 134, 104, 34, _INK),
        *(_text(line, 80, top + at * size * 1.32, size, _INK) for at, line in enumerate(lines)),
        _text(when, 80, 566, 26, _MUTED),
    ]
    if number:
        parts.append(_receipt(number, facts, lang))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        f'font-family="Verifolio Cards, Noto Sans CJK SC, PingFang SC, Microsoft YaHei, sans-serif">'
        f"{''.join(parts)}</svg>"
    )


def png_of(svg: str, cache: Path) -> Path:
    """The picture of a card, drawn only if none of the same content is there."""
    name = hashlib.sha256(f"{_font_digest()} {svg}".encode()).hexdigest()[:24]
    path = cache / f"{name}.png"
    if not path.exists():
        write_staged(path, svg_to_png(svg))
    return path


def svg_to_png(svg: str, scale: float = 1.0) -> bytes:
    """Any SVG as a small PNG, with the cards' font at hand for what the system lacks."""
    import vl_convert
    from PIL import Image

    _register_fonts()
    drawn = vl_convert.svg_to_png(svg, scale=scale)
    picture = Image.open(io.BytesIO(drawn)).convert("RGB")
    small = io.BytesIO()  # a palette: an eighth of the bytes, and no eye sees it
    picture.quantize(64, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(small, "PNG")
    return small.getvalue()


def _receipt(number: str, facts: list[str], lang: str) -> str:
    left, right, top, bottom, teeth = 800, 1120, 96, 534, 16
    edge = (right - left) / teeth / 2
    zigzag = "".join(f"l{edge} 9l{edge} -9" for _ in range(teeth))
    back = "".join(f"l-{edge} -9l-{edge} 9" for _ in range(teeth))
    middle = (left + right) / 2
    size = next(size for size in (92, 76, 62, 50, 40, 32) if _width(number) * size <= 270 or size == 32)
    label, rest = (facts[0], facts[1:]) if facts else ("", [])
    parts = [
        f'<path d="M{left} {top}{zigzag}L{right} {bottom}{back}Z" fill="{_SHEET}" stroke="{_GRID}" stroke-width="2"/>',
        *(
            _text(line, middle, 170 + 34 * at, 26, _MUTED, centred=True)
            for at, line in enumerate(_wrapped(label, 270 / 26)[:2])
        ),
        _text(number, middle, 296, size, _INK, centred=True),
        f'<path d="M{left + 26} 336H{right - 26}" stroke="{_MUTED}" stroke-width="2" stroke-dasharray="3 6"/>',
    ]
    lines = [line for fact in rest[:-1] for line in _wrapped(fact, 272 / 20)][:3] + rest[-1:]
    parts += [_text(line, middle, 376 + 28 * at, 20, _MUTED, centred=True) for at, line in enumerate(lines)]
    parts.append(_text(say("receipt", lang), middle, 506, 22, _GOOD, centred=True))
    return "".join(parts)


def _text(text: str, x: float, y: float, size: float, colour: str, *, centred: bool = False) -> str:
    anchor = ' text-anchor="middle"' if centred else ""
    return f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size:g}" fill="{colour}"{anchor}>{html.escape(text.replace(NARROW, " "))}</text>'


def _fit(title: str, room: float) -> tuple[float, list[str]]:
    """The largest size at which the title stands in four lines; a monster loses its end."""
    for size in (68, 60, 52, 46, 40, 34):
        lines = _wrapped(title, room / size)
        if len(lines) * size * 1.32 <= 350 and len(lines) <= 5:
            return size, lines
    return size, lines if len(lines) <= 6 else [*lines[:6], lines[6].rstrip() + "…"]


def _wrapped(text: str, room: float) -> list[str]:
    """Lines of at most `room` em: between any two Han characters, between Latin words."""
    lines, line = [], ""
    for piece in re.findall(r"[\u2e80-\uffef]|[^\s\u2e80-\uffef]+|\s+", text):
        if line.strip() and _width(line + piece.rstrip()) > room and piece not in _NO_START:
            lines.append(line.rstrip())
            line = ""
        line += piece if line or piece.strip() else ""
    return [*lines, line.rstrip()] if line.strip() or not lines else lines


def _width(text: str) -> float:
    """Roughly, in em; wide enough never to be too little."""
    return sum(map(_letter_width, text))


@functools.lru_cache(maxsize=4096)  # a title is measured anew at each of its words
def _letter_width(letter: str) -> float:
    if ord(letter) > 0x2E7F:
        return 1.0
    return 0.95 if letter in "mwMW@%—…" else 0.32 if letter in "iljI.,:;'|!()[] \u202f" else 0.62


def _scratch(page: Page, post: Post) -> Page:
    return Page(post.source, page.path, page.lang, page.evidence.for_page(), page.site)


@functools.cache
def _register_fonts() -> None:
    import vl_convert

    vl_convert.register_font_directory(str(FONTS))


@functools.cache
def _font_digest() -> str:
    return hashlib.sha256((FONTS / "cards.otf").read_bytes()).hexdigest()[:8]


_MARK = (
    "M1 1.5 3.25 0 5.5 1.5 7.75 0 10 1.5 12.25 0l2.25 1.5L16.75 0 19 1.5v21L16.75 24l-2.25-1.5L12.25 24 "
    "10 22.5 7.75 24 5.5 22.5 3.25 24 1 22.5z"
)
