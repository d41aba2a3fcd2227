"""How to cite a post: one line for people, BibTeX for programs; both with dates and address."""

from __future__ import annotations

import re

from verifolio.page import Page
from verifolio.posts import Post
from verifolio.words import say

_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "%": r"\%", "&": r"\&", "#": r"\#",
    "$": r"\$", "_": r"\_", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
}  # fmt: skip


def post_url(page: Page, post: Post) -> str:
    """The address of a post: absolute, or as a path from the site's root where no address is set."""
    prefix = "" if page.lang == "zh" else f"{page.lang}/"
    return f"{page.site.url.rstrip('/')}/{prefix}blog/{post.meta.slug}/".lstrip("/")


def author_of(page: Page) -> str:
    """Who wrote it: the author that mkdocs.yml names, else the site."""
    return page.site.author.get(page.lang) or page.site.name[page.lang]


def render_citation(page: Page, post: Post, title: str) -> str:
    """Markdown with both forms. The Chinese line follows GB/T 7714 for online sources."""
    meta, author, url = post.meta, author_of(page), post_url(page, post)
    updated = f"，{say('updated', page.lang)} {meta.updated}" if meta.updated else ""
    if page.lang == "zh":
        line = f"{author}. {title}[EB/OL]. ({meta.date}{updated}). {url}."
    else:
        updated = updated.replace("，", ", ")
        line = f"{author}. “{title}”. {page.site.name['en']}, {meta.date}{updated}. {url}"
    fields = {
        "author": f"{{{_latex(author)}}}",  # braces of its own: a name that is not cut into first and last
        "title": _latex(title),
        "year": f"{meta.date:%Y}",
        "month": f"{meta.date:%m}".lstrip("0"),
        "day": f"{meta.date:%d}".lstrip("0"),
        "url": url,
        **({"note": f"Updated {meta.updated}"} if meta.updated else {}),
    }
    key = f"{_key(page.site.name['en'])}-{meta.slug}" + ("" if page.lang == "zh" else f"-{page.lang}")
    width = max(map(len, fields))
    bibtex = ",\n".join(f"  {name:<{width}} = {{{value}}}" for name, value in fields.items())
    return f"```text\n{line}\n```\n\n```bibtex\n@misc{{{key},\n{bibtex}\n}}\n```"


def _latex(text: str) -> str:
    return "".join(_LATEX.get(letter, letter) for letter in text)


def _key(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "site"
