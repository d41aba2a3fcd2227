"""Staging: sources and results in, plain Markdown out, for MkDocs or Zensical to build.

Writes below build/docs/<lang> only, only what changed, and removes what no source makes any more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from verifolio.beside import Beside, Talk, is_safe, no_sweeping
from verifolio.bind import bind_text
from verifolio.browser import Rung, place_served
from verifolio.cards import render_cards
from verifolio.demos import demos_of
from verifolio.errors import AuthorError, Fault
from verifolio.evidence import Evidence, gather_evidence
from verifolio.handwritten import find_handwritten
from verifolio.history import History, read_history
from verifolio.ladder import ISOLATE, find_rungs, render_demo_page, rung_of
from verifolio.listings import Shelf, render_project
from verifolio.page import Page, fault_block
from verifolio.portfolio import LANGS
from verifolio.postpage import render_post
from verifolio.posts import Post, Week, check_pair, date_posts, read_posts, read_weeks, split_front_matter
from verifolio.receipts import look_over_receipt, receipt_path, render_receipt
from verifolio.site import Site, read_site
from verifolio.socialcard import png_of, site_card
from verifolio.tree import write_tree


@dataclass
class StageReport:
    """What a staging did: files written, faults found, seconds taken."""

    changed: list[Path] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    seconds: float = 0.0


@dataclass
class Draft:
    """One language's staged files before they are written."""

    lang: str
    pages: dict[str, str] = field(default_factory=dict)
    bound: list[Page] = field(default_factory=list)  # whose cards follow when they are written
    hidden: dict[str, tuple[Post, str]] = field(
        default_factory=dict
    )  # drafts and scheduled posts: not written
    copies: dict[str, Path] = field(default_factory=dict)
    cards: dict[str, str] = field(default_factory=dict)  # social cards as SVG, drawn when they are written
    rungs: list[Rung] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)  # staged page -> the author's file
    placed: set[Fault] = field(default_factory=set)


@dataclass(frozen=True)
class _World:
    """What both languages are composed from."""

    root: Path
    evidence: Evidence
    site: Site
    posts: list[Post]
    weeks: list[Week]
    history: History
    faults: list[Fault]


@dataclass
class _Found:
    """What composing one language found out: its faults; post -> what it binds and quotes, to be compared."""

    faults: list[Fault] = field(default_factory=list)
    said: dict[str, tuple[list[str], list[str]]] = field(default_factory=dict)


def stage(
    root: Path,
    *,
    langs: Iterable[str] = LANGS,
    strict: bool = True,
    live: dict[str, str] | None = None,
    drafts: bool = False,
    cards: bool = True,
) -> StageReport:
    """Stage every page. With `strict`, faults stop it before anything is written.

    Without (serve), each fault stands in the page where it happens. `live` names local demos' URLs.
    `drafts` stages drafts and scheduled posts too, each marked as what it is; without `cards` no social
    card is drawn, which nobody sees on this machine.
    """
    started = time.perf_counter()
    report = StageReport()

    def write(draft: Draft, faults: list[Fault]) -> list[Path]:
        _show_faults(draft, faults)
        if draft.lang not in langs:
            return []
        for page in draft.bound:
            draft.pages[page.path] += render_cards(page)
        if cards:
            cache = root / "build" / "cache" / "cards"
            draft.copies |= {name: png_of(svg, cache) for name, svg in draft.cards.items()}
        return write_tree(root / "build" / "docs" / draft.lang, draft.pages, draft.copies)

    def second(receive: Callable[[], Any], send: Callable[[Any], None]) -> None:
        """The other language, in a process of its own: it writes only when told to, knowing all faults."""
        draft, found = _compose_one(world, LANGS[1], drafts=drafts)
        send(found)
        send(write(draft, receive()))

    langs = tuple(langs)
    with no_sweeping():
        world = _gather(root, live, gather_evidence(root), read_history(root))
        other = _beside(world, second)
        try:
            mine = LANGS[:1] if other else LANGS
            composed = [_compose_one(world, lang, drafts=drafts) for lang in mine]
            found = [one for _, one in composed] + ([other.receive()] if other else [])
            report.faults = _all_faults(world, found)
            if report.faults and strict:
                raise AuthorError(faults=report.faults)
            if other:
                other.send(report.faults)
            for draft, _ in composed:
                report.changed += write(draft, report.faults)
            place_served(root, composed[0][0].rungs)
            if other:
                report.changed += other.receive()
        finally:
            if other:
                other.end()
    report.seconds = time.perf_counter() - started
    return report


