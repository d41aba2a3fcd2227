"""Receipt pages: what was measured, by which command, from what, on what, and what it was before."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from verifolio.blocks import cell_text
from verifolio.cards import moment_of, state_chip
from verifolio.charts import draw
from verifolio.errors import Fault
from verifolio.history import History, PastValue
from verifolio.page import Page
from verifolio.results import Cell, Metric, Result, Table
from verifolio.units import format_interval, format_value
from verifolio.words import say

_HAN = re.compile(r"[\u3400-\u9fff]")


def receipt_path(experiment: str) -> str:
    """The staged page of an experiment's receipt."""
    return f"receipts/{experiment.replace('.', '/')}.md"


def render_receipt(page: Page, name: str, history: History) -> str:
    """The staged Markdown of one experiment's receipt."""
    result, lang = page.evidence.result(name), page.lang
    title = f"{result.title[lang]} · {say('receipt', lang)}"
    parts = [
        "---",
        f"title: {json.dumps(title, ensure_ascii=False)}",
        "hide: [toc]",
        "search: {boost: 0.3}",
        "---",
        "",
        '<div class="vf-receipt">',
        _head(page, result),
        _doubts(page.evidence.doubts(name), lang),
        _section("what", lang, "".join(_metric_line(key, one, lang) for key, one in result.metrics.items())),
        _section("command", lang, f"<pre><code>{html.escape(_command(result))}</code></pre>"),
        _section("inputs", lang, _inputs(result, lang)),
        _section("environment", lang, _environment(result, lang)),
        _section("history", lang, _history(result, history.get(name, {}), lang)),
        _section("details", lang, _details(page, result)),
        _total(result, lang),
        f'<p class="vf-receipt-code">sha256 {" ".join(result.digest[at : at + 4] for at in range(0, 16, 4))}</p>',
        "</div>",
        "",
        *_tables(result, lang),
        *_charts(page, result),
    ]
    return "\n".join(parts) + "\n"


def look_over_receipt(page: Page, name: str) -> str:
    """Only what can go wrong when it is rendered: a chart that cannot be drawn raises as it would there."""
    for chart in page.evidence.result(name).charts.values():
        draw(chart, page.lang, _drawings(page))
    return ""


def _head(page: Page, result: Result) -> str:
    state = state_chip(page.evidence.state(result.name), page.lang)
    return (
        f'<header class="vf-receipt-head"><p class="vf-receipt-shop">{html.escape(page.site.name[page.lang])}</p>'
        f"<h1>{html.escape(result.title[page.lang])}</h1>"
        f'<p class="vf-receipt-sub">{result.name}</p>'
        f'<p class="vf-receipt-sub"><time datetime="{result.receipt.started}">{moment_of(result)}</time></p>'
        f"<p>{state}</p></header>"
    )


def _doubts(reasons: list[Fault], lang: str) -> str:
    items = "".join(
        f"<li>{html.escape(one.message)} <code>{html.escape(one.path)}</code></li>" for one in reasons
    )
    return _section("why_stale", lang, f"<ul>{items}</ul>" if items else "")


def _metric_line(key: str, metric: Metric, lang: str) -> str:
    notes = [f"n = {metric.n:,}"] if metric.n is not None else []
    if metric.ci:
        notes.append(f"{format_interval(*metric.ci, metric.unit, lang)} ({html.escape(metric.ci_method)})")
    note = f"<span>{' · '.join(notes)}</span>" if notes else ""
    return (
        f'<div class="vf-receipt-line" id="{key}"><span>{html.escape(metric.label[lang])}</span>'
        f"<span>{format_value(metric.value, metric.unit, lang)}</span>{note}</div>"
    )


def _command(result: Result) -> str:
    commit = result.receipt.commit
    checkout = f"git checkout {commit[:12]}\n" if commit and not result.receipt.dirty else ""
    return f"{checkout}{result.receipt.command} --force"


