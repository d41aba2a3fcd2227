"""Staging: sources and results in, plain Markdown out, for MkDocs or Zensical to build.

Writes below build/docs/<lang> only, only what changed, and removes what no source makes any more.
"""

from __future__ import annotations

import contextlib
import gc
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from verifolio.bind import bind_text
from verifolio.browser import Rung, place_served
from verifolio.cards import render_cards
from verifolio.demos import demos_of
from verifolio.errors import AuthorError, Fault
from verifolio.evidence import Evidence, gather_evidence
from verifolio.files import write_error, write_if_changed
from verifolio.handwritten import find_handwritten
from verifolio.history import History, read_history
from verifolio.ladder import ISOLATE, render_demo_page, rung_of
from verifolio.listings import Shelf, render_project
from verifolio.page import Page, fault_block
from verifolio.portfolio import LANGS
from verifolio.postpage import render_post
from verifolio.posts import Post, check_pair, date_posts, read_posts, read_weeks, split_front_matter
from verifolio.receipts import receipt_path, render_receipt
from verifolio.site import Site, read_site
from verifolio.socialcard import png_of, site_card


@dataclass
class StageReport:
    """What a staging did: files written, faults found, seconds taken."""

    changed: list[Path] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    seconds: float = 0.0


@dataclass
class _Draft:
    """One language's staged files before they are written."""

    lang: str
    pages: dict[str, str] = field(default_factory=dict)
    hidden: dict[str, tuple[Post, str]] = field(
        default_factory=dict
    )  # drafts and scheduled posts: not written
    copies: dict[str, Path] = field(default_factory=dict)
    cards: dict[str, str] = field(default_factory=dict)  # social cards as SVG, drawn when they are written
    rungs: list[Rung] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)  # staged page -> the author's file
    placed: set[Fault] = field(default_factory=set)


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
    with _no_sweeping():
        composed, faults = compose(root, live=live, drafts=drafts)
    if faults and strict:
        raise AuthorError(faults=faults)
    report = StageReport(faults=sorted(set(faults)))
    for draft in composed:
        _show_faults(draft, report.faults)
        if draft.lang in langs:
            if cards:
                cache = root / "build" / "cache" / "cards"
                draft.copies |= {name: png_of(svg, cache) for name, svg in draft.cards.items()}
            report.changed += _write(root / "build" / "docs" / draft.lang, draft)
    place_served(root, composed[0].rungs)
    report.seconds = time.perf_counter() - started
    return report


@contextlib.contextmanager
def _no_sweeping() -> Iterator[None]:
    """No search for circular rubbish meanwhile: there is none, and with 500 posts it takes a sixth of the time."""
    swept = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if swept:
            gc.enable()


def compose(
    root: Path,
    *,
    live: dict[str, str] | None = None,
    drafts: bool = False,
    evidence: Evidence | None = None,
    history: History | None = None,
) -> tuple[list[_Draft], list[Fault]]:
    """Everything that staging would write, and all faults; touches nothing but caches.

    Who looks at the faults alone gives an empty `history`: past values are shown, never judged.

    Posts that are not out yet are bound and checked like any other, but stay out of lists and pages.
    """
    evidence, site = evidence or gather_evidence(root), read_site(root, live)
    posts, faults = read_posts(root)
    posts = date_posts(posts, site.today())
    history, weeks = read_history(root) if history is None else history, read_weeks(root)
    composed = []
    post_pages: dict[tuple[str, str], tuple[Post, Page]] = {}
    for lang in LANGS:
        draft = _Draft(lang)
        mine = [post for post in posts if post.lang == lang]
        shelf = Shelf([post for post in mine if drafts or post.state == "published"], weeks)
        for post, page in _stage_posts(draft, mine, shelf, evidence, site):
            post_pages[post.source.rpartition("/")[0], lang] = (post, page)
            faults += page.faults
            draft.sources[page.path] = page.source
            draft.placed |= page.placed
        for page in _stage_site_pages(root, draft, shelf, evidence, site):
            faults += page.faults
            draft.sources[page.path] = page.source
            draft.placed |= page.placed
        faults += _stage_generated(draft, shelf, evidence, site, history)
        _collect_assets(root, draft)
        draft.cards["assets/cards/site.png"] = site_card(
            site.name[lang], site.description.get(lang, ""), lang
        )
        composed.append(draft)
    for (folder, lang), (post, page) in post_pages.items():
        if lang == "zh" and (folder, "en") in post_pages:
            other, theirs = post_pages[folder, "en"]
            if post.broken or other.broken:
                continue
            bound, quoted = {"zh": page.bound, "en": theirs.bound}, {"zh": page.quoted, "en": theirs.quoted}
            faults += check_pair(post, other, bound, quoted)
    return composed, sorted(set(faults))


