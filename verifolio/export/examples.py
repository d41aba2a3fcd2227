"""A demo's recorded outputs as Markdown: what its page shows at once, without colours and folds."""

from __future__ import annotations

import html
import re
from itertools import groupby

from verifolio.recorded import (
    SHOWN,
    Recorded,
    facts_of,
    marked_pieces,
    read_effects,
    read_sources,
    words_of,
)
from verifolio.results import Cell, Column, Table
from verifolio.units import format_value
from verifolio.words import say

_ROOM = 400  # characters of an input or an answer


def quote_recorded(roles: Recorded, table: Table, lang: str) -> str:
    """The first rows as one quotation: input, answer, and what the page says about it."""
    columns = {column.key: column for column in table.columns}
    rows = [_row(roles, row, columns, lang) for row in table.rows[:SHOWN]]
    parts = [f"**{number}.** {row}" for number, row in enumerate(rows, 1)]
    notes = [say("marked_words", lang)] if any("**" in row.partition("\n\n→ ")[0] for row in rows) else []
    if (more := len(table.rows) - SHOWN) > 0:
        notes.append(say("recorded_more", lang, more))
    if notes:
        parts.append(f"*{' · '.join(notes)}*")
    return "\n".join(f"> {line}" if line else ">" for line in "\n\n".join(parts).split("\n"))


def _row(roles: Recorded, row: dict[str, Cell], columns: dict[str, Column], lang: str) -> str:
    text = words_of(row[roles.input], lang)
    effects = read_effects(row[roles.effects], roles) if roles.effects else []
    bold = _bold(text if effects else _cut(text), effects)
    answer = []
    if roles.label and isinstance(score := row[roles.score], int | float):
        answer.append(
            f"**{_escape(words_of(row[roles.label], lang))}** ({format_value(score, 'ratio', lang)})"
        )
    if roles.output:
        answer.append(_escape(_cut(words_of(row[roles.output], lang))))
    notes = [words_of(row[role], lang) for role in (roles.mode, roles.truth) if role]
    if roles.sources:
        sources = read_sources(row[roles.sources], roles, lang)
        notes += [
            f"[{number}] {one.document}{', ' if one.place else ''}{one.place}"
            for number, one in enumerate(sources, 1)
        ] or [say("sources_none", lang)]
    colon = "：" if lang == "zh" else ": "
    notes += [f"{label}{colon}{_cut(shown)}" for label, shown in facts_of(roles, row, columns, lang)]
    if effects and "**" not in bold:
        notes.append(say("effects_none", lang))
    note = " · ".join(_escape(re.sub(r"[ \r\n]+", " ", one)) for one in notes if one)
    return f"{bold}\n\n→ {' · '.join(answer)}" + (f"\n\n*{note}*" if note else "")


def _bold(text: str, effects: list[tuple[str, float]]) -> str:
    """The text with the words that moved the verdict in bold: those for it in runs, those against it one by one."""
    pieces = [(piece, (effect > 0) - (effect < 0)) for piece, effect in marked_pieces(text, effects)]
    for at in range(2, len(pieces) - 1, 2):  # what stands between two marks
        (gap, _), before, after = pieces[at], pieces[at - 1][1], pieces[at + 1][1]
        if before == after == 1 and not re.search(r"\w|\n", gap):
            pieces[at] = (gap, before)
    out = ""
    for sign, group in groupby(pieces, key=lambda piece: piece[1]):
        run = _escape("".join(piece for piece, _ in group))
        out += f"**{run}**{' (−)' if sign < 0 else ''}" if sign else run
    return out.replace("****", "** **")


def _escape(text: str) -> str:
    """Text that Markdown shows as it is, lines kept."""
    text = re.sub(r"([\\`*_])", r"\\\1", html.escape(text, quote=False))
    return re.sub(r"(?<!\n)\n(?!\n)", "  \n", text)


def _cut(text: str) -> str:
    """The beginning of a long text, cut after a sentence if there is one."""
    if len(text) <= _ROOM:
        return text.strip()
    head = text[:_ROOM]
    end = max(head.rfind(mark) for mark in (". ", "。", "! ", "？", "\n"))
    return (head[: end + 1] if end > _ROOM // 2 else head).rstrip() + " …"