def _inputs(result: Result, lang: str) -> str:
    items = []
    for one in result.receipt.inputs:
        title = html.escape(one.title)
        linked = f'<a href="{html.escape(one.url)}" rel="external">{title}</a>' if one.url else title
        facts = [
            one.source,
            one.license,
            *([f"{say('revision', lang)} {one.revision[:12]}"] if one.revision else []),
        ]
        hashes = "".join(
            f'<p>{html.escape(name)} <code title="SHA-256 {value}">{value[:12]}</code></p>'
            for name, value in one.sha256.items()
        )
        items.append(
            f'<div class="vf-receipt-item"><p>{linked}</p><p>{html.escape(" · ".join(facts))}</p>{hashes}</div>'
        )
    needs = {f"← {need}": f"<code>{value[:12]}</code>" for need, value in result.receipt.needs.items()}
    return "".join(items) + _lines(needs)


def _environment(result: Result, lang: str) -> str:
    receipt, machine = result.receipt, result.receipt.machine
    memory = format_value(float(machine.get("memory_bytes", 0)), "bytes", lang)
    commit = f"<code>{receipt.commit[:12]}</code>" if receipt.commit else "—"
    return _lines(
        {
            say("commit", lang): commit + (f" {say('dirty', lang)}" if receipt.dirty else ""),
            say("profile", lang): receipt.profile,
            say("machine", lang): html.escape(str(machine.get("cpu", ""))),
            "CPU / RAM": f"{machine.get('cores', '?')} / {memory}",
            "OS": html.escape(str(machine.get("system", ""))),
            "Python": html.escape(str(machine.get("python", ""))),
        }
    )


def _history(result: Result, past: dict[str, list[PastValue]], lang: str) -> str:
    lines = {}
    for key, metric in result.metrics.items():
        for one in [old for old in past.get(key, []) if old.value != metric.value][:5]:
            when = f"{html.escape(metric.label[lang])} · {one.date} <code>{one.commit[:8]}</code>"
            lines[when] = format_value(one.value, one.unit, lang)
    return _lines(lines) or f"<p>{say('history_none', lang)}</p>"


def _details(page: Page, result: Result) -> str:
    receipt, lang = result.receipt, page.lang
    code = {
        _source_link(page, path): _short(value) for path, value in {**receipt.code, **receipt.files}.items()
    }
    made = {
        html.escape(path): _short(value) for path, value in {**receipt.products, **receipt.derived}.items()
    }
    parameters = {"seed": receipt.seed, **receipt.params}
    folds = {
        "parameters": _lines(
            {html.escape(key): html.escape(str(value)) for key, value in parameters.items()}
        ),
        "code": _lines(code),
        "products": _lines(made),
        "packages": _lines(receipt.versions),
    }
    return "".join(
        f"<details><summary>{say(word, lang)}</summary>{body}</details>"
        for word, body in folds.items()
        if body
    )


def _source_link(page: Page, path: str) -> str:
    url = page.site.source_url(path)
    return f'<a href="{url}">{html.escape(path)}</a>' if url else html.escape(path)


def _total(result: Result, lang: str) -> str:
    lines = {say("measured_count", lang): say("items", lang, len(result.metrics))}
    lines[say("duration", lang)] = format_value(result.receipt.duration_s, "seconds", lang)
    if result.receipt.peak_memory_bytes:
        lines[say("peak_memory", lang)] = format_value(result.receipt.peak_memory_bytes, "bytes", lang)
    return f'<div class="vf-receipt-total">{_lines(lines, plain=False)}</div>'


def _tables(result: Result, lang: str) -> Iterable[str]:
    if result.tables:
        yield f"## {say('tables', lang)}\n"
    for key, table in result.tables.items():
        yield f'<div class="vf-table" id="table-{key}" data-search-exclude="" markdown>\n\n{markdown_table(table, lang)}\n\n</div>\n'


def markdown_table(table: Table, lang: str) -> str:
    """A whole table in Markdown."""
    head = "| " + " | ".join(cell_text(column.label, column, lang) for column in table.columns) + " |"
    rule = "|" + "|".join(" ---: " if column.unit else " --- " for column in table.columns) + "|"
    rows = [
        "| "
        + " | ".join(
            _marked(cell_text(_effects(row[column.key]), column, lang), lang) for column in table.columns
        )
        + " |"
        for row in table.rows
    ]
    return "\n".join([head, rule, *rows])


