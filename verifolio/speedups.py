"""Make MkDocs with Material's blog faster, without changing a byte of what it writes.

Where the time of a plain build goes, measured: the blog converts each post once for its own page
and again, whole, for every list that shows its first paragraph; search and reading time parse the
finished HTML once more each, mostly the tags of code and charts, which they ignore.

What is done here: excerpts are cut *before* conversion (only if that is sure to give the same
HTML); the parsers get HTML without the tags that they skip; conversions are kept from build to
build (`verifolio.cache`), each checked against the present targets of its links; notebook code is
imported only when there is a notebook to convert.

Every patch replaces a function whose source is known by its hash. If another version of MkDocs or
Material brings another source, that patch stays away and the build is plain, slower and right.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import inspect
import json
import logging
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verifolio.cache import Cache

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

# SHA-256 of the sources that the patches stand in for (see `source_hash`).
KNOWN = {
    "Page.render": "",
    "Excerpt.__init__": "",
    "Excerpt.render": "",
    "SearchIndex.add_entry_from_context": "",
    "search.Parser": "",
    "readtime": "",
    "ReadtimeParser": "",
}

log = logging.getLogger("mkdocs.verifolio.speedups")

_cache = Cache(None)
_installed = False


def source_hash(function: Any) -> str:
    """The hash by which a function or class of another package is known."""
    return hashlib.sha256(inspect.getsource(function).encode()).hexdigest()[:16]


def install(cache: Cache) -> list[str]:
    """Patch what is known, use `cache` from now on, return the names of what was patched."""
    global _cache, _installed
    _cache = cache
    if _installed:
        return []
    _installed = True
    patched = []
    for names, patch in _patches().items():
        if all(source_hash(function) == KNOWN[name] for name, function in names):
            patch()
            patched += [name for name, _ in names]
        else:
            log.debug("other version of %s: no speed-up", ", ".join(name for name, _ in names))
    return patched


def _patches() -> dict[tuple[tuple[str, Any], ...], Any]:
    """Each patch, by the functions that must be the known ones."""
    from material.plugins.blog import plugin as blog
    from material.plugins.blog.readtime import parser as readtime_parser
    from material.plugins.blog.structure import Excerpt
    from material.plugins.search import plugin as search
    from mkdocs.structure.pages import Page

    def patch_pages() -> None:
        Page.render = functools.partialmethod(_render_page, Page.render)  # type: ignore[method-assign]

    def patch_excerpts() -> None:
        Excerpt.__init__ = functools.partialmethod(_init_excerpt, Excerpt.__init__)
        Excerpt.render = functools.partialmethod(_render_excerpt, Excerpt.render)

    def patch_search() -> None:
        original = search.SearchIndex.add_entry_from_context
        search.Parser.feed = _feed_light
        search.SearchIndex.add_entry_from_context = functools.partialmethod(_add_entry, original)

    def patch_readtime() -> None:
        blog.readtime = functools.partial(_readtime, blog.readtime)

    index = search.SearchIndex
    return {
        (("Page.render", Page.render),): patch_pages,
        (
            ("Excerpt.__init__", Excerpt.__init__),
            ("Excerpt.render", Excerpt.render),
        ): patch_excerpts,
        (
            ("SearchIndex.add_entry_from_context", index.add_entry_from_context),
            ("search.Parser", search.Parser),
        ): patch_search,
        (
            ("readtime", blog.readtime),
            ("ReadtimeParser", readtime_parser.ReadtimeParser),
        ): patch_readtime,
    }
