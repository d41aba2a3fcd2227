"""What search and reading time read of a page: Material's parsers get HTML without the tags that they skip."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from verifolio.kept import as_text, current

if TYPE_CHECKING:
    from mkdocs.structure.pages import Page

_CODE_OR_SVG = re.compile(r"<pre\b.*?</pre>|<svg\b[^<>]*>.*?</svg>", re.DOTALL)
_IN_CODE = re.compile(r'</?span\b[^<>]*>|<a id="__[^<>]*></a>')
_TAGS = re.compile(r"(?:<[^<>]*>)+")
_SEEN_IN_SVG = re.compile(
    r"<(?:!|style|script|object|title|textarea|p|code|pre|li|ol|ul|sub|sup|h[1-6]|a|img|svg)\b"
)


def lighten(html: str) -> str:
    """The HTML without the tags of code and charts that Material's parsers only skip over."""
    return _CODE_OR_SVG.sub(_lighten_block, html)


def _lighten_block(match: re.Match[str]) -> str:
    block = match.group()
    if "data-search" in block or "<!" in block:
        return block
    if block.startswith("<pre"):
        return _IN_CODE.sub("", block)
    start, end = block.index(">") + 1, len(block) - len("</svg>")
    body = block[start:end]
    opened, closed = len(re.findall(r"<\w", body)) - body.count("/>"), body.count("</")
    if opened != closed or body.count("<") != body.count(">") or _SEEN_IN_SVG.search(body):
        return block
    # A comment keeps apart the texts that the tags kept apart.
    return block[:start] + _TAGS.sub("<!---->", body) + block[end:]


def feed_light(plain: Callable[..., None], parser: Any, data: str) -> None:
    plain(parser, lighten(data))


def add_entry(plain: Callable[..., None], index: Any, page: Page) -> None:
    """`SearchIndex.add_entry_from_context`, whose entries depend on the page alone."""
    meta = [page.meta.get(name) for name in ("title", "tags", "search")]
    settings = as_text(dict(index.config))
    key = current().key("search", settings, page.url, str(page.title), repr(meta), page.content or "")
    kept = current().get(key)
    if kept is None:
        before = len(index.entries)
        plain(index, page)
        current().put(key, index.entries[before:])
    else:
        index.entries.extend(kept)


def readtime(plain: Callable[..., int], html: str, words_per_minute: int) -> int:
    key = current().key("readtime", str(words_per_minute), html)
    kept = current().get(key)
    if kept is None:
        kept = plain(lighten(html), words_per_minute)
        current().put(key, kept)
    return int(kept)
