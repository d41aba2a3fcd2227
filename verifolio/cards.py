"""The small card behind each bound number: the head of its receipt, shown on hover, focus or tap, or set in a page."""

from __future__ import annotations

import html

from verifolio.bind import Block
from verifolio.errors import AuthorError
from verifolio.expressions import Quantity
from verifolio.page import Page
from verifolio.results import Result
from verifolio.units import format_interval, format_value
from verifolio.words import say


def render_cards(page: Page) -> str:
    """The cards of all numbers bound on a page; a script shows them, without it links do."""
    if not page.cards:
        return ""
    cards = "".join(_card(page, key, text, quantity) for key, (text, quantity) in page.cards.items())
    # A section: the search plugin's exclusion ends at the first inner end tag of the same name.
    return f'\n\n<section class="vf-cards" hidden data-search-exclude="">{cards}</section>\n'


def moment_of(result: Result) -> str:
    """When a result was measured, to the second, as a reader sees it."""
    return result.receipt.started.replace("T", " ").replace("Z", " UTC")


def state_chip(state: str, lang: str) -> str:
    """A state as a word in its colour."""
    return f'<span class="vf-state vf-{state}">{say(state, lang)}</span>'


def receipt_block(page: Page, block: Block) -> str:
    """`::: receipt project.experiment.metric :::`: the card of a number, standing in the page."""
    quantity = page.evidence.evaluate(block.target)
    if quantity.metric is None:
        raise AuthorError(
            f"‘{block.target}’ is not a metric", hint="::: receipt project.experiment.metric :::"
        )
    page.bound.append(f"receipt {block.target}")
    page.doubt(block.line, quantity.refs)
    link = f'<a href="{page.href(page.receipt(quantity.refs[0]))}">{say("open_receipt", page.lang)}</a>'
    return f'<div class="vf-card vf-stub" data-search-exclude="">{_content(page, block.target, quantity, link)}</div>'


def _card(page: Page, card_id: str, expression: str, quantity: Quantity) -> str:
    found, key = page.evidence.found, ("card", page.lang, expression)  # the same on every page that binds it
    if key not in found:
        link = f'<span class="vf-card-link">{say("open_receipt", page.lang)}</span>'
        content = _content(page, expression, quantity, link)
        found[key] = f'<div class="vf-card" id="{card_id}" popover>{content}</div>'
    card: str = found[key]
    return card


def _content(page: Page, expression: str, quantity: Quantity, link: str) -> str:
    lang, name = page.lang, quantity.refs[0].experiment
    result = page.evidence.result(name)
    metric, receipt = quantity.metric, result.receipt
    rows: list[tuple[str, str]] = []
    if metric is None:
        rows.append((say("expression", lang), f"<code>{html.escape(expression)}</code>"))
    elif metric.ci:
        interval = format_interval(*metric.ci, metric.unit, lang)
        rows.append((say("interval", lang), f"{interval} ({html.escape(metric.ci_method)})"))
    if metric and metric.n is not None:
        rows.append((say("observations", lang), f"{metric.n:,}"))
    rows += [
        (say("measured", lang), moment_of(result)),
        (say("machine", lang), html.escape(str(receipt.machine.get("cpu", "")))),
        (say("command", lang), f"<code>{html.escape(receipt.command)}</code>"),
    ]
    experiments = {ref.experiment for ref in quantity.refs}
    doubtful = sorted({page.evidence.state(one) for one in experiments} - {"fresh"})
    label = metric.label[lang] if metric else result.title[lang]
    value = f'<p class="vf-card-value">{format_value(metric.value, metric.unit, lang)}</p>' if metric else ""
    body = "".join(f"<dt>{head}</dt><dd>{text}</dd>" for head, text in rows)
    return (
        f'<p class="vf-card-label">{html.escape(result.title[lang])} · {html.escape(label)}</p>{value}<dl>{body}</dl>'
        f'<p class="vf-card-foot">{state_chip(doubtful[0] if doubtful else "fresh", lang)} {link}</p>'
    )
