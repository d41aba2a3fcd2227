"""Make MkDocs with Material's blog faster, without changing a byte of what it writes.

Where the time of a plain build goes, measured: the blog converts each post once for its own page
and again, whole, for every list that shows its first paragraph; search and reading time parse the
finished HTML once more each, mostly the tags of code and charts, which they ignore.

What is done about it: excerpts are cut before conversion (`verifolio.excerpts`); the parsers get HTML
without the tags that they skip (`verifolio.searchtext`); what was computed is kept from build to build
(`verifolio.kept`); here notebook code is imported only when there is a notebook to convert, and all of
it is put in the place of what it replaces.

A patch is applied only over the very source that it was written for, known by its hash. Under
another version of MkDocs or Material the build is plain there: slower, and right.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import inspect
import logging
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from verifolio.cache import Cache
from verifolio.excerpts import init_excerpt, render_excerpt
from verifolio.kept import current, render_page, use
from verifolio.searchtext import add_entry, feed_light, readtime

KNOWN = {  # `source_hash` of what is replaced: MkDocs 1.6.1, Material 9.8.1
    "320529348f7a8af1",  # mkdocs.structure.pages.Page.render
    "32c96fb86b8a80c8",  # material.plugins.blog.structure.Excerpt.__init__
    "6ee38b3efd751ef5",  # material.plugins.blog.structure.Excerpt.render
    "3227e18afa8a20e1",  # material.plugins.search.plugin.Parser
    "4ca78ac4321f7704",  # material.plugins.search.plugin.SearchIndex.add_entry_from_context
    "8ffe5d00f4dfab03",  # material.plugins.blog.readtime.parser.ReadtimeParser
    "02f7775771a3c378",  # material.plugins.blog.readtime.readtime
}

log = logging.getLogger("mkdocs.verifolio.speedups")

_installed = False


def source_hash(function: Any) -> str:
    """The hash by which a function or class of another package is known."""
    return hashlib.sha256(inspect.getsource(function).encode()).hexdigest()[:16]


def install(cache: Cache) -> None:
    """Put the faster functions in place, once a process; this thread keeps their results in `cache`."""
    global _installed
    use(cache)
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
        Page.render = _instead(Page.render, render_page)  # type: ignore[method-assign]
    if _known(Excerpt.__init__, Excerpt.render):
        Excerpt.__init__ = _instead(Excerpt.__init__, init_excerpt)
        Excerpt.render = _instead(Excerpt.render, render_excerpt)
    if _known(Parser, SearchIndex.add_entry_from_context):
        Parser.feed = _instead(Parser.feed, feed_light)
        add = SearchIndex.add_entry_from_context
        SearchIndex.add_entry_from_context = _instead(add, add_entry)
    if _known(ReadtimeParser, blog.readtime):
        blog.readtime = _instead(blog.readtime, readtime)
    Theme.get_env = _instead(Theme.get_env, _get_env)  # type: ignore[method-assign]


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


def _get_env(plain: Callable[..., Any], theme: Any) -> Any:
    """`Theme.get_env` with compiled templates kept on disk; MkDocs asks for it several times."""
    from jinja2 import FileSystemBytecodeCache

    env = plain(theme)
    if folder := current().folder:
        env.bytecode_cache = FileSystemBytecodeCache(str(folder))
    return env
