"""Reads a PDF as blocks: running heads dropped, headings told by size, tables kept as rows with their headers."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pypdfium2 as pdfium

from projects.rag.blocks import Block, clean, row_block
from projects.rag.guards import MAX_PAGES, DocumentError
from projects.rag.pdf_fonts import use_one_face
from projects.rag.pdf_layout import Page, read_page
from projects.rag.pdf_lines import Line, join_lines
from projects.rag.pdf_tables import Grid

MARGIN_SHARE = 0.09
FEWEST_LETTERS = 8


def read_pdf(path: Path) -> tuple[str, list[Block], list[str]]:
    """Give title, blocks and warnings of a PDF; raise `DocumentError` if nothing of it can be read."""
    use_one_face()
    try:
        document = pdfium.PdfDocument(path)
    except pdfium.PdfiumError as error:
        if "password" in str(error).lower():
            raise DocumentError("encrypted", "protected by a password; save it without one") from error
        raise DocumentError("truncated", "damaged or cut off; save or upload it again") from error
    try:
        count = len(document)
        if count == 0:
            raise DocumentError("truncated", "no page could be found; save or upload it again")
        if count > MAX_PAGES:
            raise DocumentError(
                "too_many_pages", f"{count} pages; at most {MAX_PAGES} are taken: split the file"
            )
        title = clean(document.get_metadata_value("Title"))
        pages, unread = [], []
        for number in range(1, count + 1):
            page, why = _read_one(document, number)
            if why:
                unread.append((number, why))
            pages.append(page)
    finally:
        document.close()
    warnings = [f"page {number}: {why}" for number, why in unread]
    if len(unread) == count:
        raise DocumentError("no_text", f"no page has text ({unread[0][1]}); run it through OCR first")
    _drop_running_heads(pages)
    return title, _blocks(pages), warnings


def _read_one(document: pdfium.PdfDocument, number: int) -> tuple[Page, str]:
    try:
        handle = document[number - 1]
        page = read_page(handle, number)
        handle.close()
    except pdfium.PdfiumError:
        return Page(number, [], height=842, images=False), "damaged, not read"
    letters = sum(len(item.text) for item in page.items if isinstance(item, Line))
    letters += sum(
        len(cell) for item in page.items if isinstance(item, Grid) for row in item.rows for cell in row
    )
    if letters < FEWEST_LETTERS and page.images:
        return page, "only a picture (a scan?), no text to read"
    if letters == 0:
        return page, "no text"
    return page, ""


def _drop_running_heads(pages: list[Page]) -> None:
    """Remove lines near the upper or lower edge that come again there, but for their digits."""

    def key(page: Page, item: Line) -> tuple[str, int] | None:
        near = item.y1 > page.height * (1 - MARGIN_SHARE) or item.y0 < page.height * MARGIN_SHARE
        return (re.sub(r"\d+", "#", item.text), round(item.middle / 6)) if near else None

    seen: Counter[tuple[str, int]] = Counter()
    for page in pages:
        seen.update({k for item in page.items if isinstance(item, Line) if (k := key(page, item))})
    read = sum(bool(page.items) for page in pages)
    least = 2 if read <= 4 else 3  # a chapter's title heads a few pages only
    for page in pages:
        page.items = [
            item
            for item in page.items
            if isinstance(item, Grid) or seen.get(key(page, item) or ("", 0), 0) < least
        ]
        if (
            read == 1
        ):  # nothing to compare with: only what stands alone at the very edge is taken for a running head
            page.items = [item for item in page.items if isinstance(item, Grid) or not _at_edge(page, item)]


def _at_edge(page: Page, item: Line) -> bool:
    return item.size < 9 and (item.y0 > page.height * 0.95 or item.y1 < page.height * 0.05)


def _blocks(pages: list[Page]) -> list[Block]:
    sizes: Counter[float] = Counter()
    for page in pages:
        for item in page.items:
            if isinstance(item, Line):
                sizes[round(item.size * 2) / 2] += len(item.text)
    body = sizes.most_common(1)[0][0] if sizes else 10.0
    larger = sorted((size for size in sizes if size > body * 1.08), reverse=True)
    blocks: list[Block] = []
    open_grid: tuple[list[float], list[str]] | None = None  # a table that may go on on the next page
    for page in pages:
        paragraph: list[Line] = []
        for item in page.items:
            if isinstance(item, Grid):
                _close(blocks, paragraph, body, larger, page.number)
                open_grid = _add_grid(blocks, item, page.number, open_grid)
                continue
            open_grid = None
            if paragraph and not _goes_on(paragraph, item):
                _close(blocks, paragraph, body, larger, page.number)
            paragraph.append(item)
        _close(blocks, paragraph, body, larger, page.number)
    return blocks


def _goes_on(paragraph: list[Line], item: Line) -> bool:
    last = paragraph[-1]
    if item.text.startswith("•") or abs(last.size - item.size) > 0.6 or last.bold != item.bold:
        return False
    if abs(last.base - item.base) < 0.4 * item.size:  # the same baseline, after a wide gap
        return True
    return 0 < last.base - item.base < 1.75 * item.size


def _close(blocks: list[Block], lines: list[Line], body: float, larger: list[float], page: int) -> None:
    if not lines:
        return
    text = clean(join_lines(line.text for line in lines))
    size = round(lines[0].size * 2) / 2
    short = len(text) < 120 and not text.endswith((".", "。", ";", "；", ",", "，"))
    if text and short and size in larger:
        blocks.append(Block("heading", text, level=larger.index(size) + 1, page=page))
    elif text and short and all(line.bold for line in lines):
        blocks.append(Block("heading", text, level=len(larger) + 1, page=page))
    elif text:
        blocks.append(Block("text", text, page=page))
    lines.clear()


def _add_grid(
    blocks: list[Block], grid: Grid, page: int, before: tuple[list[float], list[str]] | None
) -> tuple[list[float], list[str]]:
    """Add a table's rows; one that has the columns of the table before it and no header of its own takes that one's."""
    rows = [[clean(cell) for cell in row] for row in grid.rows]
    headers = rows[0]
    same = before is not None and len(before[0]) == len(grid.edges)
    same = (
        same and all(abs(a - b) < 3 for a, b in zip(before[0], grid.edges, strict=True)) if before else False
    )
    if same and before:
        if rows[0] == before[1]:
            rows = rows[1:]
        headers = before[1]
    else:
        rows = rows[1:]
    for row in rows:
        if any(row):
            blocks.append(row_block(headers, row, page=page))
    return grid.edges, headers