def judge(root: Path, evidence: Evidence, look: Callable[[Draft], list[Fault]]) -> list[Fault]:
    """All faults of what staging would write, and what `look` finds in each language; touches nothing but caches.

    Posts that are not out yet are bound and checked like any other, but stay out of lists and pages.
    """

    def judged(lang: str) -> _Found:
        draft, found = _compose_one(world, lang, drafts=False, receipts=False)
        found.faults += look(draft)
        return found

    def second(receive: Callable[[], Any], send: Callable[[Any], None]) -> None:
        send(judged(LANGS[1]))

    with no_sweeping():
        world = _gather(root, None, evidence, {})  # past values are shown, never judged
        other = _beside(world, second)
        try:
            found = [judged(lang) for lang in (LANGS[:1] if other else LANGS)]
            return _all_faults(world, found + ([other.receive()] if other else []))
        finally:
            if other:
                other.end()


def _beside(world: _World, second: Talk) -> Beside | None:
    """A process for the second language, where that is safe."""
    if not is_safe():
        return None
    find_rungs(world.evidence)
    return Beside(second)


def _gather(root: Path, live: dict[str, str] | None, evidence: Evidence, history: History) -> _World:
    site = read_site(root, live)
    posts, faults = read_posts(root)
    return _World(root, evidence, site, date_posts(posts, site.today()), read_weeks(root), history, faults)


def _compose_one(world: _World, lang: str, *, drafts: bool, receipts: bool = True) -> tuple[Draft, _Found]:
    """One language, which knows nothing of the other; without `receipts`, theirs are pages without words."""
    root, evidence, site = world.root, world.evidence, world.site
    draft, found = Draft(lang), _Found()
    mine = [post for post in world.posts if post.lang == lang]
    shelf = Shelf([post for post in mine if drafts or post.state == "published"], world.weeks)
    for post, page in _stage_posts(draft, mine, shelf, evidence, site):
        found.said[post.source] = (page.bound, page.quoted)
        found.faults += page.faults
        draft.sources[page.path] = page.source
        draft.placed |= page.placed
    for page in _stage_site_pages(root, draft, shelf, evidence, site):
        found.faults += page.faults
        draft.sources[page.path] = page.source
        draft.placed |= page.placed
    receipt = partial(render_receipt, history=world.history) if receipts else look_over_receipt
    found.faults += _stage_generated(draft, shelf, evidence, site, receipt)
    _collect_assets(root, draft)
    draft.cards["assets/cards/site.png"] = site_card(site.name[lang], site.description.get(lang, ""), lang)
    return draft, found


def _all_faults(world: _World, found: list[_Found]) -> list[Fault]:
    """The faults of both languages, and of each post beside its translation."""
    faults = world.faults + [fault for one in found for fault in one.faults]
    said = {source: lists for one in found for source, lists in one.said.items()}
    posts = {post.source: post for post in world.posts}
    for zh in world.posts:
        en = posts.get(f"{zh.source.rpartition('/')[0]}/en.md") if zh.lang == "zh" else None
        if en and not (zh.broken or en.broken):
            pairs = zip(said[zh.source], said[en.source], strict=True)
            bound, quoted = ({"zh": ours, "en": theirs} for ours, theirs in pairs)
            faults += check_pair(zh, en, bound, quoted)
    return sorted(set(faults))


def _show_faults(draft: Draft, faults: list[Fault]) -> None:
    """Put at the head of each page the faults of its source that have no place within it."""
    for path, source in draft.sources.items():
        mine = [fault for fault in faults if fault.path == source and fault not in draft.placed]
        if mine and path in draft.pages:
            shown = "\n\n".join(fault_block(AuthorError(faults=[fault])) for fault in mine)
            end = draft.pages[path].find("\n---\n", 3) + 5 if draft.pages[path].startswith("---\n") else 0
            text = draft.pages[path]
            draft.pages[path] = f"{text[:end]}\n{shown}\n\n{text[end:]}"


