"""The `:::` blocks that show evidence: tables, charts, quoted code and exercises."""

from __future__ import annotations

import html
import re
from typing import Any

from verifolio.bind import Block, bind_inline, check_claim
from verifolio.charts import draw
from verifolio.errors import AuthorError, did_you_mean
from verifolio.expressions import Ref, find_table
from verifolio.page import Page
from verifolio.quote import quote_code
from verifolio.results import Cell, Column, Result
from verifolio.units import format_value
from verifolio.words import say

_SHORT = re.compile(
    r"(?<!\S)[\w.]{1,8}-[\w.]{1,6}(?!\S)"
)  # distinct-1, UTF-8: one word at the head of a column
_URL = re.compile(r"https?://\S+")
_SPECIAL = re.compile(r"[&<>|\n]|https?://")


def table_block(page: Page, block: Block) -> str:
    """`::: table project.experiment.table` with `columns:`, `rows:` and `caption:` to choose and explain."""
    _known(block, {"columns", "rows", "caption"})
    result, key = _target(page, block, "table")
    table = find_table(result, key)
    ref = Ref(result.name, "table", key)
    page.evidence.used.append(ref)
    page.bound.append(f"table {block.target} {block.body.get('columns', '')} {block.body.get('rows', '')}")
    stale = page.doubt(block.line, (ref,))
    columns = _chosen(block, "columns", {column.key: column for column in table.columns})
    first = table.columns[0].key
    rows = table.rows  # all of them: two may have the same name
    if block.body.get("rows") is not None:
        names = [_name(row[first]) for row in table.rows]
        rows = _chosen(block, "rows", dict(zip(names, table.rows, strict=True)))
        if twice := [name for name in map(_name, (row[first] for row in rows)) if names.count(name) > 1]:
            raise AuthorError(
                f"several rows of {block.target} are named ‘{twice[0]}’", hint="leave out rows:"
            )
    heads = (
        _SHORT.sub(r'<span class="vf-whole">\g<0></span>', cell_text(one.label, one, page.lang))
        for one in columns
    )
    lines = ["| " + " | ".join(heads) + " |"]
    lines.append("|" + "|".join(" ---: " if column.unit else " --- " for column in columns) + "|")
    for row in rows:
        lines.append(
            "| " + " | ".join(cell_text(row[column.key], column, page.lang) for column in columns) + " |"
        )
    if not rows:
        lines = [say("none_yet", page.lang)]
    caption = bind_inline(str(block.body.get("caption", "")), page, block.line)
    state = " vf-stale" if stale else ""
    parts = [f'<div class="vf-table{state}" markdown>', ""]
    parts += [caption, "{ .vf-table-title }", ""] if caption else []
    return "\n".join([*parts, *lines, "", "</div>", "", _source(page, ref)])


def chart_block(page: Page, block: Block) -> str:
    """`::: chart project.experiment.chart` with `title:`, `claim:` (guards the title) and `alt:`."""
    _known(block, {"title", "claim", "alt"})
    result, key = _target(page, block, "chart")
    if key not in result.charts:
        raise AuthorError(f"{result.name} has no chart ‘{key}’", hint=did_you_mean(key, list(result.charts)))
    for word, why in (
        ("alt", "what a reader who cannot see it should know"),
        ("title", "what it shows, as a finding"),
    ):
        if not str(block.body.get(word) or "").strip():
            raise AuthorError(f"chart {block.target} has no {word} text", hint=f"add {word}: {why}")
    ref = Ref(result.name, "chart", key)
    page.evidence.used.append(ref)
    page.bound.append(f"chart {block.target}")
    stale = page.doubt(block.line, (ref,))
    if claim := str(block.body.get("claim") or ""):
        check_claim(claim, page, block.line)
    title = bind_inline(str(block.body["title"]), page, block.line, plain=True)
    alt = html.escape(bind_inline(str(block.body["alt"]), page, block.line, plain=True), quote=True)
    drawing = draw(result.charts[key], page.lang, page.evidence.portfolio.root / "build" / "cache" / "charts")
    drawings = [
        f'<div class="vf-chart-{size}" role="img" aria-label="{alt}" markdown="0">{svg}</div>'
        for size, svg in (("wide", drawing.wide), ("narrow", drawing.narrow))
    ]
    anchor = f"chart-{result.project}-{result.experiment}-{key}"
    state = " vf-stale" if stale else ""
    return "\n".join(
        [
            f'<figure class="vf-chart{state}" id="{anchor}" markdown="1">',
            f'<figcaption markdown="0">{html.escape(title)}</figcaption>',
            *drawings,
            f'<details class="vf-data" markdown="0"><summary>{say("data", page.lang)}</summary>{drawing.table}</details>',
            "",
            _source(page, ref),
            "",
            "</figure>",
        ]
    )


