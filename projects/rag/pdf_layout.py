"""Puts the lines and tables of a PDF page in reading order.

Not covered: rotated text, right-to-left scripts.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass

import pypdfium2 as pdfium

from projects.rag.pdf_lines import Line, read_lines
from projects.rag.pdf_tables import Grid, aligned_tables, read_rules, ruled_tables


@dataclass
class Page:
    """What stands on a page, in reading order."""

    number: int
    items: list[Line | Grid]
    height: float
    images: bool


def read_page(page: pdfium.PdfPage, number: int) -> Page:
    """Read one page; a page without text has no items."""
    height = page.get_height()
    textpage = page.get_textpage()
    lines = read_lines(textpage)
    textpage.close()
    rules, images = read_rules(page)
    grids, lines = ruled_tables(lines, *rules)
    aligned, lines = aligned_tables(lines)
    return Page(number, _reading_order([*lines, *grids, *aligned]), height, images)


def _reading_order(items: list[Line | Grid]) -> list[Line | Grid]:
    """Order items from the top down; where a gutter parts them into columns, one column after the other."""
    gutter = _gutter(items)
    if gutter is None:
        return [item for row in _bands(items) for item in sorted(row, key=lambda item: item.x0)]
    ordered: list[Line | Grid] = []
    sides: tuple[list[Line | Grid], list[Line | Grid]] = ([], [])
    for item in sorted(items, key=lambda item: -item.y1):
        if item.x0 < gutter < item.x1:
            ordered += [*_reading_order(sides[0]), *_reading_order(sides[1]), item]
            sides = ([], [])
        else:
            sides[item.x0 > gutter].append(item)
    return [*ordered, *_reading_order(sides[0]), *_reading_order(sides[1])]


def _bands(items: list[Line | Grid]) -> list[list[Line | Grid]]:
    bands: list[list[Line | Grid]] = []
    for item in sorted(items, key=lambda item: -item.y1):
        if bands and _beside(item, bands[-1][0]):
            bands[-1].append(item)
            continue
        bands.append([item])
    return bands


def _beside(a: Line | Grid, b: Line | Grid) -> bool:
    return isinstance(a, Line) and isinstance(b, Line) and abs(a.base - b.base) < 0.4 * a.size


def _gutter(items: list[Line | Grid]) -> float | None:
    """Find the upright white strip with long lines on both sides, if the page is set in columns."""
    lines = [item for item in items if isinstance(item, Line) and item.x1 - item.x0 > 20]
    if len(lines) < 8:
        return None
    left, right = min(line.x0 for line in lines), max(line.x1 for line in lines)
    best, best_count = None, 0
    for step in range(20, 81):
        x = left + (right - left) * step / 100
        before = [line for line in lines if line.x1 < x - 2]
        after = [line for line in lines if line.x0 > x + 2]
        crossing = len(lines) - len(before) - len(after)
        if min(len(before), len(after)) < 4 or crossing > 0.25 * len(lines):
            continue
        # Lines of prose fill their column; the pieces of a table or a list of labels do not.
        filled = min(
            statistics.median(line.x1 - line.x0 for line in before) / max(x - left, 1),
            statistics.median(line.x1 - line.x0 for line in after) / max(right - x, 1),
        )
        margin = min(line.x0 for line in after) + 3
        starts = sum(line.x0 < margin for line in after)
        if filled > 0.5 and starts > 0.3 * len(after) and len(before) + len(after) > best_count:
            best, best_count = x, len(before) + len(after)
    return best
