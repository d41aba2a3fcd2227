"""Turns the glyphs and rules of a PDF page into lines and tables in reading order.

Not covered: rotated text, cells that span several columns, right-to-left scripts.
"""

from __future__ import annotations

import ctypes
import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field

import pypdfium2 as pdfium
import pypdfium2.raw as raw


@dataclass
class Line:
    """A run of text on one baseline without a wide gap; coordinates in points from the lower left."""

    text: str
    x0: float
    y0: float
    x1: float
    y1: float
    size: float
    base: float = 0.0
    """The baseline: unlike the box it does not depend on which letters stand in the line."""
    bold: bool = False

    @property
    def middle(self) -> float:
        return (self.y0 + self.y1) / 2


@dataclass
class Grid:
    """A table: its rows of cell texts, and the edges of its columns."""

    rows: list[list[str]]
    edges: list[float]
    x0: float
    y0: float
    x1: float
    y1: float
    row_heights: list[float] = field(default_factory=list)


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
    lines = _lines(textpage)
    textpage.close()
    rules, images = _rules(page)
    grids, lines = _ruled_tables(lines, *rules)
    aligned, lines = _aligned_tables(lines)
    return Page(number, _reading_order([*lines, *grids, *aligned]), height, images)


# -- glyphs to lines -------------------------------------------------------------------------------


def _lines(textpage: pdfium.PdfTextPage) -> list[Line]:
    handle = textpage.raw
    left, right, bottom, top = (ctypes.c_double() for _ in range(4))
    box = [ctypes.byref(value) for value in (left, right, bottom, top)]
    across, base = ctypes.c_double(), ctypes.c_double()
    lines: list[Line] = []
    line: Line | None = None
    space = 0
    for index in range(textpage.count_chars()):
        code = raw.FPDFText_GetUnicode(handle, index)
        if code in (0, 0x02, 0xAD, 0xFFFE):  # hyphens that only break a line
            continue
        letter = chr(code)
        if letter.isspace():
            # A space that pdfium guessed from the layout counts only if there is a gap to see.
            space = 2 if not raw.FPDFText_IsGenerated(handle, index) else max(space, 1)
            continue
        if not raw.FPDFText_GetCharBox(handle, index, *box):
            continue
        x0, x1, y0, y1 = left.value, right.value, bottom.value, top.value
        size = raw.FPDFText_GetFontSize(handle, index)
        if line is not None:
            gap = x0 - line.x1
            same = min(y1, line.y1) - max(y0, line.y0) > -0.25 * size and abs(y0 - line.y0) < 1.2 * size
            if same and -0.6 * size < gap < 1.1 * size:
                apart = space == 2 or (space == 1 and gap > 0.08 * size)
                line.text += (" " if apart else "") + letter
                line.x1, line.y0, line.y1 = max(line.x1, x1), min(line.y0, y0), max(line.y1, y1)
                # One word in another face must not make a heading of its line: size is the mean, bold means all.
                count = len(line.text)
                line.size += (size - line.size) / count
                line.bold = line.bold and (not apart or _is_bold(handle, index))
                space = 0
                continue
        raw.FPDFText_GetCharOrigin(handle, index, ctypes.byref(across), ctypes.byref(base))
        line = Line(letter, x0, y0, x1, y1, size, base.value, _is_bold(handle, index))
        lines.append(line)
        space = 0
    return lines


def _is_bold(handle: object, index: int) -> bool:
    if raw.FPDFText_GetFontWeight(handle, index) >= 600:
        return True
    name = ctypes.create_string_buffer(64)
    flags = ctypes.c_int()
    raw.FPDFText_GetFontInfo(handle, index, name, 64, ctypes.byref(flags))
    return b"bold" in name.value.lower() or b"heavy" in name.value.lower()


# -- rules to tables -------------------------------------------------------------------------------

Rule = tuple[float, float, float]  # position across, from, to


