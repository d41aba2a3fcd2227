"""A question with its articles' names masked: what it asks of a thing, whichever thing that is."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable

from projects.rag.embedded import CELLS, SKU
from projects.rag.records import Passage
from projects.rag.wording import CHINESE, language_of, numbers, words

MASK = {"zh": "它", "en": "product"}
LONGEST = 12
"""Characters of a Chinese name that are looked for at once."""
_WORD = re.compile(r"\w+(?:[-'’]\w+)*|[^\w\s]")
_LETTERS = re.compile(r"[^\W\d_]{3}")


class Masker:
    """Knows the names that stand beside an article number in the tables of a base."""

    def __init__(self, passages: Iterable[Passage]) -> None:
        names = {name for one in passages if one.kind == "row" for name in article_names(one)}
        chinese = [name for name in names if CHINESE.search(name)]
        self._parts = {
            name[start:end]
            for name in chinese
            for start in range(len(name))
            for end in range(start + 2, min(len(name), start + LONGEST) + 1)
        }
        self._words = {
            word
            for name in names - set(chinese)
            for word in words(name)
            if len(word) > 2 and not numbers(word)
        }

    def mask(self, question: str) -> str:
        """Put one word for each run of words (of characters in Chinese) that names an article."""
        return self._chinese(question) if language_of(question) == "zh" else self._english(question)

    def _chinese(self, question: str) -> str:
        said, at = "", 0
        while at < len(question):
            end = next(
                (
                    end
                    for end in range(min(len(question), at + LONGEST), at + 1, -1)
                    if question[at:end] in self._parts
                ),
                None,
            )
            said += question[at] if end is None else MASK["zh"]
            at = at + 1 if end is None else end
        return re.sub(f"({MASK['zh']}的?)+(?={MASK['zh']})", "", said)

    def _english(self, question: str) -> str:
        said: list[str] = []
        for word in _WORD.findall(question):
            if any(one in self._words for one in words(word)):
                if said[-1:] != [MASK["en"]]:
                    said.append(MASK["en"])
            else:
                said.append(word)
        return " ".join(said)


def article_names(row: Passage) -> list[str]:
    """The cells of a row that follow an article number and hold a name."""
    cells = [cell.partition(": ")[2] for cell in CELLS.split(row.text)]
    return [
        name
        for number, name in itertools.pairwise(cells)
        if SKU.fullmatch(number) and (CHINESE.search(name) or _LETTERS.search(name))
    ]
