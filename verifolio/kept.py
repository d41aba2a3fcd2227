"""What a build keeps for the next one: the cache of this thread, the keys of what is in it, and whole pages.

A page is converted again only if its text, the settings or the target of one of its links changed.
"""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from verifolio.cache import Cache

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import File, Files
    from mkdocs.structure.pages import Page

# Extensions whose output depends on nothing but text and settings, so that it may be kept.
# Not among them: snippets and b64, which read other files.
_PURE = re.compile(
    r"(markdown\.extensions\.)?(abbr|admonition|attr_list|def_list|fenced_code|footnotes|md_in_html"
    r"|meta|nl2br|sane_lists|smarty|tables|toc)"
    r"|pymdownx\.(?!snippets|b64|pathconverter|extra$)\w+(\.\w+)*"
)

log = logging.getLogger("mkdocs.verifolio.kept")

# The live preview builds two languages in threads, each with a cache of its own.
_current: ContextVar[Cache] = ContextVar("cache")
_no_cache = Cache(None)


def use(cache: Cache) -> None:
    """Let this thread keep what it converts in `cache`."""
    _current.set(cache)


def current() -> Cache:
    """The cache that this thread uses."""
    return _current.get(_no_cache)


def save() -> None:
    """Keep what this build converted for the next one."""
    current().save()


def render_page(plain: Callable[..., None], page: Page, config: MkDocsConfig, files: Files) -> None:
    """`Page.render`, from the cache when source, settings and targets of links are the same."""
    from mkdocs.structure.toc import get_toc

    if page.markdown is None or not is_pure(config):
        plain(page, config, files)
        return
    key = current().key("page", settings_of(config), page.file.src_uri, page.file.url, page.markdown)
    kept = current().get(key)
    links = links_of(page.file, files, config)
    if kept is None or not same_links(links, kept["links"]):
        links = links_of(page.file, files, config)
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


def links_of(file: File, files: Files, config: MkDocsConfig) -> Any:
    return _link_class()(file, files, config)


def same_links(links: Any, seen: Iterable[list[str]]) -> bool:
    """Whether every link still leads where it led; warnings and anchors are noted on the way."""
    return all(links.path_to_url(url) == target for url, target in seen)


def is_pure(config: MkDocsConfig) -> bool:
    """Whether a conversion depends on nothing but its text, its settings and its links."""
    return all(_PURE.fullmatch(name) for name in config["markdown_extensions"])


def settings_of(config: MkDocsConfig) -> str:
    """Everything in the configuration that a conversion depends on, as text."""
    parts = (config["markdown_extensions"], config["mdx_configs"], config["use_directory_urls"])
    return as_text(parts)


def as_text(value: Any) -> str:
    """A text that is equal in every process for equal settings (functions by name)."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{k}:{as_text(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(as_text, value)) + "]"
    if isinstance(value, functools.partial):
        return as_text([value.func, value.args, value.keywords])
    if callable(value):
        return f"{value.__module__}.{value.__qualname__}"
    return repr(value)