def _rules(page: pdfium.PdfPage) -> tuple[tuple[list[Rule], list[Rule]], bool]:
    """Give the horizontal (y, x0, x1) and vertical (x, y0, y1) rules, and whether the page holds a picture."""
    level: list[Rule] = []
    upright: list[Rule] = []
    images = False
    for thing in page.get_objects(max_depth=3):
        if thing.type == raw.FPDF_PAGEOBJ_IMAGE:
            images = True
        if thing.type != raw.FPDF_PAGEOBJ_PATH:
            continue
        x0, y0, x1, y1 = thing.get_bounds()
        count = raw.FPDFPath_CountSegments(thing.raw)
        if count <= 5 and y1 - y0 < 2.5 and x1 - x0 > 8:
            level.append(((y0 + y1) / 2, x0, x1))
        elif count <= 5 and x1 - x0 < 2.5 and y1 - y0 > 4:
            upright.append(((x0 + x1) / 2, y0, y1))
        else:
            fill, stroke = ctypes.c_int(), ctypes.c_int()
            raw.FPDFPath_GetDrawMode(thing.raw, ctypes.byref(fill), ctypes.byref(stroke))
            if stroke.value:
                _segments(thing, level, upright)
    return (level, upright), images


def _segments(thing: pdfium.PdfObject, level: list[Rule], upright: list[Rule]) -> None:
    """Add the straight level and upright segments of one path."""
    matrix = thing.get_matrix()
    x, y = ctypes.c_float(), ctypes.c_float()
    start = last = None
    for index in range(min(raw.FPDFPath_CountSegments(thing.raw), 20_000)):
        segment = raw.FPDFPath_GetPathSegment(thing.raw, index)
        raw.FPDFPathSegment_GetPoint(segment, ctypes.byref(x), ctypes.byref(y))
        point = matrix.on_point(x.value, y.value)
        kind = raw.FPDFPathSegment_GetType(segment)
        if kind == raw.FPDF_SEGMENT_MOVETO:
            start = point
        elif kind == raw.FPDF_SEGMENT_LINETO and last:
            _add_segment(last, point, level, upright)
        if raw.FPDFPathSegment_GetClose(segment) and start:
            _add_segment(point, start, level, upright)
        last = point


def _add_segment(a: tuple, b: tuple, level: list[Rule], upright: list[Rule]) -> None:
    if abs(a[1] - b[1]) < 1 and abs(a[0] - b[0]) > 8:
        level.append((a[1], min(a[0], b[0]), max(a[0], b[0])))
    elif abs(a[0] - b[0]) < 1 and abs(a[1] - b[1]) > 4:
        upright.append((a[0], min(a[1], b[1]), max(a[1], b[1])))


def _ruled_tables(lines: list[Line], level: list[Rule], upright: list[Rule]) -> tuple[list[Grid], list[Line]]:
    """Put lines that stand between rules into cells; give the tables and the lines left over."""
    grids = []
    for horizontals, verticals in _meshes(level, upright):
        ys, xs = _positions(rule[0] for rule in horizontals), _positions(rule[0] for rule in verticals)
        if len(ys) < 2 or len(xs) < 3:
            continue
        inside = [
            line
            for line in lines
            if ys[0] - 1 < line.middle < ys[-1] + 1 and xs[0] - 2 < (line.x0 + line.x1) / 2 < xs[-1] + 2
        ]
        if not inside:
            continue
        cells: list[list[list[Line]]] = [[[] for _ in xs[1:]] for _ in ys[1:]]
        for line in inside:
            row = _slot(ys, line.middle)
            cells[len(ys) - 2 - row][_slot(xs, line.x0 + 0.5)].append(line)
        rows = [[_cell_text(cell) for cell in row] for row in cells]
        if sum(bool(cell) for row in rows for cell in row) < 3:
            continue
        heights = [ys[i + 1] - ys[i] for i in reversed(range(len(ys) - 1))]
        grids.append(Grid(rows, xs, xs[0], ys[0], xs[-1], ys[-1], heights))
        taken = {id(line) for line in inside}
        lines = [line for line in lines if id(line) not in taken]
    return grids, lines


