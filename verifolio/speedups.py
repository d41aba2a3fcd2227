"""Make MkDocs with Material's blog faster, without changing a byte of what it writes.

Where the time of a plain build goes, measured: the blog converts each post once for its own page
and again, whole, for every list that shows its first paragraph; search and reading time parse the
finished HTML once more each, mostly the tags of code and charts, which they ignore.

What is done here: excerpts are cut *before* conversion (only if that is sure to give the same
HTML); the parsers get HTML without the tags that they skip; what was computed is kept from build to
build (`verifolio.cache`), each conversion checked against the present targets of its links;
notebook code is imported only when there is a notebook to convert.

A patch is applied only over the very source that it was written for, known by its hash. Under
another version of MkDocs or Material the build is plain there: slower, and right.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import inspect
import logging
import re
import sys
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from verifolio.cache import Cache

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import File, Files
    from mkdocs.structure.pages import Page

KNOWN = {  # `source_hash` of what is replaced: MkDocs 1.6.1, Material 9.8.1
    "320529348f7a8af1",  # mkdocs.structure.pages.Page.render
    "32c96fb86b8a80c8",  # material.plugins.blog.structure.Excerpt.__init__
    "6ee38b3efd751ef5",  # material.plugins.blog.structure.Excerpt.render
    "3227e18afa8a20e1",  # material.plugins.search.plugin.Parser
    "4ca78ac4321f7704",  # material.plugins.search.plugin.SearchIndex.add_entry_from_context
    "8ffe5d00f4dfab03",  # material.plugins.blog.readtime.parser.ReadtimeParser
    "02f7775771a3c378",  # material.plugins.blog.readtime.readtime
}

# Extensions whose output depends on nothing but text and settings, so that it may be kept.
# Not among them: snippets and b64, which read other files.
_PURE = re.compile(
    r"(markdown\.extensions\.)?(abbr|admonition|attr_list|def_list|fenced_code|footnotes|md_in_html"
    r"|meta|nl2br|sane_lists|smarty|tables|toc)"
    r"|pymdownx\.(?!snippets|b64|pathconverter|extra$)\w+(\.\w+)*"
)

log = logging.getLogger("mkdocs.verifolio.speedups")

# The live preview builds two languages in threads, each with a cache of its own.
_current: ContextVar[Cache] = ContextVar("cache")
_no_cache = Cache(None)
_installed = False


def source_hash(function: Any) -> str:
    """The hash by which a function or class of another package is known."""
    return hashlib.sha256(inspect.getsource(function).encode()).hexdigest()[:16]


def install(cache: Cache) -> None:
    """Put the faster functions in place, once a process; this thread keeps their results in `cache`."""
    global _installed
    _current.set(cache)
    if _installed:
        return
    _installed = True
    from material.plugins.blog import plugin as blog
    from material.plugins.blog.readtime.parser import ReadtimeParser
    from material.plugins.blog.structure import Excerpt
    from material.plugins.search.plugin import Parser, SearchIndex
    from mkdocs.structure.pages import Page
    from mkdocs.theme import Theme

    if _known(Page.render):
        Page.render = _instead(Page.render, _render_page)  # type: ignore[method-assign]
    if _known(Excerpt.__init__, Excerpt.render):
        Excerpt.__init__ = _instead(Excerpt.__init__, _init_excerpt)
        Excerpt.render = _instead(Excerpt.render, _render_excerpt)
    if _known(Parser, SearchIndex.add_entry_from_context):
        Parser.feed = _instead(Parser.feed, _feed_light)
        add = SearchIndex.add_entry_from_context
        SearchIndex.add_entry_from_context = _instead(add, _add_entry)
    if _known(ReadtimeParser, blog.readtime):
        blog.readtime = _instead(blog.readtime, _readtime)
    Theme.get_env = _instead(Theme.get_env, _get_env)  # type: ignore[method-assign]


def current() -> Cache:
    """The cache that this thread uses."""
    return _current.get(_no_cache)


def save() -> None:
    """Keep what this build converted for the next one."""
    current().save()


def tools() -> str:
    """The versions that conversions depend on."""
    from importlib.metadata import version

    names = ("markdown", "pymdown-extensions", "pygments", "mkdocs", "mkdocs-material", "jieba")
    return " ".join(f"{name}={version(name)}" for name in names)


def _known(*functions: Any) -> bool:
    strange = [f.__qualname__ for f in functions if source_hash(f) not in KNOWN]
    if strange:
        log.info("no speed-up for %s: not the version that it was written for", ", ".join(strange))
    return not strange


def _instead(plain: Callable[..., Any], new: Callable[..., Any]) -> Callable[..., Any]:
    """`new`, called with the function that it replaces before the usual arguments."""

    @functools.wraps(plain)
    def call(*args: Any, **kwargs: Any) -> Any:
        return new(plain, *args, **kwargs)

    return call


class _Late(ModuleType):
    """Stands for a module until something in it is asked for."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # the import system's own questions
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


def import_notebooks_late() -> None:
    """Let mkdocs-jupyter import nbconvert and jupytext only when it meets a notebook."""
    for name in ("jupytext", "mkdocs_jupyter.convert"):
        sys.modules.setdefault(name, _Late(name))


# --- whole pages ------------------------------------------------------------------------------