def _show_faults(draft: _Draft, faults: list[Fault]) -> None:
    """Put at the head of each page the faults of its source that have no place within it."""
    for path, source in draft.sources.items():
        mine = [fault for fault in faults if fault.path == source and fault not in draft.placed]
        if mine and path in draft.pages:
            shown = "\n\n".join(fault_block(AuthorError(faults=[fault])) for fault in mine)
            end = draft.pages[path].find("\n---\n", 3) + 5 if draft.pages[path].startswith("---\n") else 0
            text = draft.pages[path]
            draft.pages[path] = f"{text[:end]}\n{shown}\n\n{text[end:]}"


def _stage_posts(
    draft: _Draft, posts: list[Post], shelf: Shelf, evidence: Evidence, site: Site
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
    root: Path, draft: _Draft, shelf: Shelf, evidence: Evidence, site: Site
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
            draft.pages[name] = f"{head}{bound}{render_cards(page)}"
        except AuthorError as error:
            page.fault(1, error)
        yield page


def _stage_generated(
    draft: _Draft, shelf: Shelf, evidence: Evidence, site: Site, history: History
) -> list[Fault]:
    faults: list[Fault] = []

    def add(source: str, path: str, render: Callable[[Page], str]) -> None:
        page = Page(source, path, draft.lang, evidence.for_page(), site)
        try:
            draft.pages[path] = render(page) + render_cards(page)
        except AuthorError as error:
            page.fault(0, error)
        faults.extend(page.faults)

    for name, one in evidence.states.items():
        if one.result:
            source = evidence.portfolio.shown(one.experiment.result_path())
            add(source, receipt_path(name), partial(render_receipt, name=name, history=history))
    for slug, project in evidence.portfolio.projects.items():
        source = f"projects/{slug}/experiments.yml"
        add(source, f"projects/{slug}.md", partial(render_project, project=project, shelf=shelf))
    try:
        shown = {slug: demo for slug, demo in demos_of(evidence).items() if demo.recorded}
        for slug, demo in shown.items():
            source = f"demos/{slug}/demo.yml"
            add(source, f"demos/{slug}.md", partial(render_demo_page, slug=slug, demo=demo))
            if f"demos/{slug}.md" in draft.pages:
                rung = rung_of(Page(source, "", draft.lang, evidence.for_page(), site), slug, demo)
                _collect_rung(draft, slug, rung, threads=bool(demo.browser and demo.browser.threads))
    except AuthorError as error:
        faults += error.faults
    return faults


def _collect_rung(draft: _Draft, slug: str, rung: Rung | None, *, threads: bool) -> None:
    """The demo's own modules, once for both languages; the service worker beside each of its pages."""
    if rung is None or rung.missing:
        return
    draft.rungs.append(rung)
    if draft.lang == LANGS[0]:
        draft.copies |= rung.code
    if threads:
        draft.copies[f"demos/{slug}/{ISOLATE}"] = Path(__file__).with_name(ISOLATE)


def _collect_assets(root: Path, draft: _Draft) -> None:
    folder = root / "site_src" / "assets"
    for path in folder.rglob("*"):
        if path.is_file():
            draft.copies[f"assets/{path.relative_to(folder).as_posix()}"] = path


def _write(folder: Path, draft: _Draft) -> list[Path]:
    changed = [folder / name for name, text in draft.pages.items() if write_if_changed(folder / name, text)]
    for name, source in draft.copies.items():
        if _copy_if_changed(source, folder / name):
            changed.append(folder / name)
    known = draft.pages.keys() | draft.copies.keys()
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_file() and path.relative_to(folder).as_posix() not in known:
            path.unlink()
            changed.append(path)
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    return changed


def _copy_if_changed(source: Path, target: Path) -> bool:
    have, want = (target.stat() if target.exists() else None), source.stat()
    if have and (have.st_size, have.st_mtime_ns) == (want.st_size, want.st_mtime_ns):
        return False
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.tmp")
        shutil.copy2(source, temporary)
        temporary.replace(target)
    except OSError as error:
        raise write_error(target, error) from error
    return True
