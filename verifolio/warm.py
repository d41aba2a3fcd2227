"""MkDocs kept warm for the preview: one language, ready to render a single page again.

`mkdocs build` forgets everything when it ends. Here the configuration, files, navigation and
templates of the last full build stay, so that an edited page costs its own rendering only. What
other pages show of it (lists, search, feeds) follows with the next full build.

The steps of `WarmSite.build` are those of `mkdocs.commands.build.build` in MkDocs 1.6.1, the last
release of that line, whose private functions are used here for this reason.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from verifolio import kept, render, speedups


class WarmSite:
    """One full build of one language in `site_dir`, and single pages again after it."""

    def __init__(self, config_file: Path, site_dir: Path, cache_file: Path, site_url: str) -> None:
        self.site_dir = site_dir
        self._arguments = (config_file, site_dir, cache_file, site_url)

    def build(self, give_way: Callable[[], None] = lambda: None) -> None:
        """Build everything, as MkDocs does, and keep what it takes to do parts again.

        `give_way` is called between pages, so that a build in the background can wait for an edit.
        """
        from mkdocs.commands import build as mkdocs
        from mkdocs.structure.files import InclusionLevel, get_files, set_exclusions
        from mkdocs.structure.nav import get_navigation
        from mkdocs.structure.pages import Page

        config_file, site_dir, cache_file, site_url = self._arguments
        config = render.load(config_file, site_dir, cache_file, strict=False, site_url=site_url)
        config.plugins.on_startup(command="serve", dirty=False)
        self.docs_dir = Path(config.docs_dir)
        config = config.plugins.on_config(config)
        config.plugins.on_pre_build(config=config)
        files, env = get_files(config), config.theme.get_env()
        files.add_files_from_theme(env, config)
        files = config.plugins.on_files(files, config=config)
        set_exclusions(files, config)
        nav = config.plugins.on_nav(get_navigation(files, config), config=config, files=files)
        self.config, self.files, self.nav = config, files, nav

        inclusion = InclusionLevel.is_in_serve
        for file in files.documentation_pages(inclusion=inclusion):
            if file.page is None and file.inclusion.is_not_in_nav():
                Page(None, file, config)
            give_way()
            mkdocs._populate_page(file.page, config, files)
        self.env = config.plugins.on_env(env, config=config, files=files)
        files.copy_static_files(inclusion=inclusion)
        for template in config.theme.static_templates:
            mkdocs._build_theme_template(template, self.env, files, config, nav)
        for template in config.extra_templates:
            mkdocs._build_extra_template(template, files, config, nav)
        self.pages = files.documentation_pages(inclusion=inclusion)
        for file in self.pages:
            give_way()
            mkdocs._build_page(file.page, config, self.pages, nav, self.env)
        for file in self.pages:
            file.page.validate_anchor_links(files=files, log_level=config.validation.links.anchors)
        config.plugins.on_post_build(config=config)
        self.cache = kept.current()
        self.cache.save()
        if (jieba := sys.modules.get("jieba")) and config.theme["language"] == "zh":
            jieba.initialize()  # 0.5 s now rather than at the first edit

    def close(self) -> None:
        """Let the plugins tidy up."""
        self.config.plugins.on_shutdown()

    def refresh(self, staged: Iterable[Path]) -> set[str] | None:
        """Render only what these staged files need; None if that takes a full build.

        Returns the addresses of what changed, relative to this language's root; `*` for what any
        page may use.
        """
        speedups.install(self.cache)
        done: set[str] = set()
        for path in staged:
            file = self.files.get_file_from_path(path.relative_to(self.docs_dir).as_posix())
            if file is None or not path.exists():  # a page came or went
                return None
            if not file.is_documentation_page():
                file.copy_file()
                done.add("*")
            elif self._refresh_page(file, path):
                done.add(file.url)
            else:
                return None
        return done

    def _refresh_page(self, file: Any, path: Path) -> bool:
        from material.plugins.blog.structure import Post
        from mkdocs.commands import build as mkdocs

        page = file.page
        if page is None or path.suffix != ".md" or "material/tags" in path.read_text("utf-8"):
            return False
        if isinstance(page, Post) and not self._reread_post(page, file):
            return False
        mkdocs._populate_page(page, self.config, self.files)
        mkdocs._build_page(page, self.config, self.pages, self.nav, self.env)
        return True

    def _reread_post(self, page: Any, file: Any) -> bool:
        """Read a post again in place, for everything else points to it; False if it moved."""
        from material.plugins.blog.structure import Post

        fresh = Post(file, self.config)  # takes the file over, so give it back
        file.page = page
        blog = self.config.plugins["material/blog"]
        place = blog._path_to_file(blog._format_path_for_post(fresh, self.config), self.config, temp=False)
        if place.url != file.url:
            return False
        page.markdown, page.meta, page.config = fresh.markdown, fresh.meta, fresh.config
        page.authors = []
        return True
