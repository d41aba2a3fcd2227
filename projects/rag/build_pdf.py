"""Sets a source as a PDF: running heads, one or two columns, ruled and unruled tables, a page that is only a picture."""

from __future__ import annotations

import io
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFilter
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.platypus import BaseDocTemplate, Flowable, Frame, PageBreak, PageTemplate, Paragraph, Spacer
from reportlab.platypus import Image as Picture
from reportlab.platypus import Table as Grid

# The reader's own Song face, named and not embedded: small files, and the text is Unicode for any extractor.
pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
MARGIN = 18 * mm


@dataclass
class Table:
    """Rows of a table, the first being its header."""

    rows: list[list[str]]
    ruled: bool = True
    repeat_header: bool = True


@dataclass
class Source:
    """A document before it is set: Markdown with a few marks in comments."""

    lang: str
    settings: dict[str, Any]
    body: str

    def blocks(self) -> Iterator[tuple[str, Any]]:
        """Give `heading` (level, text), `text`, `bullet`, `white`, `table` and `scan` in order."""
        rows: list[list[str]] = []
        marks: set[str] = set()
        for line in [*self.body.splitlines(), ""]:
            if line.startswith("|"):
                rows.append([cell.strip() for cell in line.strip("|").split("|")])
                continue
            if rows:
                yield "table", Table(rows, "plain" not in marks, "once" not in marks)
                rows, marks = [], set()
            if mark := re.fullmatch(r"<!-- (\w+) -->(.*)", line):
                if mark[1] in ("plain", "once"):
                    marks.add(mark[1])
                else:
                    yield mark[1], mark[2]
            elif heading := re.match(r"(#+) (.*)", line):
                yield "heading", (len(heading[1]), heading[2])
            elif line.startswith("- "):
                yield "bullet", line[2:]
            elif line:
                yield "text", line


def write_pdf(source: Source, path: Path) -> None:
    """Set the source; equal sources give equal bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = source.settings.get("columns", 1)
    width, height = A4
    gap = 8 * mm
    column = (width - 2 * MARGIN - (columns - 1) * gap) / columns
    frames = [
        Frame(MARGIN + i * (column + gap), MARGIN, column, height - 2 * MARGIN, 0, 0, 0, 0)
        for i in range(columns)
    ]

    def running(canvas: Any, _: Any) -> None:
        canvas.setFont(font(source.lang), 8)
        canvas.drawString(MARGIN, height - 11 * mm, source.settings["header"])
        canvas.line(MARGIN, height - 13 * mm, width - MARGIN, height - 13 * mm)
        canvas.drawString(MARGIN, 9 * mm, source.settings["footer"])
        number = (
            f"第 {canvas.getPageNumber()} 页" if source.lang == "zh" else f"Page {canvas.getPageNumber()}"
        )
        canvas.drawRightString(width - MARGIN, 9 * mm, number)

    document = BaseDocTemplate(
        str(path), pagesize=A4, invariant=1, title=source.settings["title"], author="Heronholm (fictional)"
    )
    document.addPageTemplates(
        [PageTemplate("page", frames, onPage=running), PageTemplate("bare", [Frame(0, 0, width, height)])]
    )
    document.build(list(_flow(source, column)))


def font(lang: str) -> str:
    """Name the face of a language."""
    return "STSong-Light" if lang == "zh" else "Helvetica"


def _flow(source: Source, width: float) -> Iterator[Flowable]:
    zh = source.lang == "zh"
    plain = ParagraphStyle(
        "plain",
        fontName=font(source.lang),
        fontSize=10,
        leading=15,
        spaceAfter=5,
        wordWrap="CJK" if zh else None,
    )
    heads = {
        level: ParagraphStyle(
            f"h{level}",
            plain,
            fontName=font(source.lang) if zh else "Helvetica-Bold",
            fontSize=size,
            leading=size * 1.4,
            spaceBefore=6,
            keepWithNext=1,
        )
        for level, size in ((1, 18), (2, 13), (3, 11))
    }
    for kind, value in source.blocks():
        if kind == "heading":
            yield Paragraph(_escape(value[1]), heads[value[0]])
        elif kind == "table":
            yield _grid(value, width, plain)
            yield Spacer(0, 8)
        elif kind == "bullet":
            yield Paragraph(_escape(value), ParagraphStyle("li", plain, leftIndent=12), bulletText="•")
        elif kind == "white":
            yield Paragraph(_escape(value), ParagraphStyle("w", plain, textColor=colors.white, fontSize=7))
        elif kind == "scan":
            from reportlab.platypus.doctemplate import NextPageTemplate

            yield NextPageTemplate("bare")
            yield PageBreak()
            yield Picture(_scan(), 190 * mm, 260 * mm)
        else:
            yield Paragraph(_escape(value), plain)


def _grid(table: Table, width: float, plain: ParagraphStyle) -> Grid:
    style = ParagraphStyle("cell", plain, fontSize=8, leading=10.5, spaceAfter=0)
    widest = [max(_width(row[i], style) for row in table.rows) + 14 for i in range(len(table.rows[0]))]
    # Wide columns give way; the narrow ones (SKU, price) keep their single line.
    while sum(widest) > width:
        widest[widest.index(max(widest))] -= 2
    rows = [[Paragraph(_escape(cell), style) for cell in row] for row in table.rows]
    rules = [("VALIGN", (0, 0), (-1, -1), "TOP")]
    if table.ruled:
        rules += [("GRID", (0, 0), (-1, -1), 0.5, colors.grey)]
        rules += [("BACKGROUND", (0, 0), (-1, 0), colors.whitesmoke)]
    return Grid(rows, widest, repeatRows=int(table.repeat_header), style=rules, hAlign="LEFT")


def _width(text: str, style: ParagraphStyle) -> float:
    return pdfmetrics.stringWidth(text, style.fontName, style.fontSize)


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def _scan() -> io.BytesIO:
    """Draw a page that looks scanned: grey, tilted, speckled, without any text a program could read."""
    chance = random.Random(26)
    page = Image.new("L", (760, 1040), 246)
    draw = ImageDraw.Draw(page)
    for line in range(26):
        x, y = 90, 120 + line * 30
        while x < 560 + chance.random() * 110:
            word = chance.randint(18, 70)
            draw.line((x, y, x + word, y), fill=70, width=7)
            x += word + 12
    for _ in range(900):
        draw.point((chance.randrange(760), chance.randrange(1040)), fill=chance.randint(90, 200))
    page = page.rotate(0.8, fillcolor=238, resample=Image.Resampling.BICUBIC).filter(
        ImageFilter.GaussianBlur(0.7)
    )
    stream = io.BytesIO()
    page.save(stream, "JPEG", quality=55)
    stream.seek(0)
    return stream
