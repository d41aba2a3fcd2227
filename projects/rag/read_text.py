"""Reads Word documents, Markdown and HTML as blocks."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import docx
from bs4 import BeautifulSoup, Tag
from docx.opc.exceptions import PackageNotFoundError
from docx.table import Table
from docx.text.paragraph import Paragraph

from projects.rag.blocks import Block, clean, row_block
from projects.rag.guards import DocumentError

MAX_SPANS = 100_000
Read = tuple[str, list[Block], list[str]]


def read_docx(path: Path) -> Read:
    """Read headings, paragraphs, lists and tables of a Word document in their order."""
    try:
        document = docx.Document(str(path))
        spans = sum(int(span) for span in document.element.xpath("//w:gridSpan/@w:val"))
        if spans > MAX_SPANS:  # python-docx gives each cell as often as it spans a column
            raise DocumentError("bomb", f"its table cells span {spans:,} columns; not opened")
        content = list(document.iter_inner_content())
        left_out = len(document.element.body.xpath("./w:ins | ./w:sdt"))
    except (PackageNotFoundError, zipfile.BadZipFile, KeyError, ValueError, SyntaxError) as error:
        raise DocumentError("truncated", "damaged or cut off; save or upload it again") from error
    blocks: list[Block] = []
    for item in content:
        if isinstance(item, Table):
            rows = [[clean(cell.text) for cell in row.cells] for row in item.rows]
            blocks += _table(rows)
            continue
        text = clean(_with_insertions(item))
        style = (item.style.name if item.style else "") or ""
        if text and (match := re.match(r"(?:Heading (\d)|Title)", style)):
            blocks.append(Block("heading", text, level=int(match[1] or 1)))
        elif text:
            blocks.append(Block("text", ("• " if style.startswith("List") else "") + text))
    warnings = []
    if left_out:
        warnings.append(
            f"{left_out} part(s) not read: content controls or whole paragraphs inserted as tracked changes"
        )
    return clean(document.core_properties.title or ""), _some(blocks), warnings


def _with_insertions(paragraph: Paragraph) -> str:
    """A paragraph's text with what was inserted as a tracked change, which python-docx passes over."""
    if not paragraph._p.xpath(".//w:ins"):
        return paragraph.text
    found = paragraph._p.xpath(".//w:t | .//w:tab | .//w:br | .//w:cr")
    return "".join((node.text or "") if node.tag.endswith("}t") else " " for node in found)


def read_markdown(path: Path) -> Read:
    """Read headings, paragraphs, lists and pipe tables of Markdown; plain text is Markdown without headings."""
    text = re.sub(r"\A---\n.*?\n---\n", "", _decode(path), flags=re.S)
    blocks: list[Block] = []
    table: list[list[str]] = []
    paragraph: list[str] = []

    def close() -> None:
        if table:
            blocks.extend(_table([row for row in table if not all(re.fullmatch(r":?-+:?", c) for c in row)]))
            table.clear()
        if paragraph:
            blocks.append(Block("text", clean(" ".join(paragraph))))
            paragraph.clear()

    for line in [*text.splitlines(), ""]:
        stripped = line.strip()
        if stripped.startswith("|"):
            table.append([clean(cell) for cell in stripped.strip("|").split("|")])
        elif heading := re.match(r"(#{1,6})\s+(.*)", stripped):
            close()
            blocks.append(Block("heading", clean(heading[2].strip("# ")), level=len(heading[1])))
        elif not stripped:
            close()
        else:
            if table or re.match(r"([-*+]|\d+[.)])\s", stripped):
                close()
            paragraph.append(re.sub(r"^[-*+]\s", "• ", stripped))
    return "", _some(blocks), []


def read_html(path: Path) -> Read:
    """Read a page's headings, paragraphs, lists and tables, without its navigation, scripts and styles."""
    soup = BeautifulSoup(_decode(path, of_html=True), "html.parser")
    for tag in soup(["script", "style", "nav", "footer", "template", "noscript", "svg", "form"]):
        tag.decompose()
    blocks: list[Block] = []
    for tag in (soup.body or soup).find_all(["h1", "h2", "h3", "h4", "h5", "h6", "p", "li", "table", "pre"]):
        if tag.find_parent(["table", "li", "pre"]) or not isinstance(tag, Tag):
            continue
        text = clean(tag.get_text(" "))
        if tag.name == "table":
            rows = [[clean(cell.get_text(" ")) for cell in row(["th", "td"])] for row in tag("tr")]
            blocks += _table([row for row in rows if row])
        elif text and tag.name[0] == "h":
            blocks.append(Block("heading", text, level=int(tag.name[1])))
        elif text:
            blocks.append(Block("text", ("• " if tag.name == "li" else "") + text))
    if not blocks and (text := clean(soup.get_text(" "))):
        blocks.append(Block("text", text))
    return clean(soup.title.get_text()) if soup.title else "", _some(blocks), []


def _table(rows: list[list[str]]) -> list[Block]:
    return [row_block(rows[0], row) for row in rows[1:] if any(row)] if rows else []


def _some(blocks: list[Block]) -> list[Block]:
    if not blocks:
        raise DocumentError("no_text", "no text could be found in it")
    return blocks


def _decode(path: Path, *, of_html: bool = False) -> str:
    content = path.read_bytes()
    named = re.search(rb"charset=[\"']?([\w-]+)", content[:2048]) if of_html else None
    for encoding in ("utf-8-sig", *([named[1].decode("ascii")] if named else []), "gb18030"):
        try:
            return content.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    raise DocumentError("unreadable", "neither UTF-8 nor GB 18030; save it as UTF-8")