def code_block(page: Page, block: Block) -> str:
    """`::: code path.py#symbol` quotes the project's own code; `lines:` picks within the symbol."""
    _known(block, {"lines", "caption"})
    quote = quote_code(page.evidence.portfolio.root, block.target, str(block.body.get("lines", "")))
    page.quoted.append(f"{block.target} {block.body.get('lines', '')}")
    label = f"{quote.path}#{quote.symbol}" if quote.symbol else quote.path
    url = page.site.source_url(quote.path, quote.first_line, quote.last_line)
    label = re.sub(r"(?<=[/#_])(?=\w)", "<wbr>", label)  # on a phone it breaks there, not within a word
    link = f'<a href="{url}">{label}</a>' if url else f"<span>{label}</span>"
    fence = "````" if "```" in quote.text else "```"
    return "\n".join(
        [
            '<figure class="vf-code" markdown>',
            f"<figcaption>{link}</figcaption>",
            "",
            f'{fence}{{ .{quote.language} linenums="{quote.first_line}" }}',
            quote.text,
            fence,
            "",
            "</figure>",
        ]
    )


def exercise_block(page: Page, block: Block) -> str:
    """`::: exercise` with `question:` and `solution:`, which stays hidden until asked for."""
    _known(block, {"question", "solution"})
    for word in ("question", "solution"):
        if not block.body.get(word):
            raise AuthorError(f"an exercise needs its {word}")
    question = bind_inline(str(block.body["question"]), page, block.line)
    solution = bind_inline(str(block.body["solution"]), page, block.line)
    return "\n".join(
        [
            '<div class="vf-exercise" markdown>',
            "",
            say("exercise", page.lang),
            "{ .vf-exercise-title }",
            "",
            question,
            "",
            f"<details markdown><summary>{say('solution', page.lang)}</summary>",
            "",
            solution,
            "",
            "</details>",
            "",
            "</div>",
        ]
    )


def cell_text(cell: Cell, column: Column, lang: str) -> str:
    """A cell as a reader of `lang` sees it, safe inside a Markdown table."""
    if cell is None:
        return say("not_applicable", lang)
    if isinstance(cell, dict):
        cell = cell[lang]
    if isinstance(cell, str) or not column.unit:
        if not _SPECIAL.search(str(cell)):
            return str(cell)  # most of them
        text = html.escape(str(cell), quote=False).replace("|", "\\|").replace("\n", " ")
        return _URL.sub(
            lambda url: re.sub(r"(?<=[^:/]/)(?=[^/])", "<wbr>", url[0]), text
        )  # may break at a slash
    return format_value(cell, column.unit, lang)


def _target(page: Page, block: Block, kind: str) -> tuple[Result, str]:
    parts = block.target.split(".")
    if len(parts) != 3:
        raise AuthorError(f"‘{block.target}’ is not a {kind}", hint=f"project.experiment.{kind}")
    return page.evidence.result(".".join(parts[:2])), parts[2]


def _chosen(block: Block, name: str, known: dict[str, Any]) -> list[Any]:
    wanted = block.body.get(name)
    if wanted is None:
        return list(known.values())
    if not isinstance(wanted, list):
        raise AuthorError(f"{name}: a list belongs there", hint=f"{name}: [{', '.join(list(known)[:3])}]")
    for word in wanted:
        if str(word) not in known:
            raise AuthorError(
                f"{block.target} has no {name.rstrip('s')} ‘{word}’",
                hint=did_you_mean(str(word), list(known)),
            )
    return [known[str(word)] for word in wanted]


def _name(cell: Cell) -> str:
    return str(cell.get("en")) if isinstance(cell, dict) else str(cell)


def _known(block: Block, keys: set[str]) -> None:
    for key in block.body:
        if key not in keys:
            raise AuthorError(
                f"::: {block.kind} has no key ‘{key}’", hint=did_you_mean(str(key), sorted(keys))
            )


def _source(page: Page, ref: Ref) -> str:
    return (
        f"[{say('receipt', page.lang)} · {ref.experiment}]({page.link(page.receipt(ref))})\n{{ .vf-source }}"
    )
