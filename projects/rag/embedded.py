"""The text of a passage as it is embedded."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from projects.rag.records import Passage

CELLS = re.compile(r"\s\|\s")
SKU = re.compile(r"\b[A-Z]{2}-[A-Z]?\d{3,4}\b")


def embedded_texts(passages: Sequence[Passage]) -> list[str]:
    """Give the text of each passage as it is embedded: its headings, itself, and the names of the articles that it numbers."""
    names: dict[tuple[str, str], str] = {}
    for one in passages:
        if one.kind == "row":
            cells = [cell.partition(": ")[2] for cell in CELLS.split(one.text)]
            for number, name in itertools.pairwise(cells):
                if SKU.fullmatch(number):
                    names.setdefault((one.lang, number), name)

    def named(one: Passage) -> str:
        found = (names.get((one.lang, number), "") for number in SKU.findall(one.text))
        return " ".join(name for name in found if name and name not in one.text)

    return [
        f"{one.heading}\n{one.text}" + (f" | {extra}" if (extra := named(one)) else "") for one in passages
    ]
