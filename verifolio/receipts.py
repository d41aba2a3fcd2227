"""Receipt pages and the cards that lead to them: what was measured, how, on what, by which command."""

from __future__ import annotations

import html
from collections.abc import Iterable

from verifolio.blocks import cell_text, data_table
from verifolio.charts import render_svg
from verifolio.errors import Fault
from verifolio.evidence import Evidence
from verifolio.expressions import Quantity
from verifolio.history import History, PastValue
from verifolio.page import Page
from verifolio.results import Metric, Result, Table
from verifolio.units import format_interval, format_value
from verifolio.words import say


def receipt_path(experiment: str) -> str:
    return f"receipts/{experiment.replace('.', '/')}.md"


def render_receipt(page: Page, name: str, history: History) -> str:
    """The staged Markdown of one experiment's receipt."""
    result, lang = page.evidence.result(name), page.lang
    state = page.evidence.state(name)
    parts = [
        "---",
        f"title: {_quoted(result.title[lang] + ' · ' + say('receipt', lang))}",
        "hide: [toc]",
        "search: {boost: 0.3}",
        "---",
        "",
        f"# {result.title[lang]}",
        "",
        '<div class="vf-receipt">',
        f'<header class="vf-receipt-head"><p class="vf-receipt-shop">{html.escape(page.site.name[lang])}</p>'
        f'<p class="vf-receipt-name">{name}</p><p>{_moment(result)}</p>'
        f'<p><span class="vf-state vf-{state}">{say(state, lang)}</span></p></header>',
        *_doubts(page.evidence.doubts(name), lang),
        _section("what", lang, "".join(_metric_line(key, one, lang) for key, one in result.metrics.items())),
        _command(result, lang),
        _section("inputs", lang, _inputs(result, lang)),
        _section("environment", lang, _environment(result, lang)),
        _section("parameters", lang, _pairs({"seed": result.receipt.seed, **result.receipt.params})),
        _section("code", lang, _hashes({**result.receipt.code, **result.receipt.files}, page)),
        _section("products", lang, _hashes({**result.receipt.products, **result.receipt.derived})),
        _section("history", lang, _history(result, history.get(name, {}), lang)),
        _section("packages", lang, _pairs(result.receipt.versions)),
        _total(result, lang),
        "</div>",
        "",
        *_tables(result, lang),
        *_charts(page, result),
    ]
    return "\n".join(part for part in parts if part is not None) + "\n"


def render_cards(page: Page) -> str:
    """The small cards of all numbers bound on a page; a script shows them, without it links do."""
    if not page.cards:
        return ""
    cards = "".join(_card(page, key, card, quantity) for key, (card, quantity) in page.cards.items())
    return f'\n\n<div class="vf-cards" hidden>{cards}</div>\n'


def _card(page: Page, card_id: str, expression: str, quantity: Quantity) -> str:
    lang, name = page.lang, quantity.refs[0].experiment
    result = page.evidence.result(name)
    metric, receipt = quantity.metric, result.receipt
    rows: list[tuple[str, str]] = []
    if metric is None:
        rows.append((say("expression", lang), f"<code>{html.escape(expression)}</code>"))
    else:
        if metric.ci:
            low, high = metric.ci
            rows.append(
                (
                    say("interval", lang),
                    f"{format_interval(low, high, metric.unit, lang)} ({metric.ci_method})",
                )
            )
        if metric.n is not None:
            rows.append((say("observations", lang), f"{metric.n:,}"))
    experiments = sorted({ref.experiment for ref in quantity.refs})
    states = sorted({page.evidence.state(one) for one in experiments} - {"fresh"}) or ["fresh"]
    rows += [
        (say("measured", lang), _moment(result)),
        (say("machine", lang), html.escape(str(receipt.machine.get("cpu", "")))),
        (say("command", lang), f"<code>{html.escape(receipt.command)}</code>"),
        (say("state", lang), f'<span class="vf-state vf-{states[0]}">{say(states[0], lang)}</span>'),
    ]
    label = metric.label[lang] if metric else result.title[lang]
    shown = format_value(metric.value, metric.unit, lang) if metric else ""
    body = "".join(f"<dt>{head}</dt><dd>{text}</dd>" for head, text in rows)
    return (
        f'<div class="vf-card" id="{card_id}" popover><p class="vf-card-label">{html.escape(label)} · {name}</p>'
        + (f'<p class="vf-card-value">{shown}</p>' if shown else "")
        + f'<dl>{body}</dl><a class="vf-card-link">{say("open_receipt", lang)}</a></div>'
    )


