"""Demos as `demos/<slug>/demo.yml` declares them, and their place in a page: the ladder's rungs.

Knows the shape of a declaration, nothing of any demo. The recorded rung is a table of a result, so
that it is as fresh, checked and receipted as any number.
"""

from __future__ import annotations

import functools
import html
import json
from pathlib import Path
from typing import Any

import msgspec

from verifolio.bind import Block
from verifolio.errors import AuthorError, did_you_mean
from verifolio.expressions import Ref, find_table
from verifolio.files import read_yaml
from verifolio.page import Page
from verifolio.results import Cell, Words, missing_languages
from verifolio.units import format_value
from verifolio.words import say


class Recorded(msgspec.Struct, forbid_unknown_fields=True):
    """Which table holds the recorded outputs, and what its columns mean."""

    table: str
    input: str
    label: str
    score: str
    effects: str = ""
    truth: str = ""


class Demo(msgspec.Struct, forbid_unknown_fields=True):
    """A demo's declaration."""

    title: Words
    summary: Words
    project: str
    good_at: Words = {}
    bad_at: Words = {}
    recorded: Recorded | None = None  # none yet: the demo is planned and says so
    app: str = "app.py"


def read_demos(root: Path) -> dict[str, Demo]:
    """All declared demos by slug."""
    demos = {}
    for path in sorted(root.glob("demos/*/demo.yml")):
        stat = path.stat()
        demos[path.parent.name] = _read(
            path, path.relative_to(root).as_posix(), stat.st_mtime_ns, stat.st_size
        )
    return demos


def demo_block(page: Page, block: Block) -> str:
    """`::: demo classifier` embeds a demo: recorded outputs first, then the live rungs."""
    demos = read_demos(page.evidence.portfolio.root)
    if block.target not in demos:
        raise AuthorError(f"no demo ‘{block.target}’", hint=did_you_mean(block.target, list(demos)))
    page.bound.append(f"demo {block.target}")
    return render_demo(page, block.target, demos[block.target], block.line, block.level)


def demo_state(page: Page, demo: Demo) -> str:
    """The state of the result that a demo's recorded outputs come from; without one it is planned."""
    if demo.recorded is None:
        return "planned"
    experiment = demo.recorded.table.rpartition(".")[0]
    page.evidence.result(experiment)
    return page.evidence.state(experiment)


def render_demo(page: Page, slug: str, demo: Demo, line: int, level: int = 2) -> str:
    """The demo's frame with its recorded outputs in HTML: useful without any script."""
    lang = page.lang
    if demo.recorded is None:
        raise AuthorError(
            f"demo ‘{slug}’ is planned: it has no recorded outputs yet", path=f"demos/{slug}/demo.yml"
        )
    experiment, _, key = demo.recorded.table.rpartition(".")
    result = page.evidence.result(experiment)
    table = find_table(result, key)
    known = [column.key for column in table.columns]
    roles = demo.recorded
    for column in (roles.input, roles.label, roles.score, roles.effects, roles.truth):
        if column and column not in known:
            where = f"demos/{slug}/demo.yml"
            raise AuthorError(
                f"{demo.recorded.table} has no column ‘{column}’",
                path=where,
                hint=did_you_mean(column, known),
            )
    ref = Ref(experiment, "table", key)
    page.evidence.used.append(ref)
    page.doubt(line, (ref,))
    examples = "".join(
        _example(demo.recorded, row, slug, lang, first=number == 0) for number, row in enumerate(table.rows)
    )
    title_id = f"vf-demo-{slug}-title"
    live = page.site.live.get(slug)
    rung = f"<p>{say('live_local_note' if live else 'live_later', lang)}</p>"
    if live:
        rung += (
            f'<a class="vf-button vf-demo-live" href="{html.escape(live)}" data-back="{say("live_back", lang)}">'
            f"{say('live_local', lang)}</a>"
        )
    fit = "".join(
        f"<dt>{say(word, lang)}</dt><dd>{html.escape(words[lang])}</dd>"
        for word, words in (("good_at", demo.good_at), ("bad_at", demo.bad_at))
        if words
    )
    legend = f'<p class="vf-demo-note">{say("recorded_note", lang)}</p>'
    return "\n".join(
        [
            f'<section class="vf-demo" data-demo="{slug}" aria-labelledby="{title_id}">',
            f'<div class="vf-demo-head"><h{level} class="vf-demo-title" id="{title_id}">{html.escape(demo.title[lang])}</h{level}>'
            f'<p>{html.escape(demo.summary[lang])}</p><dl class="vf-demo-fit">{fit}</dl></div>',
            # A section: the search plugin's exclusion ends at the first inner end tag of the same name.
            f'<section class="vf-demo-recorded" data-search-exclude="" aria-label="{say("recorded", lang)}">'
            f"{examples}{legend}</section>",
            f'<div class="vf-demo-rungs">{rung}</div>',
            f'<p class="vf-source"><a href="{page.href(page.receipt(ref))}">{say("receipt", lang)} · {experiment}</a></p>',
            "</section>",
        ]
    )


