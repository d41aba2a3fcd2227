"""What the parts of the bot hand each other: the passage, and where it stands in its document."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Passage:
    """One retrievable piece of a document."""

    id: str
    """Hash of file name, place and text: equal text at the same place keeps its id."""
    text: str
    """What is indexed and cited; a table row carries its column headers (`SKU: … | Price: …`)."""
    document: str
    """File name relative to the knowledge folder, with forward slashes."""
    title: str
    lang: str
    """`zh` or `en`."""
    kind: str
    """`prose`, `row` or `faq`."""
    heading: str = ""
    """The trail of headings above the passage, joined by ` › `; empty if there are none."""
    page: int | None = None
    """Page of a PDF, the first one being 1."""
    sheet: str | None = None
    cells: str | None = None
    """Range in the sheet, such as `A4:F4`."""

    def place(self, lang: str) -> str:
        """Name the place for a reader: a page (`第 3 页`, `p. 3`), cells (`Prices!A4:F4`) or a heading."""
        if self.page is not None:
            return f"第 {self.page} 页" if lang == "zh" else f"p. {self.page}"
        if self.sheet is not None:
            return f"{self.sheet}!{self.cells}" if self.cells else self.sheet
        return self.heading

    def as_json(self) -> dict[str, Any]:
        """Give the fields by name, for one line of `passages.jsonl`."""
        return asdict(self)


def passage_id(document: str, place: str, text: str) -> str:
    """Give the id of a passage: 16 hexadecimal digits, enough for millions of passages."""
    return hashlib.sha256("\x1f".join((document, place, text)).encode()).hexdigest()[:16]
