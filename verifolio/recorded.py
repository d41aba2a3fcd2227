"""The recorded rung: rows of a result's table as outputs in plain HTML, for reading without any script.

Knows what the columns of such a table may mean, nothing of any demo.
"""

from __future__ import annotations

import html
import re

import msgspec

from verifolio.errors import AuthorError, did_you_mean
from verifolio.results import Cell, Column, Table
from verifolio.units import format_value
from verifolio.words import say

SHOWN = 3  # rows that stand at once: the buttons below them should not be far
_HAN = re.compile(r"[\u3400-\u9fff]")


class Recorded(msgspec.Struct, forbid_unknown_fields=True):
    """Which table holds the recorded outputs, and what its columns mean.

    A verdict has `label` and `score`, a text has `output`; the rest is optional.
    """

    table: str
    input: str
    label: str = ""
    score: str = ""
    effects: str = ""  # JSON: [[word, effect], …]
    output: str = ""
    sources: str = ""  # JSON: [{document, place, quote}, …]
    mode: str = ""
    truth: str = ""
    facts: list[str] = []  # further columns, shown with their units

    def columns(self) -> list[str]:
        """The columns that are named."""
        roles = [self.input, self.label, self.score, self.effects, self.output]
        return [name for name in [*roles, self.sources, self.mode, self.truth, *self.facts] if name]


class SourceNote(msgspec.Struct, forbid_unknown_fields=True):
    """Where an answer comes from."""

    document: str
    place: str = ""
    quote: str = ""


def check_recorded(roles: Recorded, table: Table) -> None:
    """Raise for roles that contradict each other or name a column that the table lacks."""
    if not roles.output and not (roles.label and roles.score):
        raise AuthorError("recorded: names neither an ‘output’ nor a ‘label’ with its ‘score’")
    known = [column.key for column in table.columns]
    for name in roles.columns():
        if name not in known:
            raise AuthorError(f"{roles.table} has no column ‘{name}’", hint=did_you_mean(name, known))
    if not table.rows:
        raise AuthorError(f"{roles.table} has no rows: nothing was recorded")


def render_recorded(roles: Recorded, table: Table, slug: str, lang: str) -> str:
    """All rows, each folded under its input but the first, the rest under one more fold; and what they are."""
    columns = {column.key: column for column in table.columns}
    rows = [
        _render_row(roles, row, columns, slug, lang, first=number == 0)
        for number, row in enumerate(table.rows)
    ]
    note = "recorded_note" if roles.effects else "recorded_text_note"
    at = SHOWN if len(rows) > SHOWN + 1 else len(rows)
    rest = "".join(rows[at:])
    if rest:
        more = say("recorded_more", lang, len(rows) - at)
        rest = f'<details class="vf-demo-example vf-demo-more"><summary>{more}</summary>{rest}</details>'
    return f'{"".join(rows[:at])}{rest}<p class="vf-demo-note">{say(note, lang)}</p>'


def _render_row(
    roles: Recorded, row: dict[str, Cell], columns: dict[str, Column], slug: str, lang: str, *, first: bool
) -> str:
    text = words_of(row[roles.input], lang)
    effects = read_effects(row[roles.effects], roles) if roles.effects else []
    marked = _mark_words(text, effects, lang)
    summary = " ".join(text.split())
    whole = len(summary) <= 60 and not effects  # then the fold's own line shows it already
    summary = summary if len(summary) <= 60 else summary[:60].rstrip() + "…"
    mode = f'<span class="vf-demo-mode">{_shown(row[roles.mode], lang)}</span>' if roles.mode else ""
    hidden = " hidden" if whole else ""
    parts = [f'<blockquote class="vf-demo-input"{hidden} lang="{_language(text)}">{marked}</blockquote>']
    if roles.label:
        parts.append(_render_verdict(roles, row, lang))
    if roles.output:
        answer = words_of(row[roles.output], lang)
        parts.append(f'<div class="vf-demo-text" lang="{_language(answer)}">{_escape(answer)}</div>')
    if roles.sources:
        parts.append(_render_sources(roles, row[roles.sources], lang))
    if roles.truth and (truth := row[roles.truth]):
        parts.append(f'<p class="vf-demo-note">{_shown(truth, lang)}</p>')
    if effects and "<mark" not in marked:
        parts.append(f'<p class="vf-demo-note">{say("effects_none", lang)}</p>')
    if roles.facts:
        parts.append(_render_facts(roles, row, columns, lang))
    return (
        f'<details class="vf-demo-example" name="vf-demo-{slug}"{" open" if first else ""}>'
        f'<summary><span lang="{_language(text)}">{html.escape(summary)}</span>{mode}</summary>'
        f'<div class="vf-demo-output">{"".join(parts)}</div></details>'
    )


