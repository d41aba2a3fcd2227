"""A document between reading and chunking: headings, paragraphs and table rows, each with its place."""

from __future__ import annotations

import re
from dataclasses import dataclass, field


@dataclass
class Block:
    """One heading, paragraph or table row."""

    kind: str
    """`heading`, `text` or `row`."""
    text: str = ""
    level: int = 0
    """Of a heading: 1 is the highest."""
    row: list[tuple[str, str]] = field(default_factory=list)
    """Of a table row: its column headers (empty if the table has none) and values; empty cells are left out."""
    page: int | None = None
    sheet: str | None = None
    cells: str | None = None
    raw: str = ""
    """A table row as naive extraction sees it: the values alone. Naive chunking, an ablation, uses this."""


def row_block(headers: list[str], values: list[str], **place: object) -> Block:
    """Make the block of a table row."""
    headers = headers + [""] * (len(values) - len(headers))
    row = [(header, value) for header, value in zip(headers, values, strict=False) if value]
    return Block("row", row=row, raw=" ".join(value for value in values if value), **place)  # type: ignore[arg-type]


def row_text(row: list[tuple[str, str]]) -> str:
    """Write a row as `SKU: HH-K101 | Price: 27.90 EUR`."""
    return " | ".join(f"{header}: {value}" if header else value for header, value in row)


def clean(text: str) -> str:
    """Drop control characters and joiners, and make every run of white space one space."""
    text = re.sub(r"[\u200b-\u200d\u2060\ufeff\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", "", text)
    return re.sub(r"\s+", " ", text).strip()
