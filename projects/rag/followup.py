"""A follow-up question made whole from the conversation, by rule: what it is about is carried over from before.

By rule because the embedded model cannot be trusted to rewrite; a large model may (see `rewrite`). Both stand behind
`Resolver.resolve`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from projects.rag.embedded import CELLS
from projects.rag.records import Passage
from projects.rag.wording import CHINESE, numbers, words

Turn = tuple[str, str]
"""Role (`user` or `assistant`) and text."""

_LEANS = re.compile(
    r"^(?:and|or|but|also|then|so|what about|how about|what if)\b"
    r"|\b(?:it|its|they|them|their|theirs|this|that|these|those|there|the same|that one|the other)\b"
    r"|^(?:那|那么|还有|另外|如果|要是|超了|他们|她们)|它|这个|那个|这款|那款|这些|那些|他们|其中|同样|呢[？?。]?$",
    re.IGNORECASE,
)
_SKU = re.compile(r"\b[A-Z]{2}-[A-Z]?\d{3,4}\b", re.IGNORECASE)
_FILLERS = re.compile(
    r"^(?:and|or|but|also|then|so|what about|how about|what if)\s+|^(?:那么|那|还有|另外)|呢(?=[？?。]?$)",
    re.IGNORECASE,
)
FEW = {
    "en": 2,
    "zh": 4,
}  # content words (pairs of characters in Chinese) of a question too short to stand alone


class Resolver:
    """Knows the names that the documents' tables give to things, and carries them from turn to turn."""

    def __init__(
        self, passages: Iterable[Passage], rewrite: Callable[[str, Sequence[Turn]], str] | None = None
    ) -> None:
        self._rewrite = rewrite
        names = {
            value
            for passage in passages
            if passage.kind == "row"
            for cell in CELLS.split(passage.text)[:3]
            if _is_name(value := cell.partition(": ")[2])
        }
        self._names = sorted((one.lower() for one in names), key=len, reverse=True)

    def resolve(self, question: str, history: Sequence[Turn]) -> str:
        """Give the question as it would stand alone; one that does already is given as it is."""
        if not history:
            return question
        if self._rewrite is not None:
            return self._rewrite(question, history) or question
        if not self.leans(question):
            return question
        asked = [text for role, text in history if role == "user"][-1:]
        answered = [text for role, text in history if role == "assistant"][-1:]
        before = " ".join(asked)
        own = self.names(question)
        names = self.names(before) or (self.names(answered[0])[:1] if answered else [])
        rest = _FILLERS.sub("", question.strip())
        if not own and names and _content(rest):
            # It asks something else of the same thing.
            return _join(names[0] if len(names) == 1 else _join(*names), rest)
        # It asks the same of another thing: the earlier question with this one's words.
        return _join(_without(before, names) if own else before, rest)

    def leans(self, question: str) -> bool:
        """Say whether the question needs the conversation: it points back, or is too short and names nothing."""
        if _LEANS.search(question.strip()):
            return True
        few = FEW["zh" if CHINESE.search(question) else "en"]
        return not self.names(question) and len(set(words(question))) <= few

    def names(self, text: str) -> list[str]:
        """The names and article numbers in a text, the longest first, none inside another."""
        low, found = text.lower(), [one.group() for one in _SKU.finditer(text)]
        for name in self._names:
            said = next((one for one in _spellings(name) if _stands_in(one, low)), None)
            if said is not None:
                found.append(said)
                low = low.replace(said, " ")
        return found


def _is_name(value: str) -> bool:
    """Whether a cell is a name: words, not an amount, a date or a yes."""
    enough = 3 if CHINESE.search(value) else 5
    return enough <= len(value) <= 40 and not numbers(value[:1]) and not _SKU.fullmatch(value)


def _spellings(name: str) -> list[str]:
    """A name and its singular: the table says `Speakers`, the customer `a speaker`."""
    return [name, name[:-1]] if name.endswith("s") and len(name) > 5 and name.isascii() else [name]


def _stands_in(name: str, text: str) -> bool:
    at = text.find(name)
    if at < 0:
        return False
    if CHINESE.search(name):
        return True
    around = text[at - 1 : at] + text[at + len(name) : at + len(name) + 1]
    return not any(one.isalnum() for one in around.rstrip("s"))


def _content(text: str) -> bool:
    return bool(words(text))


def _without(text: str, names: Iterable[str]) -> str:
    for name in names:
        text = re.sub(re.escape(name), " ", text, flags=re.IGNORECASE)
    return text


def _join(*parts: str) -> str:
    return re.sub(r"\s+", " ", " ".join(part.strip() for part in parts if part.strip()))