def _metric_line(key: str, metric: Metric, lang: str) -> str:
    notes = []
    if metric.ci:
        notes.append(f"{format_interval(*metric.ci, metric.unit, lang)} · {html.escape(metric.ci_method)}")
    if metric.n is not None:
        notes.append(f"n = {metric.n:,}")
    note = f"<small>{' · '.join(notes)}</small>" if notes else ""
    return (
        f'<div class="vf-receipt-line" id="{key}"><span>{html.escape(metric.label[lang])}{note}</span>'
        f"<span>{format_value(metric.value, metric.unit, lang)}</span></div>"
    )


def _command(result: Result, lang: str) -> str:
    commit = result.receipt.commit
    lines = [f"git checkout {commit[:12]}"] if commit and not result.receipt.dirty else []
    lines.append(f"{result.receipt.command} --force")
    command = html.escape("\n".join(lines))
    return _section("command", lang, f'<pre class="vf-receipt-command"><code>{command}</code></pre>')


def _inputs(result: Result, lang: str) -> str:
    lines = []
    for one in result.receipt.inputs:
        title = (
            f'<a href="{html.escape(one.url)}" rel="external">{html.escape(one.title)}</a>'
            if one.url
            else html.escape(one.title)
        )
        lines.append(_line(title, html.escape(one.source)))
        lines.append(_line(say("license", lang), html.escape(one.license)))
        if one.revision:
            lines.append(_line(say("revision", lang), f"<code>{html.escape(one.revision[:12])}</code>"))
        lines += [
            _line(html.escape(name), f'<code title="SHA-256 {value}">{value[:12]}</code>')
            for name, value in one.sha256.items()
        ]
    lines += [
        _line(f"← {need}", f"<code>{value[:12]}</code>") for need, value in result.receipt.needs.items()
    ]
    return "".join(lines)


def _environment(result: Result, lang: str) -> str:
    receipt, machine = result.receipt, result.receipt.machine
    commit = f"<code>{receipt.commit[:12]}</code>" if receipt.commit else "—"
    if receipt.dirty:
        commit += " " + say("dirty", lang)
    memory = format_value(float(machine.get("memory_bytes", 0)), "bytes", lang)
    lines = [
        _line(say("commit", lang), commit),
        _line(say("profile", lang), receipt.profile),
        _line(say("machine", lang), html.escape(str(machine.get("cpu", "")))),
        _line("CPU / RAM", f"{machine.get('cores', '?')} / {memory}"),
        _line("OS", html.escape(str(machine.get("system", "")))),
        _line("Python", html.escape(str(machine.get("python", "")))),
    ]
    return "".join(lines)


def _history(result: Result, past: dict[str, list[PastValue]], lang: str) -> str:
    lines = []
    for key, metric in result.metrics.items():
        older = [one for one in past.get(key, []) if one.value != metric.value]
        lines += [
            _line(
                f"{html.escape(metric.label[lang])} <small>{one.date} · <code>{one.commit[:8]}</code></small>",
                format_value(one.value, one.unit, lang),
            )
            for one in older[:5]
        ]
    return "".join(lines) or f"<p>{say('history_none', lang)}</p>"


def _total(result: Result, lang: str) -> str:
    lines = [_line(say("duration", lang), format_value(result.receipt.duration_s, "seconds", lang))]
    if result.receipt.peak_memory_bytes:
        lines.append(
            _line(say("peak_memory", lang), format_value(result.receipt.peak_memory_bytes, "bytes", lang))
        )
    lines.append(
        _line(say("digest", lang), f'<code title="SHA-256 {result.digest}">{result.digest[:16]}</code>')
    )
    return f'<section class="vf-receipt-total"><h2>{say("total", lang)}</h2>{"".join(lines)}</section>'


