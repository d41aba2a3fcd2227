"""Writes the fictional shop's workbooks: several sheets, merged cells, dates, money, formulas with their saved values."""

from __future__ import annotations

import datetime as dt
import re
import zipfile
from pathlib import Path
from typing import Any

import yaml
from openpyxl import Workbook
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

MONEY = {"eur": "[$€-2] #,##0.00", "cny": '"¥"#,##0.00', "pct": "0.0%"}
LONG_AGO = dt.datetime(2026, 1, 1)


def write_workbooks(path: Path, catalogue: dict[str, Any], folder: Path) -> list[Path]:
    """Write every workbook that `path` declares, those of prices and stock filled from the catalogue."""
    written = []
    for name, sheets in yaml.safe_load(path.read_text("utf-8")).items():
        book = Workbook()
        del book[book.active.title]
        lang = name.split("/")[0]
        if name.endswith("price-list.xlsx"):
            sheets = {**_prices(catalogue, lang), **_stock(catalogue, lang), **sheets}
        saved = {title: _fill(book.create_sheet(title), sheet) for title, sheet in sheets.items()}
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        book.save(target)
        settle_zip(target, list(saved.values()))
        written.append(target)
    return written


def _prices(catalogue: dict[str, Any], lang: str) -> dict[str, Any]:
    """Prices with a formula: net of VAT in the international list, the Gold member's price in the Chinese one."""
    rows = []
    for category in catalogue.values():
        for sku, zh, en, cny, eur, *_ in category["articles"]:
            if lang == "en":
                net = {"f": "=ROUND(C{r}/(1+D{r}),2)", "is": round(eur / 1.21, 2), "as": "eur"}
                rows.append([sku, en, {"eur": eur}, {"pct": 0.21}, net])
            else:
                gold = {"f": "=ROUND(C{r}*0.95,2)", "is": round(cny * 0.95, 2), "as": "cny"}
                rows.append([sku, zh, {"cny": cny}, gold])
    if lang == "en":
        header = ["SKU", "Article", "Price incl. VAT", "VAT rate", "Net price"]
        return {"Prices": {"title": "Price list, valid from 1 October 2026", "header": header, "rows": rows}}
    header = ["货号", "名称", "售价", "金卡会员价"]
    return {"价格": {"title": "价格表，2026 年 10 月 1 日起有效", "header": header, "rows": rows}}


def _stock(catalogue: dict[str, Any], lang: str) -> dict[str, Any]:
    """Stock by category (its name merged over its rows); an article that is out says when it is back."""
    rows: list[list[Any]] = []
    merge = []
    for category in catalogue.values():
        merge.append(f"A{len(rows) + 4}:A{len(rows) + 3 + len(category['articles'])}")
        for sku, zh, en, *_ in category["articles"]:
            # Made-up figures that look like a warehouse's: every eleventh article is out.
            number = len(rows)
            count = 0 if number % 11 == 7 else (number * 37 + 13) % 180 + 4
            back = dt.date(2026, 12, 1) + dt.timedelta(days=number % 40) if count == 0 else ""
            title = category["title"][lang == "en"]
            rows.append([title, sku, en if lang == "en" else zh, count, back])
    if lang == "en":
        header = ["Category", "SKU", "Article", "In stock", "Back in stock"]
        return {
            "Stock": {
                "title": "Stock in Rotterdam, 20 November 2026",
                "header": header,
                "rows": rows,
                "merge": merge,
            }
        }
    header = ["类别", "货号", "名称", "现货数量", "到货日期"]
    return {
        "库存": {"title": "苏州仓库存，2026 年 11 月 20 日", "header": header, "rows": rows, "merge": merge}
    }


def _fill(sheet: Worksheet, content: dict[str, Any]) -> dict[str, float]:
    """Write a sheet: title in row 1, header in row 3, rows below; give the values of its formulas by cell."""
    headers = content.get("header2") or [content["header"]]
    width = len(headers[0])
    sheet["A1"] = content["title"]
    sheet["A1"].font = Font(bold=True, size=14)
    sheet.merge_cells(start_row=1, start_column=1, end_row=1, end_column=width)
    saved: dict[str, float] = {}
    for r, row in enumerate([*headers, *content["rows"]], start=3):
        for c, value in enumerate(row, start=1):
            _put(sheet, r, c, value, saved)
            if r < 3 + len(headers):
                sheet.cell(r, c).font = Font(bold=True)
    if note := content.get("note"):
        sheet.cell(sheet.max_row + 2, 1, note)
    for cells in content.get("merge", []):
        sheet.merge_cells(cells)
        sheet[cells.split(":")[0]].alignment = Alignment(vertical="top")
    for c in range(1, width + 1):
        longest = max(len(str(sheet.cell(r, c).value or "")) for r in range(3, sheet.max_row + 1))
        sheet.column_dimensions[get_column_letter(c)].width = min(14 + longest * 0.6, 40)
    return saved


def _put(sheet: Worksheet, row: int, column: int, value: Any, saved: dict[str, float]) -> None:
    if value == "":
        return
    cell = sheet.cell(row, column)
    if isinstance(value, dict) and "f" in value:
        cell.value = value["f"].replace("{r}", str(row))
        cell.number_format = MONEY[value["as"]]
        saved[cell.coordinate] = value["is"]
    elif isinstance(value, dict):
        ((unit, amount),) = value.items()
        cell.value, cell.number_format = amount, MONEY[unit]
    else:
        cell.value = value
        if isinstance(value, dt.date):
            cell.number_format = "yyyy-mm-dd"


def settle_zip(path: Path, saved: list[dict[str, float]] | None = None) -> None:
    """Write an Office file again with fixed times, and with the saved values that openpyxl leaves out of formulas."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for number, values in enumerate(saved or [], start=1):
        name = f"xl/worksheets/sheet{number}.xml"
        text = members[name].decode()
        for cell, value in values.items():
            pattern = rf'(<c r="{cell}"[^>]*><f>[^<]*</f>)<v ?/?>(</v>)?'
            text, found = re.subn(pattern, rf"\g<1><v>{value}</v>", text)
            assert found == 1, f"{path}: no formula in {name} {cell}"
        members[name] = text.encode()
    core = members.get("docProps/core.xml", b"").decode()
    core = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", LONG_AGO.isoformat(), core)
    members["docProps/core.xml"] = core.encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, LONG_AGO.timetuple()[:6]), content, zipfile.ZIP_DEFLATED)
