"""A demo's place in a page: the ladder, from recorded outputs in HTML up to what runs after a click.

The recorded rung is a table of a result, so that it is as fresh, checked and receipted as any number.
"""

from __future__ import annotations

import html
import json

from verifolio.bind import Block
from verifolio.demos import Demo, read_demos
from verifolio.errors import AuthorError, Fault, did_you_mean
from verifolio.expressions import Ref, find_table
from verifolio.page import Page
from verifolio.recorded import Recorded, check_recorded, render_recorded
from verifolio.words import say


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
    return "\n".join(
        [
            f'<section class="vf-demo" data-demo="{slug}" aria-labelledby="{title_id}">',
            f'<div class="vf-demo-head"><h{level} class="vf-demo-title" id="{title_id}">{html.escape(demo.title[lang])}</h{level}>'
            f'<p>{html.escape(demo.summary[lang])}</p><dl class="vf-demo-fit">{_render_fit(demo, lang)}</dl></div>',
            # A section: the search plugin's exclusion ends at the first inner end tag of the same name.
            f'<section class="vf-demo-recorded" data-search-exclude="" aria-label="{say("recorded", lang)}">'
            f"{render_recorded(recorded, table, slug, lang)}</section>",
            f'<div class="vf-demo-rungs">{_render_rungs(page, slug)}</div>',
            f'<p class="vf-source"><a href="{page.href(page.receipt(ref))}">{say("receipt", lang)} · {experiment}</a></p>',
            "</section>",
        ]
    )


def _render_fit(demo: Demo, lang: str) -> str:
    return "".join(
        f"<dt>{say(word, lang)}</dt><dd>{html.escape(words[lang])}</dd>"
        for word, words in (("good_at", demo.good_at), ("bad_at", demo.bad_at))
        if words
    )


def _render_rungs(page: Page, slug: str) -> str:
    lang, live = page.lang, page.site.live.get(slug)
    if not live:
        return f"<p>{say('live_later', lang)}</p>"
    return (
        f"<p>{say('live_local_note', lang)}</p>"
        f'<a class="vf-button vf-demo-live" href="{html.escape(live)}" data-back="{say("live_back", lang)}">'
        f"{say('live_local', lang)}</a>"
    )