def _tables(result: Result, lang: str) -> Iterable[str]:
    if result.tables:
        yield f"## {say('tables', lang)}\n"
    for key, table in result.tables.items():
        yield f'<div class="vf-table" id="table-{key}" markdown>\n\n{markdown_table(table, lang)}\n\n</div>\n'


def markdown_table(table: Table, lang: str) -> str:
    """A whole table in Markdown."""
    head = "| " + " | ".join(column.label[lang] for column in table.columns) + " |"
    rule = "|" + "|".join(" ---: " if column.unit else " --- " for column in table.columns) + "|"
    rows = [
        "| " + " | ".join(cell_text(row[column.key], column, lang) for column in table.columns) + " |"
        for row in table.rows
    ]
    return "\n".join([head, rule, *rows])


def _charts(page: Page, result: Result) -> Iterable[str]:
    if result.charts:
        yield f"## {say('charts', page.lang)}\n"
    cache = page.evidence.portfolio.root / "build" / "cache" / "charts"
    for key, chart in result.charts.items():
        drawings = "".join(
            f'<div class="vf-chart-{size}">{render_svg(chart, page.lang, size, cache)}</div>'
            for size in ("wide", "narrow")
        )
        yield (
            f'<figure class="vf-chart" id="chart-{key}"><figcaption><code>{key}</code></figcaption>{drawings}'
            f'<details class="vf-data" open><summary>{say("data", page.lang)}</summary>{data_table(page, result, key)}</details></figure>\n'
        )


def _doubts(reasons: list[Fault], lang: str) -> list[str]:
    if not reasons:
        return []
    items = "".join(
        f"<li>{html.escape(one.message)} <code>{html.escape(one.path)}</code></li>" for one in reasons
    )
    return [
        f'<section class="vf-receipt-doubts" role="note"><h2>{say("why_stale", lang)}</h2><ul>{items}</ul></section>'
    ]


def _section(word: str, lang: str, body: str) -> str:
    return f"<section><h2>{say(word, lang)}</h2>{body}</section>" if body else ""


def _pairs(pairs: dict[str, object] | dict[str, str]) -> str:
    return "".join(_line(html.escape(str(key)), html.escape(str(value))) for key, value in pairs.items())


def _hashes(hashes: dict[str, str], page: Page | None = None) -> str:
    lines = []
    for path, value in hashes.items():
        url = page.site.source_url(path) if page else ""
        name = f'<a href="{url}">{html.escape(path)}</a>' if url else html.escape(path)
        lines.append(_line(name, f'<code title="{value}">{value[:12]}</code>'))
    return "".join(lines)


def _line(left: str, right: str) -> str:
    return f'<div class="vf-receipt-line"><span>{left}</span><span>{right}</span></div>'


def _moment(result: Result) -> str:
    return result.receipt.started.replace("T", " ").replace("Z", " UTC")


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '\\"') + '"'


def list_receipts(evidence: Evidence, lang: str, page: Page) -> str:
    """Every experiment with its state and a link to its receipt, by project."""
    out = []
    for project in evidence.portfolio.projects.values():
        out.append(f"## {project.entry.title[lang]}\n")
        rows = [
            "| " + " | ".join((say("experiments", lang), say("state", lang), say("measured", lang))) + " |",
            "| --- | --- | --- |",
        ]
        for experiment in project.experiments.values():
            one = evidence.states[experiment.name]
            title = experiment.entry.title[lang]
            shown = f"[{title}]({page.link(receipt_path(experiment.name))})" if one.result else title
            state = f'<span class="vf-state vf-{one.state}">{say(one.state, lang)}</span>'
            rows.append(f"| {shown} | {state} | {_moment(one.result) if one.result else '—'} |")
        out += ['<div class="vf-table" markdown>', "", *rows, "", "</div>", ""]
    return "\n".join(out) or say("none_yet", lang)
