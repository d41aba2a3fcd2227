"""The road map: what each week promised, and how it stands. Nobody claims a state: it follows from what is there.

A promise names its evidence: results, a demo, a post, a page. It is *published* when every result is fresh and
bound by a published post, the demo has recorded outputs, the post is out and the page exists; *stale* when
something it rests on is no longer fresh; *in progress* when some of it is there; else *planned*.
"""

from __future__ import annotations

import functools
import html
import re
from collections.abc import Sequence

from verifolio.demos import Demo, demos_of
from verifolio.errors import AuthorError, Fault, did_you_mean
from verifolio.page import Page
from verifolio.posts import Post, Promise, Week
from verifolio.receipts import receipt_path
from verifolio.words import say

FILE = "blog/weeks.yml"


class Roadmap:
    """The weeks as one page's language sees them: their states, and the posts that bind their results."""

    def __init__(self, page: Page, weeks: Sequence[Week], posts: Sequence[Post]) -> None:
        self._page, self.weeks = page, weeks
        self._all = [post for post in posts if not post.broken]
        self._posts = [post for post in self._all if post.state == "published"]
        self._demos = demos_of(page.evidence)
        self._rests_on = {post.meta.slug: self._experiments_of(post) for post in self._posts}

    def post_of(self, week: Week) -> Post | None:
        """The week's post, a draft only where drafts are shown."""
        return next((post for post in self._all if post.meta.week == week.week), None)

    def week_state(self, week: Week) -> str:
        """The state of a week: of its promises, and of its own post."""
        post = self.post_of(week)
        states = {self.promise_state(one) for one in week.promises}
        states.add(self._post_state(post) if post and post.state == "published" else "planned")
        if "stale" in states:
            return "stale"
        return states.pop() if len(states) == 1 else "in_progress"

    def promise_state(self, promise: Promise) -> str:
        """The state of one promise, from its evidence alone."""
        self._check_names(promise)
        states = {self._result_state(name) for name in promise.results}
        if promise.demo:
            states.add(self._demo_state(self._demos[promise.demo]))
        if promise.post:
            post = next((one for one in self._posts if one.meta.slug == promise.post), None)
            states.add(self._post_state(post) if post else "planned")
        if promise.page:
            states.add("published")
        if "stale" in states:
            return "stale"
        if len(states) > 1:
            return "in_progress"
        return states.pop() if states else "planned"

    def render(self) -> str:
        """Each week with its promises, their states and the way to their evidence."""
        lang = self._page.lang
        parts = []
        for week in self.weeks:
            state, post = self.week_state(week), self.post_of(week)
            title = html.escape(week.title[lang])
            link = f'<a href="{self._page.href(post.staged)}">{title}</a>' if post else title
            items = "".join(self._render_promise(one) for one in week.promises)
            parts += [
                f"## {say('week', lang, week.week)} {{ #week-{week.week} .vf-road-week }}",
                "",
                f'<p class="vf-road-title" markdown="0">{link} {chip(state, lang)}</p>',
                "",
                f'<ul class="vf-road" markdown="0">{items}</ul>' if items else "",
                "",
            ]
        return "\n".join(parts)

    def _render_promise(self, promise: Promise) -> str:
        page, lang = self._page, self._page.lang
        state, links = self.promise_state(promise), []
        for name in promise.results:
            if result := page.evidence.states[name].result:
                links.append((receipt_path(name), result.title[lang]))
        if promise.demo and self._demos[promise.demo].recorded:
            links.append((f"demos/{promise.demo}.md", self._demos[promise.demo].title[lang]))
        if promise.page:
            links.append((promise.page, say("open_page", lang)))
        shown = " · ".join(f'<a href="{page.href(path)}">{html.escape(text)}</a>' for path, text in links)
        note = f'<span class="vf-road-note">{html.escape(promise.note[lang])}</span>' if promise.note else ""
        evidence = f'<span class="vf-road-links">{shown}</span>' if shown else ""
        return (
            f'<li data-state="{state}">{chip(state, lang)}'
            f'<span class="vf-road-what">{html.escape(promise.what[lang])}</span>{note}{evidence}</li>'
        )

    def _result_state(self, name: str) -> str:
        one = self._page.evidence.states[name]
        if one.state == "missing":
            return "planned"
        if one.state != "fresh":
            return "stale"
        bound = any(name in names for names in self._rests_on.values())
        return "published" if bound else "in_progress"

    def _demo_state(self, demo: Demo) -> str:
        if demo.recorded is None:
            return "planned"
        state = self._page.evidence.states[_experiment_of(demo)].state
        return {"fresh": "published", "missing": "planned"}.get(state, "stale")

    def _post_state(self, post: Post) -> str:
        names = self._rests_on[post.meta.slug]
        fresh = all(self._page.evidence.states[name].state == "fresh" for name in names)
        return "published" if fresh else "stale"

    def _experiments_of(self, post: Post) -> set[str]:
        """What a post rests on, found once for all lists that ask."""
        found, key = self._page.evidence.found, ("rests on", post.source)
        if key not in found:
            found[key] = self._look_for_experiments(post)
        names: set[str] = found[key]
        return names

    def _look_for_experiments(self, post: Post) -> set[str]:
        text = f"{post.meta.title}\n{post.meta.description}\n{post.body}"
        evidence = self._page.evidence
        states = evidence.states
        named = _named_in(text, tuple(evidence.portfolio.projects)) & states.keys()
        asked = re.findall(r"^::: demo (\S+)", post.body, re.MULTILINE) if "::: demo " in post.body else ()
        shown = set(asked) & self._demos.keys()
        recorded = {_experiment_of(self._demos[slug]) for slug in shown if self._demos[slug].recorded}
        return {*named, *(recorded & states.keys())}

    def _check_names(self, promise: Promise) -> None:
        """A misspelt name must not pass for a promise that is merely not kept yet."""
        evidence = self._page.evidence
        for name in promise.results:
            if name not in evidence.states:
                raise AuthorError(
                    f"a promise names the result ‘{name}’, which is not declared",
                    path=FILE,
                    hint=did_you_mean(name, list(evidence.states)),
                )
        if promise.demo and promise.demo not in self._demos:
            hint = did_you_mean(promise.demo, list(self._demos))
            raise AuthorError(
                f"a promise names the demo ‘{promise.demo}’, which is not declared", path=FILE, hint=hint
            )
        source = f"site_src/{promise.page.removesuffix('.md')}.{self._page.lang}.md"
        if promise.page and not (evidence.portfolio.root / source).exists():
            raise AuthorError(
                faults=[Fault(FILE, 0, f"a promise names the page {promise.page}", f"write {source}")]
            )


def chip(state: str, lang: str) -> str:
    """A state in words; what is published is shown in the colour of what is fresh."""
    colour = {"published": "fresh", "draft": "stale", "scheduled": "planned"}.get(state, state)
    return f'<span class="vf-state vf-{colour}">{say(state, lang)}</span>'


def _experiment_of(demo: Demo) -> str:
    return demo.recorded.table.rpartition(".")[0] if demo.recorded else ""


@functools.lru_cache(maxsize=2048)  # the preview stages every post at each edit
def _named_in(text: str, projects: tuple[str, ...]) -> frozenset[str]:
    """Every `project.experiment` before a key, as far as its form tells."""
    # Beginning with the project's name and not with what may not stand before it: the search leaps from one to the next.
    return frozenset(
        f"{project}.{name}"
        for project in projects
        if f"{project}." in text  # seldom, and found out in a tenth of the time
        for name in re.findall(rf"{project}\.(?<![\w.]{project}\.)(\w+)\.\w", text)
    )
