"""Code that Markdown knows by its indentation of four spaces."""

from __future__ import annotations

import re
from collections.abc import Sequence

# What may hold indented prose: list items, admonitions, tabs, footnotes, definitions, a block's longer texts.
_HOLDER = re.compile(r" {0,3}(?:[-*+]|\d+[.)])\s|(?:!!!|\?\?\?\+?|===[!+]?)\s|\[\^[^\]]+\]:|:\s|\w+:\s*[|>]")


def end_of_indented_code(lines: Sequence[str], at: int) -> int:
    """The line after the indented code that begins at `at`; `at` itself if none begins there."""
    if not _indented(lines[at]) or (at and lines[at - 1].strip()):
        return at
    before = at - 1
    while before >= 0 and (not lines[before].strip() or _indented(lines[before])):
        before -= 1
    while before >= 0 and lines[before].strip():  # the whole paragraph: its last line may say nothing
        if _HOLDER.match(lines[before]):
            return at
        before -= 1
    end = at
    while end < len(lines) and _indented(lines[end]):
        end += 1
    return end


def _indented(line: str) -> bool:
    return line.startswith(("    ", "\t")) and bool(line.strip())
