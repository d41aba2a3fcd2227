"""A post as staged: its front matter for the blog engine, its bound body, and the tail that proves it."""

from __future__ import annotations

import datetime
import functools
import hashlib
import html
import json
import re
from dataclasses import dataclass

from verifolio.bind import BlockHandler, bind_inline, bind_text
from verifolio.cite import render_citation
from verifolio.errors import AuthorError, Fault
from verifolio.handwritten import find_handwritten
from verifolio.page import Page
from verifolio.posts import Post
from verifolio.receipts import receipt_path
from verifolio.socialcard import post_card
from verifolio.words import say


@dataclass(frozen=True)
class PostPage:
    """A post's staged Markdown, and the card that stands for it elsewhere: its staged path and its SVG."""

    text: str
    card_path: str
    card: str


def render_post(
    page: Page, post: Post, handlers: dict[str, BlockHandler], neighbours: tuple[Post | None, Post | None]
) -> PostPage:
    """One post as staged; faults are noted on the page."""
    title = bind_inline(post.meta.title, page, 1, plain=True)
    description = bind_inline(post.meta.description, page, 1, plain=True)
    body = bind_text(post.body, page, handlers, first_line=post.first_line)
    page.faults += find_handwritten(post.body, page, first_line=post.first_line)
    page.faults += find_handwritten(f"{post.meta.title} — {post.meta.description}", page)
    card = post_card(page, post, title)
    # Places that show cards keep them for weeks by address: another picture has another name.
    card_path = f"assets/cards/{post.meta.slug}-{hashlib.sha256(card.encode()).hexdigest()[:8]}.png"
    head: dict[str, object] = {
        "title": title,
        "description": description,
        "slug": post.meta.slug,
        "categories": post.meta.categories,
        "tags": post.meta.tags,
        "readtime": reading_minutes(post.body),
        "social": {
            "card": card_path,
            "published": str(post.meta.date),
            "updated": str(post.meta.updated or ""),
            "author": page.site.author.get(page.lang, ""),
        },
        **({"mark": say(post.state, page.lang)} if post.state != "published" else {}),
    }
    front = f"date:\n  created: {_moment(post)}\n"
    front += f"  updated: {post.meta.updated}\n" if post.meta.updated else ""
    # Other values as JSON, which YAML reads too and which is written in a tenth of the time.
    front += "".join(f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in head.items())
    opening = "" if body.lstrip().startswith("# ") else f"# {_as_words(title)}\n\n"
    text = f"---\n{front}---\n\n{opening}{body.strip()}\n\n{_tail(page, post, title, neighbours)}"
    return PostPage(text, card_path, card)


def _as_words(title: str) -> str:
    """A title as it is written, where Markdown is read: C#, __init__, <script>."""
    return re.sub(r"([\\`*_{}\[\]#])", r"\\\1", html.escape(title, quote=False))


def _moment(post: Post) -> datetime.datetime:
    """The post's day; the week as its minute, for the blog plugin orders the posts of one day by the time."""
    return datetime.datetime.combine(post.meta.date, datetime.time(0, min(post.meta.week or 0, 59)))


@functools.lru_cache(maxsize=2048)  # the preview stages every post at each edit
def reading_minutes(text: str) -> int:
    """Minutes to read: 400 Han characters or 230 words a minute, a bound number as one word, and a quarter of a
    minute for each figure, table, piece of code and demo. Exercises are left out: they take as long as one likes.
    """
    looked_at = len(re.findall(r"\n:::\s+(?:chart|table|code|demo)\b", f"\n{text}"))
    text = re.sub(r"\{\{(?!\s*/?claim\b).*?\}\}", " 0 ", text)
    prose = re.sub(
        r"(?=[`~:{<])"  # so that most letters are passed over at once
        r"(?:^(```|~~~).*?^\1|^:::[^\n]*:::[ \t]*$|^:::.*?^:::\s*$|\{\{.*?\}\}|<[^>]*>)",
        " ",
        text,
        flags=re.DOTALL | re.MULTILINE,
    )
    han = len(re.sub(r"[^\u3400-\u9fff]+", "", prose))
    words = len(re.findall(r"[A-Za-z0-9][\w'’-]*", prose))
    return max(1, round(han / 400 + words / 230 + looked_at / 4))


def _tail(page: Page, post: Post, title: str, neighbours: tuple[Post | None, Post | None]) -> str:
    lang = page.lang
    lines: list[str] = []
    if post.meta.notebook:
        notebook = post.meta.notebook.rpartition("/")[2]
        path = page.evidence.portfolio.root / post.meta.notebook
        if path.exists():
            lines += [
                f"## {say('notebook', lang)}",
                "",
                f"[{notebook}]({page.link(f'notebooks/{notebook}')})",
                "",
            ]
        else:
            page.faults.append(
                Fault(post.source, 1, f"notebook {post.meta.notebook} is missing", "verifolio run makes it")
            )
    experiments = list(dict.fromkeys(ref.experiment for ref in page.evidence.used))
    if experiments:
        lines += [f"## {say('receipts_of_page', lang)}", "", '<ul class="vf-receipts" markdown="1">']
        for name in experiments:
            try:
                label, state = page.evidence.result(name).title[lang], page.evidence.state(name)
            except AuthorError:
                continue  # already reported where it is bound
            lines.append(
                f'<li markdown="span">[{label}]({page.link(receipt_path(name))}) <code>{name}</code> '
                f'<span class="vf-state vf-{state}">{say(state, lang)}</span></li>'
            )
        lines += ["</ul>", ""]
    lines += _reading(page, post)
    lines += [f"## {say('cite', lang)}", "", render_citation(page, post, title), ""]
    lines += _neighbours(page, neighbours)
    return "\n".join(lines)


def _reading(page: Page, post: Post) -> list[str]:
    if not post.meta.reading:
        return []
    lines = [f"## {say('reading', page.lang)}", ""]
    for one in post.meta.reading:
        if not re.match(r"https?://\S+\Z", one.url):
            fault = Fault(post.source, 1, f"reading: ‘{one.url}’ is no address", "https://…")
            page.faults.append(fault)
        comma, colon = ("，", "。") if page.lang == "zh" else (", ", ". ")
        source = comma.join(filter(None, [one.by, str(one.year or "")]))
        source = (f"（{source}）" if page.lang == "zh" else f" ({source})") if source else ""
        note = f"{colon}{bind_inline(one.note, page, 1)}" if one.note else ""
        lines.append(f"- [{one.title}]({one.url}){source}{note}")
    return [*lines, ""]


def _neighbours(page: Page, neighbours: tuple[Post | None, Post | None]) -> list[str]:
    links = []
    for word, post in zip(("previous_week", "next_week"), neighbours, strict=True):
        if post:
            colon, title = ("：" if page.lang == "zh" else ": "), html.escape(plain_title(page, post))
            links.append(f"[{say(word, page.lang)}{colon}{title}]({page.link(post.staged)})")
    return (
        ['<nav class="vf-weeks-nav" markdown="1">', "", " · ".join(links), "", "</nav>", ""] if links else []
    )


def plain_title(page: Page, post: Post) -> str:
    return bind_inline(post.meta.title, _scratch(page, post), 1, plain=True)


def plain_description(page: Page, post: Post) -> str:
    return bind_inline(post.meta.description, _scratch(page, post), 1, plain=True)


def _scratch(page: Page, post: Post) -> Page:
    """A post's words shown elsewhere: its faults are reported at the post, not again here."""
    return Page(post.source, page.path, page.lang, page.evidence.for_page(), page.site)