def render_demo_page(page: Page, slug: str, demo: Demo) -> str:
    """A demo's own page."""
    title = demo.title[page.lang]
    head = f"---\ntitle: {json.dumps(title, ensure_ascii=False)}\n---\n\n# {title}\n\n"
    return head + render_demo(page, slug, demo, 0) + "\n"


def _example(roles: Recorded, row: dict[str, Cell], slug: str, lang: str, *, first: bool) -> str:
    text, label = _words(row[roles.input], lang), _words(row[roles.label], lang)
    score = row[roles.score]
    if not isinstance(score, int | float):
        raise AuthorError(f"{roles.table}: {roles.score} holds {score!r}, not a number")
    effects = _effects(row.get(roles.effects), roles)
    marked = _mark_words(text, effects, lang)
    summary = text if len(text) <= 60 else text[:60].rstrip() + "…"
    opened = " open" if first else ""
    shown = format_value(score, "ratio", lang)
    truth = row.get(roles.truth) if roles.truth else None
    note = f'<p class="vf-demo-note">{html.escape(_words(truth, lang))}</p>' if truth else ""
    if effects and "<mark" not in marked:
        note += f'<p class="vf-demo-note">{say("effects_none", lang)}</p>'
    return (
        f'<details class="vf-demo-example" name="vf-demo-{slug}"{opened}><summary lang="en">{html.escape(summary)}</summary>'
        f'<div class="vf-demo-output"><blockquote class="vf-demo-input" lang="en">{marked}</blockquote>'
        f'<p class="vf-demo-verdict"><strong class="vf-demo-label">{html.escape(label)}</strong> '
        f'<meter min="0" max="1" value="{score:.3f}" aria-label="{say("confidence", lang)}">{shown}</meter> '
        f'<span class="vf-demo-prob">{shown}</span></p>{note}</div></details>'
    )


def _effects(cell: Cell, roles: Recorded) -> list[tuple[str, float]]:
    """Words of the input with their effects, which a cell holds as JSON."""
    try:
        return msgspec.json.decode(str(cell or "[]"), type=list[tuple[str, float]])
    except msgspec.MsgspecError:
        raise AuthorError(f"{roles.table}: {roles.effects} holds {cell!r}, not [[word, effect], …]") from None


def _mark_words(text: str, effects: list[tuple[str, float]], lang: str) -> str:
    """The input with the words that moved the verdict marked, each with its effect as a title."""
    out, at = [], 0
    for word, effect in effects:
        found = text.find(word, at)
        if found < 0 or abs(effect) < 0.15:
            continue
        kind = "vf-pos" if effect > 0 else "vf-neg"
        out.append(html.escape(text[at:found]))
        out.append(
            f'<mark class="{kind}" title="{say("effects", lang)}: {effect:+.2f}">{html.escape(word)}</mark>'
        )
        at = found + len(word)
    return "".join(out) + html.escape(text[at:])


def _words(cell: Cell, lang: str) -> str:
    return cell[lang] if isinstance(cell, dict) else str(cell)


@functools.lru_cache(maxsize=64)
def _read(path: Path, shown: str, _mtime: int, _size: int) -> Demo:
    try:
        found: Any = msgspec.convert(read_yaml(path, shown=shown), Demo)
    except msgspec.ValidationError as error:
        raise AuthorError(str(error), path=shown) from None
    assert isinstance(found, Demo)
    named = {"title": found.title, "summary": found.summary}
    if found.recorded:
        named |= {"good_at": found.good_at, "bad_at": found.bad_at}
    for what, words in named.items():
        if missing := missing_languages(words):
            raise AuthorError(f"{what}: no words in {missing}", path=shown)
    return found