def _render_verdict(roles: Recorded, row: dict[str, Cell], lang: str) -> str:
    score = row[roles.score]
    if not isinstance(score, int | float):
        raise AuthorError(f"{roles.table}: {roles.score} holds {score!r}, not a number")
    shown = format_value(score, "ratio", lang)
    return (
        f'<p class="vf-demo-verdict"><strong class="vf-demo-label">{_shown(row[roles.label], lang)}</strong> '
        f'<meter min="0" max="1" value="{score:.3f}" aria-label="{say("confidence", lang)}">{shown}</meter> '
        f'<span class="vf-demo-prob">{shown}</span></p>'
    )


def _render_sources(roles: Recorded, cell: Cell, lang: str) -> str:
    sources = read_sources(cell, roles, lang)
    if not sources:
        return f'<p class="vf-demo-note">{say("sources_none", lang)}</p>'
    items = []
    for one in sources:
        place = f' <span lang="{_language(one.place)}">{_escape(one.place)}</span>' if one.place else ""
        quote = f'<q lang="{_language(one.quote)}">{_escape(one.quote)}</q>' if one.quote else ""
        cite = f'<cite lang="{_language(one.document)}">{_escape(one.document)}</cite>'
        items.append(f"<li>{cite}{place}{quote}</li>")
    head = f'<p class="vf-demo-note">{say("sources", lang)}</p>'
    return f'{head}<ol class="vf-demo-sources">{"".join(items)}</ol>'


def _render_facts(roles: Recorded, row: dict[str, Cell], columns: dict[str, Column], lang: str) -> str:
    items = [
        f"<div><dt>{html.escape(label)}</dt><dd>{_escape(shown)}</dd></div>"
        for label, shown in facts_of(roles, row, columns, lang)
    ]
    return f'<dl class="vf-demo-facts">{"".join(items)}</dl>' if items else ""


def facts_of(
    roles: Recorded, row: dict[str, Cell], columns: dict[str, Column], lang: str
) -> list[tuple[str, str]]:
    """The further columns that this row fills: what each is called, what it holds."""
    facts = []
    for name in roles.facts:
        column, cell = columns[name], row[name]
        if cell is None or cell == "":
            continue
        unit = column.unit if isinstance(cell, int | float) else ""
        shown = format_value(float(cell), unit, lang) if unit else words_of(cell, lang)  # type: ignore[arg-type]
        facts.append((column.label[lang], shown))
    return facts


def read_effects(cell: Cell, roles: Recorded) -> list[tuple[str, float]]:
    """Words of the input with their effects, which a cell holds as JSON."""
    try:
        return msgspec.json.decode(str(cell or "[]"), type=list[tuple[str, float]])
    except msgspec.MsgspecError:
        raise AuthorError(f"{roles.table}: {roles.effects} holds {cell!r}, not [[word, effect], …]") from None


def read_sources(cell: Cell, roles: Recorded, lang: str) -> list[SourceNote]:
    """Where an answer comes from, which a cell holds as JSON."""
    text = words_of(cell, lang) or "[]"
    try:
        return msgspec.json.decode(text, type=list[SourceNote])
    except msgspec.MsgspecError as error:
        shape = '[{"document", "place", "quote"}, …]'
        raise AuthorError(f"{roles.table}: {roles.sources} holds {text!r}, not {shape}: {error}") from None


def marked_pieces(text: str, effects: list[tuple[str, float]]) -> list[tuple[str, float]]:
    """The input in pieces: each word that moved the verdict with its effect, what stands between with 0."""
    pieces, at, done = [], 0, 0
    for word, effect in effects:
        found = text.find(word, at)
        if found < 0:
            continue
        at = found + len(word)  # past every word: a short one stands within longer ones too
        if abs(effect) >= 0.15:
            pieces += [(text[done:found], 0.0), (word, effect)]
            done = at
    return [*pieces, (text[done:], 0.0)]


def _mark_words(text: str, effects: list[tuple[str, float]], lang: str) -> str:
    """The input with the words that moved the verdict marked, each with its effect as a title."""
    return "".join(
        f'<mark class="{"vf-pos" if effect > 0 else "vf-neg"}" title="{say("effects", lang)}: {effect:+.2f}">'
        f"{html.escape(piece)}</mark>"
        if effect
        else _escape(piece)
        for piece, effect in marked_pieces(text, effects)
    )


def words_of(cell: Cell, lang: str) -> str:
    """A cell in one language."""
    return cell[lang] if isinstance(cell, dict) else "" if cell is None else str(cell)


def _shown(cell: Cell, lang: str) -> str:
    return _escape(words_of(cell, lang))


def _escape(text: str) -> str:
    """Text for HTML inside Markdown, where an empty line would end the element."""
    return html.escape(text).replace("\r", "").replace("\n", "&#10;")


def _language(text: str) -> str:
    """Chinese when it holds Han characters: inputs and quotes needn't be in the page's language."""
    return "zh" if _HAN.search(text) else "en"
