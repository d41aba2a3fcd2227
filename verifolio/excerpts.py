"""Excerpts cut before they are converted: lists show a post's lead, which Material cuts from the whole page's HTML.

Only where that is sure to give the same HTML; any other post goes Material's own way.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verifolio.kept import current, is_pure, links_of, same_links, settings_of

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

# Beginnings of a line that make a lead more than plain paragraphs, headings and lists: code,
# indented blocks, raw HTML blocks, definitions, tabs. Their HTML may depend on what stands around.
_NOT_PLAIN = re.compile(
    r"^(?: {4}|\t|\s*(?:```|~~~|={3}|!{3}|\?{3}|/{3}|:{3}|\*?\[[^\]]*\]:|\[TOC\])"
    r"|\s*<(?!/?(?:a|span|em|strong|code|b|i|mark|small|abbr|br|img|sub|sup|kbd)\b))",
    re.MULTILINE,
)
_DEFINITION = re.compile(r"^ {0,3}\*?\[(?!\^)[^\]]+\]:", re.MULTILINE)  # a reference or abbreviation
_ID = re.compile(r'\sid="([^"]+)"')


def lead_of(text: str, separator: str) -> str | None:
    """The text before the separator if it can be converted alone with the same result."""
    lead, mark, rest = text.partition(f"\n\n{separator}\n")
    if not mark or not rest.strip() or separator in lead or "[^" in lead:
        return None
    if _NOT_PLAIN.search(lead) or _DEFINITION.search(rest):
        return None
    return lead


def init_excerpt(
    plain: Callable[..., None], excerpt: Any, post: Any, config: MkDocsConfig, files: Files
) -> None:
    """`Excerpt.__init__`, which makes its Markdown parser (slow) only if it comes to need it."""
    from copy import copy

    if not is_pure(config) or _prints_rest(config.theme.custom_dir):
        plain(excerpt, post, config, files)
        return
    excerpt.file = copy(post.file)
    excerpt.post = post
    excerpt._set_canonical_url(config.site_url)
    excerpt.config, excerpt.meta = post.config, post.meta
    excerpt.authors, excerpt.categories = [], []
    excerpt.more = excerpt.md = None
    excerpt._source = (config, files)


def render_excerpt(plain: Callable[..., None], excerpt: Any, page: Page, separator: str) -> None:
    """`Excerpt.render` on the lead alone; anything unusual goes the plain way."""
    from mkdocs.structure.toc import get_toc

    if excerpt.md is None:
        kept = _lead_html(excerpt, page, separator)
        if kept is not None:
            excerpt.content = kept["content"]
            excerpt.toc = get_toc(kept["toc"])
            excerpt.more = "…"  # templates only ask whether there is more, see `_prints_rest`
            return
        authors, categories = excerpt.authors, excerpt.categories
        excerpt.__init__.__wrapped__(excerpt, excerpt.post, *excerpt._source)
        excerpt.authors, excerpt.categories = authors, categories
    plain(excerpt, page, separator)


def _lead_html(excerpt: Any, page: Page, separator: str) -> dict[str, Any] | None:
    """The converted lead for this page; lists at the same depth share it, as their links agree."""
    from mkdocs.utils import get_relative_url

    post = excerpt.post
    lead = lead_of(post.markdown, separator)
    if lead is None:
        return None
    rest = post.markdown[len(lead) :]
    excerpt.markdown = post.markdown
    if not post._title_from_render:
        lead, excerpt.markdown = (f"# {post.title}\n\n{text}" for text in (lead, post.markdown))
    config, files = excerpt._source
    key = current().key("lead", settings_of(config), separator, lead)
    variants = current().get(key) or []
    way = get_relative_url(post.url, page.url)
    excerpt.file.url = page.url
    try:
        for kept in variants:
            links = links_of(excerpt.file, files, _quiet(config))
            if kept["way"] == way and same_links(links, kept["links"]):
                break
        else:
            kept = _convert_lead(f"{lead}\n\n{separator}\n", excerpt, page, separator)
            kept["way"] = way
            current().put(key, [*variants, kept])
    finally:
        excerpt.file.url = post.url
    return None if _repeats_id(kept["content"], rest) else kept


def _convert_lead(text: str, excerpt: Any, page: Page, separator: str) -> dict[str, Any]:
    from material.plugins.blog.structure.markdown import ExcerptTreeprocessor

    config, files = excerpt._source
    md = _lead_parser(config)
    links = links_of(excerpt.file, files, _quiet(config))
    md.reset()
    md.treeprocessors.register(links, "relpath", 1)
    md.treeprocessors.register(ExcerptTreeprocessor(excerpt.post, page), "excerpt", 0)
    content = md.convert(text).split(separator, 1)[0]
    return {"content": content, "toc": getattr(md, "toc_tokens", []), "links": links.seen}


def _repeats_id(lead_html: str, rest: str) -> bool:
    """Whether an id of the lead is also set later, which would change the lead's own."""
    return any(
        name in rest and re.search(rf"(?:#|id=[\"']?){re.escape(name)}(?![\w-])", rest)
        for name in _ID.findall(lead_html)
    )


@functools.cache
def _prints_rest(custom_dir: str | None) -> bool:
    """Whether a template of ours prints what follows the lead (Material's own never does)."""
    templates = Path(custom_dir).rglob("*.html") if custom_dir else ()
    return any(re.search(r"\{\{[^}]*\.more\b", path.read_text("utf-8")) for path in templates)


def _quiet(config: MkDocsConfig) -> MkDocsConfig:
    """Material's settings for excerpts: no permalinks, no second warning about a link."""
    quiet: MkDocsConfig = _once_for(config, "_quiet", _material_quiet)
    return quiet


def _lead_parser(config: MkDocsConfig) -> Any:
    """One parser for all leads; plain leads leave nothing in it that `reset` does not clear."""
    return _once_for(config, "_lead_parser", _new_lead_parser)


def _material_quiet(config: MkDocsConfig) -> MkDocsConfig:
    from material.plugins.blog.structure import _patch

    quiet: MkDocsConfig = _patch(config)
    return quiet


def _new_lead_parser(config: MkDocsConfig) -> Any:
    from markdown import Markdown

    quiet = _quiet(config)
    return Markdown(extensions=quiet.markdown_extensions, extension_configs=quiet.mdx_configs)


_made: dict[str, tuple[Any, Any]] = {}


def _once_for(config: MkDocsConfig, name: str, make: Callable[[Any], Any]) -> Any:
    """Make a thing once for a configuration (which cannot be hashed), and again for the next."""
    owner, value = _made.get(name, (None, None))
    if owner is not config:
        value = make(config)
        _made[name] = (config, value)
    return value
