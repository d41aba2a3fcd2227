"""Reads a workbook as blocks: every row with its column headers and its range, values as the sheet shows them."""

from __future__ import annotations

import datetime as dt
import re
import warnings as python_warnings
import zipfile
import zlib
from pathlib import Path
from typing import Any

import openpyxl
from defusedxml.ElementTree import iterparse
from openpyxl.utils import get_column_letter, range_boundaries
from openpyxl.worksheet.worksheet import Worksheet

from projects.rag.blocks import Block, clean, row_block
from projects.rag.guards import DocumentError

MAX_CELLS = 500_000
SIGNS = {
    "€": "€",
    "¥": "¥",
    "￥": "¥",
    "$": "$",
    "£": "£",
    "EUR": "EUR ",
    "CNY": "CNY ",
    "USD": "USD ",
    "GBP": "GBP ",
}


def read_xlsx(path: Path) -> tuple[str, list[Block], list[str]]:
    """Give title, blocks and warnings of a workbook; formulas count with the value saved for them."""
    try:
        _check_size(path)
        with python_warnings.catch_warnings():
            python_warnings.simplefilter("ignore")  # of styles and extensions that openpyxl does not know
            values = openpyxl.load_workbook(path, data_only=True)
            formulas = openpyxl.load_workbook(path, data_only=False)
    except (
        zipfile.BadZipFile, zlib.error, KeyError, ValueError, EOFError, OSError, TypeError, SyntaxError
    ) as error:  # fmt: skip
        raise DocumentError("truncated", "damaged or cut off; save or upload it again") from error
    sheets = [sheet for sheet in values.worksheets if sheet.sheet_state == "visible"]
    if sum(sheet.max_row * sheet.max_column for sheet in sheets) > MAX_CELLS:
        raise DocumentError("too_large", f"more than {MAX_CELLS:,} cells; split the workbook")
    blocks: list[Block] = []
    warnings: list[str] = []
    for sheet in sheets:
        unsaved = _unsaved(sheet, formulas[sheet.title])
        if unsaved:
            warnings.append(
                f"sheet {sheet.title}: {len(unsaved)} formula(s) without a saved value, first {unsaved[0]}; "
                "open and save it in a spreadsheet program"
            )
        blocks += _sheet_blocks(sheet)
    hidden = len(values.worksheets) - len(sheets)
    if hidden:
        warnings.append(f"{hidden} hidden sheet(s) not read")
    if all(block.kind == "heading" and block.cells is None for block in blocks):
        raise DocumentError("empty", "no cell has a value")
    return clean(values.properties.title or ""), blocks, warnings


def _check_size(path: Path) -> None:
    """Refuse a workbook of too many cells before it is loaded: one merged area makes billions of them."""
    cells = 0
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if not name.startswith("xl/worksheets/") or not name.endswith(".xml"):
                continue
            with archive.open(name) as stream:
                for _, node in iterparse(stream, ("end",)):
                    kind = node.tag.rpartition("}")[2]
                    if kind == "mergeCell":
                        left, top, right, bottom = range_boundaries(node.get("ref", "A1"))
                        cells += (right - left + 1) * (bottom - top + 1)
                    cells += kind == "c"
                    if cells > MAX_CELLS:
                        raise DocumentError("too_large", f"more than {MAX_CELLS:,} cells; split the workbook")
                    if kind in ("row", "mergeCell"):
                        node.clear()


def _unsaved(sheet: Worksheet, formulas: Worksheet) -> list[str]:
    return [
        cell.coordinate
        for row in formulas.iter_rows()
        for cell in row
        if cell.data_type == "f" and sheet[cell.coordinate].value is None
    ]


def _sheet_blocks(sheet: Worksheet) -> list[Block]:
    """Read a sheet from the top: a row of one value is a heading or a note, a row of words opens a table."""
    grid, spans = _values(sheet)
    blocks = [Block("heading", sheet.title, level=1, sheet=sheet.title)]
    headers: list[str] = []
    skip = 0
    for number, row in enumerate(grid):
        filled = [i for i, value in enumerate(row) if value[0] != ""]
        if skip or not filled:
            skip = max(skip - 1, 0)
            if not filled:
                headers = []
            continue
        cells = f"{get_column_letter(filled[0] + 1)}{number + 1}"
        if len({row[i][0] for i in filled}) == 1 and (len(filled) == 1 or spans.get(number)):
            text = row[filled[0]][0]
            below = _next_values(grid, number)
            opens = len(below) > 1 or (below and not blocks[1:])
            kind = "heading" if len(text) < 60 and opens and not headers else "text"
            blocks.append(Block(kind, text, level=2, sheet=sheet.title, cells=cells))
            continue
        cells += f":{get_column_letter(filled[-1] + 1)}{number + 1}"
        values = [value for value, _ in row]
        if not headers and all(row[i][1] for i in filled) and number + 1 < len(grid):
            headers = values
            if spans.get(number):  # a group of columns has one heading over several: the next row names each
                below = [value for value, _ in grid[number + 1]]
                headers = [f"{a} {b}".strip() if a != b else a for a, b in zip(values, below, strict=True)]
                skip = 1
            continue
        blocks.append(row_block(headers, values, sheet=sheet.title, cells=cells))
    return blocks


def _next_values(grid: list[list[tuple[str, bool]]], number: int) -> set[str]:
    """Give the distinct values of the next row that has any."""
    rows = ({value for value, _ in row if value} for row in grid[number + 1 :])
    return next((values for values in rows if values), set())


def _values(sheet: Worksheet) -> tuple[list[list[tuple[str, bool]]], dict[int, bool]]:
    """Give each cell as shown and whether it is words, merged cells filled; and the rows with cells merged across."""
    grid = [
        [(shown(cell.value, cell.number_format), isinstance(cell.value, str)) for cell in row]
        for row in sheet.iter_rows()
    ]
    spans: dict[int, bool] = {}
    for area in sheet.merged_cells.ranges:
        if area.max_row > len(grid):
            continue
        first = grid[area.min_row - 1][area.min_col - 1]
        for row in range(area.min_row - 1, area.max_row):
            for column in range(area.min_col - 1, min(area.max_col, len(grid[row]))):
                grid[row][column] = first
        if area.max_col > area.min_col and first[0]:
            spans[area.min_row - 1] = True
    return grid, spans


def shown(value: Any, form: str) -> str:
    """Give a cell's value as its number format shows it: money with its sign, shares in percent, dates as ISO."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dt.datetime):
        midnight = value.time() == dt.time() and "h" not in form.lower()
        return value.date().isoformat() if midnight else value.isoformat(" ", "minutes")
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, dt.time):
        return value.isoformat("minutes")
    if not isinstance(value, int | float):
        return clean(str(value))
    positive = form.split(";")[0]
    decimals = len(match[1]) if (match := re.search(r"\.(0+)", positive)) else None
    if "%" in positive:
        return f"{round(value * 100, decimals or 0):g} %"
    sign = _sign(positive)
    if decimals is not None:
        return f"{sign}{value:.{decimals}f}"
    if positive in ("0", "#,##0"):
        value = round(value)
    return f"{sign}{int(value)}" if float(value).is_integer() else f"{sign}{value:.10g}"


def _sign(form: str) -> str:
    """The sign of money in a number format; `[$€-2]` holds a sign, `[$-409]` only a language, `[$kr-414]` letters."""
    if match := re.search(r"\[\$([^\]-]*)[^\]]*\]", form):
        mark = match[1].strip()
        return SIGNS.get(mark, f"{mark} ") if mark else ""
    return next((text for mark, text in SIGNS.items() if mark in form), "")
