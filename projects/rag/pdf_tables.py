"""Finds the tables of a PDF page: those drawn with rules, and those whose pieces only stand below one another.

Not covered: cells that span several columns.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from dataclasses import dataclass, field

import pypdfium2 as pdfium
import pypdfium2.raw as raw

from projects.rag.pdf_lines import Line, join_lines

Rule = tuple[float, float, float]  # position across, from, to


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


# -- with rules ------------------------------------------------------------------------------------


def read_rules(page: pdfium.PdfPage) -> tuple[tuple[list[Rule], list[Rule]], bool]:
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


def ruled_tables(lines: list[Line], level: list[Rule], upright: list[Rule]) -> tuple[list[Grid], list[Line]]:
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


# -- without ---------------------------------------------------------------------------------------


def _rows_of(lines: list[Line]) -> list[list[Line]]:
    """Group lines that share a baseline, from the top down, each group from left to right."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: -line.base):
        if rows and abs(rows[-1][0].base - line.base) < 0.45 * max(line.size, 4):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [sorted(row, key=lambda line: line.x0) for row in rows]


def aligned_tables(lines: list[Line]) -> tuple[list[Grid], list[Line]]:
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