def _render_page(plain: Callable[..., None], page: Page, config: MkDocsConfig, files: Files) -> None:
    """`Page.render`, from the cache when source, settings and targets of links are the same."""
    from mkdocs.structure.toc import get_toc

    if page.markdown is None or not is_pure(config):
        plain(page, config, files)
        return
    key = current().key("page", settings_of(config), page.file.src_uri, page.file.url, page.markdown)
    kept = current().get(key)
    links = _links(page.file, files, config)
    if kept is None or not _same_links(links, kept["links"]):
        links = _links(page.file, files, config)
        kept = _convert_page(page, config, links)
        current().put(key, kept)
    page.content = kept["content"]
    page.toc = get_toc(kept["toc"])
    page._title_from_render = kept["title"]
    page.present_anchor_ids = set(kept["anchors"])
    if log.getEffectiveLevel() > logging.DEBUG:
        page.links_to_anchors = links.links_to_anchors


def _convert_page(page: Page, config: MkDocsConfig, links: Any) -> dict[str, Any]:
    """What `Page.render` does, with the links that it met."""
    from markdown import Markdown
    from mkdocs.structure import pages

    md = Markdown(extensions=config["markdown_extensions"], extension_configs=config["mdx_configs"] or {})
    raw = pages._RawHTMLPreprocessor()
    anchors = pages._ExtractAnchorsTreeprocessor(page.file, links.files, config)
    title = pages._ExtractTitleTreeprocessor()
    for extension in (raw, anchors, links, title):  # in MkDocs' own order
        extension._register(md)
    content = md.convert(page.markdown or "")
    return {
        "content": content,
        "toc": getattr(md, "toc_tokens", []),
        "title": title.title,
        "anchors": sorted(anchors.present_anchor_ids | raw.present_anchor_ids),
        "links": links.seen,
    }


@functools.cache
def _link_class() -> type:
    from mkdocs.structure.pages import _RelativePathTreeprocessor

    class Links(_RelativePathTreeprocessor):
        """MkDocs' own resolver of links, which also remembers what it was asked."""

        def __init__(self, file: File, files: Files, config: MkDocsConfig) -> None:
            super().__init__(file, files, config)
            self.seen: list[list[str]] = []

        def path_to_url(self, url: str) -> str:
            target = super().path_to_url(url)
            self.seen.append([url, target])
            return target

    return Links


def _links(file: File, files: Files, config: MkDocsConfig) -> Any:
    return _link_class()(file, files, config)


def _same_links(links: Any, seen: Iterable[list[str]]) -> bool:
    """Whether every link still leads where it led; warnings and anchors are noted on the way."""
    return all(links.path_to_url(url) == target for url, target in seen)


def is_pure(config: MkDocsConfig) -> bool:
    """Whether a conversion depends on nothing but its text, its settings and its links."""
    return all(_PURE.fullmatch(name) for name in config["markdown_extensions"])


def settings_of(config: MkDocsConfig) -> str:
    """Everything in the configuration that a conversion depends on, as text."""
    parts = (config["markdown_extensions"], config["mdx_configs"], config["use_directory_urls"])
    return _as_text(parts)


def _as_text(value: Any) -> str:
    """A text that is equal in every process for equal settings (functions by name)."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{k}:{_as_text(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(_as_text, value)) + "]"
    if isinstance(value, functools.partial):
        return _as_text([value.func, value.args, value.keywords])
    if callable(value):
        return f"{value.__module__}.{value.__qualname__}"
    return repr(value)


# --- excerpts ---------------------------------------------------------------------------------

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


def _init_excerpt(
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


def _render_excerpt(plain: Callable[..., None], excerpt: Any, page: Page, separator: str) -> None:
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
            links = _links(excerpt.file, files, _quiet(config))
            if kept["way"] == way and _same_links(links, kept["links"]):
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
    links = _links(excerpt.file, files, _quiet(config))
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


# --- search and reading time ------------------------------------------------------------------

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


def _feed_light(plain: Callable[..., None], parser: Any, data: str) -> None:
    plain(parser, lighten(data))


def _add_entry(plain: Callable[..., None], index: Any, page: Page) -> None:
    """`SearchIndex.add_entry_from_context`, whose entries depend on the page alone."""
    meta = [page.meta.get(name) for name in ("title", "tags", "search")]
    settings = _as_text(dict(index.config))
    key = current().key("search", settings, page.url, str(page.title), repr(meta), page.content or "")
    kept = current().get(key)
    if kept is None:
        before = len(index.entries)
        plain(index, page)
        current().put(key, index.entries[before:])
    else:
        index.entries.extend(kept)


def _readtime(plain: Callable[..., int], html: str, words_per_minute: int) -> int:
    key = current().key("readtime", str(words_per_minute), html)
    kept = current().get(key)
    if kept is None:
        kept = plain(lighten(html), words_per_minute)
        current().put(key, kept)
    return int(kept)


# --- templates --------------------------------------------------------------------------------


def _get_env(plain: Callable[..., Any], theme: Any) -> Any:
    """`Theme.get_env` with compiled templates kept on disk; MkDocs asks for it several times."""
    from jinja2 import FileSystemBytecodeCache

    env = plain(theme)
    if folder := current().folder:
        env.bytecode_cache = FileSystemBytecodeCache(str(folder))
    return env