def _meshes(level: list[Rule], upright: list[Rule]) -> list[tuple[list[Rule], list[Rule]]]:
    """Group rules that touch: each group is the skeleton of one table."""
    meshes: list[tuple[list[Rule], list[Rule]]] = []
    bounds: list[list[float]] = []
    for is_level, rule in [*((False, rule) for rule in upright), *((True, rule) for rule in level)]:
        at, start, end = rule
        box = [start, at, end, at] if is_level else [at, start, at, end]
        touching = [
            i
            for i, other in enumerate(bounds)
            if box[0] <= other[2] + 2
            and box[2] >= other[0] - 2
            and box[1] <= other[3] + 2
            and box[3] >= other[1] - 2
        ]
        merged: tuple[list[Rule], list[Rule]] = ([], [])
        for i in reversed(touching):
            other, (horizontals, verticals) = bounds.pop(i), meshes.pop(i)
            merged[0].extend(horizontals)
            merged[1].extend(verticals)
            box = [
                min(box[0], other[0]),
                min(box[1], other[1]),
                max(box[2], other[2]),
                max(box[3], other[3]),
            ]
        merged[0 if is_level else 1].append(rule)
        meshes.append(merged)
        bounds.append(box)
    return [mesh for mesh in meshes if mesh[0] and mesh[1]]


def _positions(values: Iterable[float]) -> list[float]:
    """Give the distinct positions, those within 2 points taken as one."""
    kept: list[float] = []
    for value in sorted(values):
        if not kept or value - kept[-1] > 2:
            kept.append(value)
    return kept


def _slot(edges: list[float], value: float) -> int:
    inner = sum(value > edge for edge in edges[1:-1])
    return min(inner, len(edges) - 2)


def _cell_text(lines: list[Line]) -> str:
    lines = sorted(lines, key=lambda line: (-round(line.base / 3), line.x0))
    return join_lines(line.text for line in lines)


def join_lines(texts: Iterable[str]) -> str:
    """Join the lines of a paragraph: with a space, but not between two Chinese characters."""
    whole = ""
    for text in texts:
        tight = not whole or (is_cjk(whole[-1]) and is_cjk(text[:1])) or whole[-1] == "-"
        whole += ("" if tight else " ") + text
    return whole


def is_cjk(letter: str) -> bool:
    """Say whether a character is written without spaces around it."""
    return bool(letter) and ("\u2e80" <= letter <= "\u9fff" or "\uf900" <= letter <= "\uffef")


# -- alignment to tables ---------------------------------------------------------------------------


def _rows_of(lines: list[Line]) -> list[list[Line]]:
    """Group lines that share a baseline, from the top down, each group from left to right."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: -line.base):
        if rows and abs(rows[-1][0].base - line.base) < 0.45 * max(line.size, 4):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [sorted(row, key=lambda line: line.x0) for row in rows]


def _aligned_tables(lines: list[Line]) -> tuple[list[Grid], list[Line]]:
    """Find tables without rules: three or more rows whose pieces start (or end) at the same places."""
    grids = []
    taken: set[int] = set()
    block: list[list[Line]] = []

    def close() -> None:
        if len(block) >= 3:
            grids.append(_aligned_grid(block))
            taken.update(id(line) for row in block for line in row)
        block.clear()

    for row in _rows_of(lines):
        if block and not _fits(block, row):
            close()
        if len(row) >= 3 or (block and len(row) == len(block[0])):
            block.append(row)
    close()
    return grids, [line for line in lines if id(line) not in taken]


def _fits(block: list[list[Line]], row: list[Line]) -> bool:
    last = block[-1]
    if len(row) != len(last) or last[0].base - row[0].base > 4 * max(row[0].size, 4):
        return False
    return all(min(abs(a.x0 - b.x0), abs(a.x1 - b.x1)) < 3 for a, b in zip(last, row, strict=True))


def _aligned_grid(block: list[list[Line]]) -> Grid:
    xs = [min(row[i].x0 for row in block) for i in range(len(block[0]))]
    right = max(line.x1 for row in block for line in row)
    rows = [[line.text for line in row] for row in block]
    return Grid(rows, [*xs, right], xs[0], block[-1][0].y0, right, block[0][0].y1)


# -- reading order ---------------------------------------------------------------------------------


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
