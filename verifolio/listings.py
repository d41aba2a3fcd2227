"""The `:::` blocks that list what the portfolio has: weeks, posts, projects, demos, receipts."""

from __future__ import annotations

import html
import json
from dataclasses import dataclass

from verifolio.bind import Block, BlockHandler
from verifolio.blocks import chart_block, code_block, exercise_block, table_block
from verifolio.cards import receipt_block
from verifolio.demos import demos_of
from verifolio.errors import AuthorError
from verifolio.ladder import demo_block, demo_state, rung_names
from verifolio.page import Page
from verifolio.portfolio import Project
from verifolio.postpage import plain_description, plain_title
from verifolio.posts import Post, Week, split_front_matter
from verifolio.receipts import list_receipts, receipt_path
from verifolio.roadmap import Roadmap, chip
from verifolio.words import say


@dataclass(frozen=True)
class Shelf:
    """What lists can show: the posts of one language, newest first, and the weeks."""

    posts: list[Post]
    weeks: list[Week]

    def handlers(self) -> dict[str, BlockHandler]:
        """Every block that a page may use."""
        return {
            "table": table_block,
            "chart": chart_block,
            "code": code_block,
            "exercise": exercise_block,
            "demo": demo_block,
            "weeks": self._weeks,
            "roadmap": lambda page, block: Roadmap(page, self.weeks, self.posts).render(),
            "posts": self._posts,
            "projects": _projects,
            "demos": _demos,
            "receipt": receipt_block,
            "receipts": lambda page, block: list_receipts(page),
        }

    def _weeks(self, page: Page, block: Block) -> str:
        roadmap, tiles = Roadmap(page, self.weeks, self.posts), []
        for week in self.weeks:
            post = roadmap.post_of(week)
            unpublished = post is not None and post.state != "published"  # only where drafts are shown
            state = post.state if post and unpublished else roadmap.week_state(week)
            title = html.escape(week.title[page.lang])
            inner = f'<a href="{page.href(post.staged)}">{title}</a>' if post else title
            tiles.append(
                f'<li class="vf-week" data-state="{state}"><span class="vf-week-no">{week.week:02d}</span>'
                f'<span class="vf-week-title">{inner}</span>{chip(state, page.lang)}</li>'
            )
        return f'<ol class="vf-weeks">{"".join(tiles)}</ol>'

    def _posts(self, page: Page, block: Block) -> str:
        shown = [post for post in self.posts if not post.broken][: int(block.target or 5)]
        items = [
            f'<li class="vf-post"><time datetime="{post.meta.date}">{post.meta.date}</time>'
            f'<a href="{page.href(post.staged)}">{html.escape(plain_title(page, post))}</a>'
            f"{'' if post.state == 'published' else chip(post.state, page.lang)}"
            f"<p>{html.escape(plain_description(page, post))}</p></li>"
            for post in shown
        ]
        return f'<ul class="vf-posts">{"".join(items)}</ul>' if items else say("none_yet", page.lang)


def _projects(page: Page, block: Block) -> str:
    items = []
    for project in page.evidence.portfolio.projects.values():
        title = html.escape(project.entry.title[page.lang])
        weeks = " · ".join(say("week", page.lang, week) for week in project.entry.weeks)
        items.append(
            f'<li class="vf-project"><h2><a href="{page.href(f"projects/{project.slug}.md")}">{title}</a></h2>'
            f"<p>{html.escape(project.entry.summary[page.lang])}</p><p>{weeks}</p></li>"
        )
    return f'<ul class="vf-projects">{"".join(items)}</ul>'


def _demos(page: Page, block: Block) -> str:
    items = []
    for slug, demo in demos_of(page.evidence).items():
        state, title = demo_state(page, demo), html.escape(demo.title[page.lang])
        ready = demo.recorded is not None
        shown = f'<a href="{page.href(f"demos/{slug}.md")}">{title}</a>' if ready else title
        rungs = "".join(f"<li>{name}</li>" for name in rung_names(page, slug, demo))
        items.append(
            f'<li class="vf-demo-tile" data-state="{"ready" if ready else "planned"}">'
            f'<h3 class="vf-demo-title">{shown}</h3><p>{html.escape(demo.summary[page.lang])}</p>'
            + (f'<ul class="vf-tile-rungs">{rungs}</ul>' if rungs else "")
            + f"{chip('published' if state == 'fresh' else state, page.lang)}</li>"
        )
    return f'<ul class="vf-demos">{"".join(items)}</ul>'


def render_project(page: Page, project: Project, shelf: Shelf) -> str:
    """A project's page: what it is, its experiments with their states, its posts and demos."""
    lang, entry = page.lang, project.entry
    rows = [
        f"| {say('experiments', lang)} | {say('state', lang)} | {say('source_code', lang)} |",
        "| --- | --- | --- |",
    ]
    for experiment in project.experiments.values():
        one = page.evidence.states[experiment.name]
        title = experiment.entry.title[lang]
        shown = f"[{title}]({page.link(receipt_path(experiment.name))})" if one.result else title
        module = experiment.entry.run.partition(":")[0].replace(".", "/") + ".py"
        url = page.site.source_url(module)
        code = f"[`{module}`]({url})" if url else f"`{module}`"
        rows.append(
            f'| {shown} | <span class="vf-state vf-{one.state}">{say(one.state, lang)}</span> | {code} |'
        )
    posts = [post for post in shelf.posts if post.meta.week in entry.weeks]
    pages = _pages_of(page, project.slug)
    lines = [
        "---", f"title: {json.dumps(entry.title[lang], ensure_ascii=False)}", "---", "", f"# {entry.title[lang]}", "", entry.summary[lang], "",
        f"## {say('experiments', lang)}", "", '<div class="vf-table" markdown>', "", *rows, "", "</div>", "",
    ]  # fmt: skip
    if pages:
        lines += [f"## {say('further_pages', lang)}", ""]
        lines += [f"- [{title}]({page.link(path)})" for path, title in pages.items()] + [""]
    if posts:
        lines += [f"## {say('posts', lang)}", ""]
        lines += [f"- [{plain_title(page, post)}]({page.link(post.staged)})" for post in posts] + [""]
    demos = [
        (slug, demo)
        for slug, demo in demos_of(page.evidence).items()
        if demo.project == project.slug and demo.recorded  # a planned one has no page yet
    ]
    if demos:
        lines += [f"## {say('demo', lang)}", ""]
        lines += [f"- [{demo.title[lang]}]({page.link(f'demos/{slug}.md')})" for slug, demo in demos] + [""]
    return "\n".join(lines)


def _pages_of(page: Page, slug: str) -> dict[str, str]:
    """Path → title of the hand-written pages beside a project's own: site_src/projects/SLUG-*.md."""
    root = page.evidence.portfolio.root
    found = {}
    for path in sorted((root / "site_src" / "projects").glob(f"{slug}-*.{page.lang}.md")):
        shown = path.relative_to(root).as_posix()
        try:
            front, _, _ = split_front_matter(path.read_text(encoding="utf-8"), shown)
        except (AuthorError, UnicodeDecodeError):
            front = {}  # its own page tells the fault
        found[f"projects/{path.name.removesuffix(f'.{page.lang}.md')}.md"] = str(
            front.get("title", path.stem)
        )
    return found
