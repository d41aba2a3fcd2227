"""A demo's place in a page: the ladder, from recorded outputs in HTML up to what runs after a click.

The recorded rung is a table of a result, so that it is as fresh, checked and receipted as any number. What the other
rungs need stands beside it as JSON; `site_src/assets/js/demo.js` reads it.
"""

from __future__ import annotations

import contextlib
import html
import json
from typing import Any

from verifolio.bind import Block
from verifolio.browser import Rung, browser_rung
from verifolio.demos import Demo, demos_of
from verifolio.errors import AuthorError, Fault, did_you_mean
from verifolio.evidence import Evidence
from verifolio.expressions import Ref, find_table
from verifolio.live import PATIENCE, live_places
from verifolio.page import Page
from verifolio.recorded import Recorded, check_recorded, render_recorded
from verifolio.units import format_value
from verifolio.words import say, script_words

ISOLATE = "isolate.js"  # the service worker that a demo's own page may use; staged beside it


def demo_block(page: Page, block: Block) -> str:
    """`::: demo classifier` embeds a demo: recorded outputs first, then the live rungs."""
    demos = demos_of(page.evidence)
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
    declared = f"demos/{slug}/demo.yml"
    if demo.recorded is None:
        raise AuthorError(f"demo ‘{slug}’ is planned: it has no recorded outputs yet", path=declared)
    try:
        return _render_frame(page, slug, demo, demo.recorded, line, level)
    except AuthorError as error:
        faults = [one if one.path else Fault(declared, 0, one.message, one.hint) for one in error.faults]
        raise AuthorError(faults=faults) from None


def render_demo_page(page: Page, slug: str, demo: Demo) -> str:
    """A demo's own page."""
    title = demo.title[page.lang]
    head = f"---\ntitle: {json.dumps(title, ensure_ascii=False)}\n---\n\n# {title}\n\n"
    return head + render_demo(page, slug, demo, 0) + "\n"


def _render_frame(page: Page, slug: str, demo: Demo, recorded: Recorded, line: int, level: int) -> str:
    lang = page.lang
    experiment, _, key = recorded.table.rpartition(".")
    table = find_table(page.evidence.result(experiment), key)
    check_recorded(recorded, table)
    ref = Ref(experiment, "table", key)
    page.evidence.used.append(ref)
    page.doubt(line, (ref,))
    title_id = f"vf-demo-{slug}-title"
    rung = rung_of(page.evidence, slug, demo)
    live = live_places(page.evidence.portfolio.root, slug, demo, page.site.live.get(slug, ""))
    return "\n".join(
        [
            # A section, which Markdown takes for a block as it stands; it does not know the element in it.
            f'<section class="vf-demo" data-demo="{slug}" aria-labelledby="{title_id}"><vf-demo>',
            f'<div class="vf-demo-head"><h{level} class="vf-demo-title" id="{title_id}">{html.escape(demo.title[lang])}</h{level}>'
            f'<p>{html.escape(demo.summary[lang])}</p><dl class="vf-demo-fit">{_render_fit(demo, lang)}</dl></div>',
            # A section: the search plugin's exclusion ends at the first inner end tag of the same name.
            f'<section class="vf-demo-recorded" data-search-exclude="" aria-label="{say("recorded", lang)}">'
            f"{render_recorded(recorded, table, slug, lang)}</section>",
            f'<section class="vf-demo-rungs" data-search-exclude="" aria-label="{say("rungs", lang)}"><ul class="vf-rungs">'
            f"{_render_rungs(page, slug, demo, rung, live)}</ul>"
            f'<p class="vf-demo-status" role="status"></p>{tell_script(page, slug, demo, rung, live)}</section>',
            f'<p class="vf-source"><a href="{page.href(page.receipt(ref))}">{say("receipt", lang)} · {experiment}</a></p>',
            "</vf-demo></section>",
        ]
    )


def rung_of(evidence: Evidence, slug: str, demo: Demo) -> Rung | None:
    """The demo's browser rung as this machine has it; none when it declares none."""
    known: dict[tuple[str, str], Rung | None] = evidence.found
    key = ("rung", slug)
    if key not in known:
        known[key] = browser_rung(evidence, slug, demo.browser) if demo.browser else None
    return known[key]