def _stage_posts(
    draft: Draft, posts: list[Post], shelf: Shelf, evidence: Evidence, site: Site
) -> Iterable[tuple[Post, Page]]:
    weekly = sorted(
        (post for post in shelf.posts if post.meta.week and not post.broken),
        key=lambda one: one.meta.week or 0,
    )
    shown = {post.source for post in shelf.posts}
    place = {post.source: at for at, post in enumerate(weekly)}
    for post in posts:
        page = Page(post.source, post.staged, draft.lang, evidence.for_page(), site)
        at = place.get(post.source, -1)
        before = weekly[at - 1] if at > 0 else None
        after = weekly[at + 1] if 0 <= at < len(weekly) - 1 else None
        rendered = render_post(page, post, shelf.handlers(), (before, after))
        if post.source in shown:
            draft.pages[post.staged] = rendered.text
            draft.bound.append(page)
            draft.cards[rendered.card_path] = rendered.card
        else:
            draft.hidden[post.staged] = (post, rendered.text)
        if (
            post.source in shown
            and post.meta.notebook
            and (path := evidence.portfolio.root / post.meta.notebook).exists()
        ):
            draft.copies[f"notebooks/{path.name}"] = path
        yield post, page


def _stage_site_pages(
    root: Path, draft: Draft, shelf: Shelf, evidence: Evidence, site: Site
) -> Iterable[Page]:
    folder = root / "site_src"
    for path in sorted(folder.rglob(f"*.{draft.lang}.md")):
        name = path.relative_to(folder).as_posix().removesuffix(f".{draft.lang}.md") + ".md"
        source = path.relative_to(root).as_posix()
        page = Page(source, name, draft.lang, evidence.for_page(), site)
        other = next(lang for lang in LANGS if lang != draft.lang)
        if not path.with_name(path.name.replace(f".{draft.lang}.md", f".{other}.md")).exists():
            hint = f"write {source.replace(f'.{draft.lang}.md', f'.{other}.md')}"
            page.faults.append(Fault(source, 0, "missing translation", hint))
        try:
            text = path.read_text(encoding="utf-8")
            _, body, first_line = split_front_matter(text, source)
            bound = bind_text(body, page, shelf.handlers(), first_line=first_line)
            page.faults += find_handwritten(body, page, first_line=first_line)
            head = text[: len(text) - len(body)]
            draft.pages[name] = f"{head}{bound}"
            draft.bound.append(page)
        except (AuthorError, UnicodeDecodeError) as error:
            if isinstance(error, UnicodeDecodeError):
                error = AuthorError(f"not UTF-8 text ({error.reason})", path=source)
            draft.pages[name] = fault_block(page.fault(1, error))
        yield page


def _stage_generated(
    draft: Draft, shelf: Shelf, evidence: Evidence, site: Site, receipt: Callable[..., str]
) -> list[Fault]:
    faults: list[Fault] = []

    def add(source: str, path: str, render: Callable[[Page], str]) -> None:
        page = Page(source, path, draft.lang, evidence.for_page(), site)
        try:
            draft.pages[path] = render(page)
            draft.bound.append(page)
        except AuthorError as error:
            page.fault(0, error)
        faults.extend(page.faults)

    for name, one in evidence.states.items():
        if one.result:
            source = evidence.portfolio.shown(one.experiment.result_path())
            add(source, receipt_path(name), partial(receipt, name=name))
    for slug, project in evidence.portfolio.projects.items():
        source = f"projects/{slug}/experiments.yml"
        add(source, f"projects/{slug}.md", partial(render_project, project=project, shelf=shelf))
    try:
        shown = {slug: demo for slug, demo in demos_of(evidence).items() if demo.recorded}
        for slug, demo in shown.items():
            source = f"demos/{slug}/demo.yml"
            add(source, f"demos/{slug}.md", partial(render_demo_page, slug=slug, demo=demo))
            if f"demos/{slug}.md" in draft.pages:
                rung = rung_of(evidence, slug, demo)
                _collect_rung(draft, slug, rung, threads=bool(demo.browser and demo.browser.threads))
    except AuthorError as error:
        faults += error.faults
    return faults


def _collect_rung(draft: Draft, slug: str, rung: Rung | None, *, threads: bool) -> None:
    """The demo's own modules, once for both languages; the service worker beside each of its pages."""
    if rung is None or rung.missing:
        return
    draft.rungs.append(rung)
    if draft.lang == LANGS[0]:
        draft.copies |= rung.code
    if threads:
        draft.copies[f"demos/{slug}/{ISOLATE}"] = Path(__file__).with_name(ISOLATE)


def _collect_assets(root: Path, draft: Draft) -> None:
    folder = root / "site_src" / "assets"
    for path in folder.rglob("*"):
        if path.is_file():
            draft.copies[f"assets/{path.relative_to(folder).as_posix()}"] = path