def _effects(cell: Cell) -> Cell:
    """Effects of single words, `[["word", 0.02], …]`, as a reader wants them: the strongest, in order."""
    if not isinstance(cell, str) or not cell.startswith("[["):
        return cell
    try:
        pairs = msgspec.json.decode(cell, type=list[tuple[str, float]])
    except msgspec.MsgspecError:
        return cell
    shown = sorted(pairs, key=lambda pair: -abs(pair[1]))[:8]
    more = " …" if len(pairs) > len(shown) else ""
    return ", ".join(f"{word} {value:+.2f}".replace("-", "−") for word, value in shown) + more


def _marked(text: str, lang: str) -> str:
    """A Chinese cell on an English page says that it is Chinese: data need not be in the page's language."""
    return f'<span lang="zh">{text}</span>' if lang != "zh" and _HAN.search(text) else text


def _charts(page: Page, result: Result) -> Iterable[str]:
    if result.charts:
        yield f"## {say('charts', page.lang)}\n"
    for key, chart in result.charts.items():
        drawing = draw(chart, page.lang, _drawings(page))
        alt = html.escape(" · ".join([key, *drawing.titles]), quote=True)  # the finding is a post's to tell
        drawings = "".join(
            f'<div class="vf-chart-{size}" role="img" aria-label="{alt}">{svg}</div>'
            for size, svg in (("wide", drawing.wide), ("narrow", drawing.narrow))
        )
        yield (
            f'<figure class="vf-chart" id="chart-{key}"><figcaption><code>{key}</code></figcaption>{drawings}'
            f'<details class="vf-data"><summary>{say("data", page.lang)}</summary>'
            f"{drawing.table}</details></figure>\n"
        )


def _drawings(page: Page) -> Path:
    return page.evidence.portfolio.root / "build" / "cache" / "charts"


def list_receipts(page: Page) -> str:
    """Every experiment with its state and a link to its receipt, by project."""
    lang = page.lang
    states = page.evidence.states.values()
    known = [one.result for one in states if one.result]
    machines = {html.escape(str(one.receipt.machine.get("cpu", "?"))) for one in known}
    whole = "durations_here" if len(machines) == 1 else "durations_mixed"
    out = [say(whole, lang, _took(known, lang), *machines), ""] if known else []
    for project in page.evidence.portfolio.projects.values():
        words = ("experiment", "state", "measured", "duration")
        rows = ["| " + " | ".join(say(word, lang) for word in words) + " |", "| --- | --- | --- | ---: |"]
        results = []
        for experiment in project.experiments.values():
            one = page.evidence.states[experiment.name]
            title = experiment.entry.title[lang]
            shown = f"[{title}]({page.link(receipt_path(experiment.name))})" if one.result else title
            told = (moment_of(one.result), _took([one.result], lang)) if one.result else ("—", "—")
            rows.append("| " + " | ".join((shown, state_chip(one.state, lang), *told)) + " |")
            results += [one.result] if one.result else []
        if len(results) > 1:
            rows.append(f"| {say('total', lang)} | | | {_took(results, lang)} |")
        out += [
            f"## {project.entry.title[lang]}",
            "",
            '<div class="vf-table" markdown>',
            "",
            *rows,
            "",
            "</div>",
            "",
        ]
    return "\n".join(out) if page.evidence.portfolio.projects else say("none_yet", lang)


def _took(results: Sequence[Result], lang: str) -> str:
    seconds = sum(one.receipt.duration_s for one in results)
    return ("< " if seconds < 1 else "") + format_value(
        max(1, round(seconds)), "seconds", lang, digits=0 if seconds < 100 else None
    )


def _section(word: str, lang: str, body: str) -> str:
    if not body:
        return ""
    return f'<section aria-labelledby="r-{word}"><h2 id="r-{word}">{say(word, lang)}</h2>{body}</section>'


def _lines(pairs: Mapping[str, str], *, plain: bool = True) -> str:
    kind = " vf-plain" if plain else ""
    return "".join(
        f'<div class="vf-receipt-line{kind}"><span>{left}</span><span>{right}</span></div>'
        for left, right in pairs.items()
    )


def _short(digest: str) -> str:
    return f'<code title="{digest}">{digest[:12]}</code>'