def find_rungs(evidence: Evidence) -> None:
    """Look for all of them at once, before two processes would; what is wrong with one is told where a page has it."""
    with contextlib.suppress(AuthorError):
        demos = demos_of(evidence)
        for slug, demo in demos.items():
            with contextlib.suppress(AuthorError):
                rung_of(evidence, slug, demo)


def rung_names(page: Page, slug: str, demo: Demo) -> list[str]:
    """The rungs that a reader finds, in words: for lists of demos."""
    if demo.recorded is None:
        return []
    lang, rung = page.lang, rung_of(page.evidence, slug, demo)
    names = [say("rung_recorded", lang)]
    if rung and not rung.missing:
        names.append(f"{say('rung_browser', lang)} {format_value(rung.bytes, 'bytes', lang)}")
    if live_places(page.evidence.portfolio.root, slug, demo, page.site.live.get(slug, "")):
        names.append(say("rung_live", lang))
    return names


def _render_fit(demo: Demo, lang: str) -> str:
    return "".join(
        f"<dt>{say(word, lang)}</dt><dd>{html.escape(words[lang])}</dd>"
        for word, words in (("good_at", demo.good_at), ("bad_at", demo.bad_at))
        if words
    )


def _render_rungs(page: Page, slug: str, demo: Demo, rung: Rung | None, live: list[dict[str, Any]]) -> str:
    lang, note = page.lang, ""
    gap = "" if lang == "zh" else " "  # a full stop of Chinese brings its own space
    rows = [_rung("recorded", say("recorded_here", lang), "", lang)]
    if rung and rung.missing:
        rows.append(_rung("browser", say(rung.missing, lang), "", lang))
    elif rung:
        assert demo.browser is not None
        size = format_value(rung.bytes, "bytes", lang)
        for group, served in zip(demo.browser.groups(), rung.later, strict=True):
            if group.what:
                more = format_value(sum(one.bytes for one in served), "bytes", lang)
                note += gap + say("browser_later", lang, more, html.escape(group.what[lang]))
        if demo.browser.note:
            note += f'<span class="vf-fine">{gap}{html.escape(demo.browser.note[lang])}</span>'
        button = f'<button type="button" class="vf-button vf-demo-browser">{say("browser_run", lang, size)}</button>'
        rows.append(_rung("browser", say("browser_note", lang, size) + note, button, lang))
    if live:
        local = page.site.live.get(slug, "")
        button = (
            f'<a class="vf-button vf-quiet vf-demo-live" href="{html.escape(str(live[0]["url"]))}">'
            f"{say('live_local' if local else 'live_open', lang)}</a>"
        )
        where = " · ".join(html.escape(str(one["name"])) for one in live)
        words = say("live_local_note", lang) if local else say("live_note", lang, where)
        rows.append(_rung("live", words, button, lang))
    else:
        rows.append(_rung("live", say("live_later", lang), "", lang))
    return "".join(rows)


def _rung(name: str, words: str, button: str, lang: str) -> str:
    return f'<li data-rung="{name}"><strong>{say(f"rung_{name}", lang)}</strong><span>{words}</span>{button}</li>'


def tell_script(page: Page, slug: str, demo: Demo, rung: Rung | None, live: list[dict[str, Any]]) -> str:
    """What the script must know, as JSON; nothing when there is nothing to open."""
    told: dict[str, Any] = {"slug": slug, "lang": page.lang}
    if rung and not rung.missing:
        assert demo.browser is not None
        root, own = page.site_root(), page.site_root(own=True)
        told["browser"] = {
            "module": root + rung.module,
            "first": {one.name: one.as_json(root) for one in rung.first},
            "later": {one.name: one.as_json(root) for group in rung.later for one in group},
            "bytes": rung.bytes,
            "memory": demo.browser.memory_gb,
            "threads": demo.browser.threads,
        }
        if demo.browser.threads and page.path == f"demos/{slug}.md":
            told["browser"]["isolate"] = f"{own}demos/{slug}/{ISOLATE}"
    if live:
        told |= {"live": live, "patience": PATIENCE}
    if len(told) == 2:
        return ""
    told["words"] = script_words(page.lang)
    text = json.dumps(told, ensure_ascii=False).replace("</", "<\\/")
    return f'<script type="application/json">{text}</script>'
