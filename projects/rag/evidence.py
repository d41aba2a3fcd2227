"""From passages to the few sentences and cells that bear on the question: what is shown, quoted and given to a model."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

from projects.rag.audience import is_for_others
from projects.rag.embedded import CELLS
from projects.rag.injection import without_instructions
from projects.rag.records import Passage
from projects.rag.synonyms import expand
from projects.rag.wording import CHINESE, numbers, sentences, words

COLUMN = 0.3
"""A column whose name is this close to the question is asked for."""
BEHIND = 2.0
"""How far behind the best a further piece may be, in the fitted score (log-odds of being the better one)."""
SIGNS = ("score", "e5", "use", "own", "around", "asked", "pair", "row", "faq", "others")
"""What is known of a piece; the weights are fitted on the development questions (`fit`)."""
Similar = Callable[[str, Sequence[str]], Sequence[float]]
_MONEY = re.compile(r"(?:€|¥|￥|\$|£|\bEUR\b|\bCNY\b|\bRMB\b|\d\s*元|\bfree\b|免费|包邮)", re.I)
_TIME = re.compile(
    r"\b(?:minutes?|hours?|days?|weeks?|months?|years?|h)\b|\d{4}-\d\d|[分小]?时|[天日周年]|个月|分钟", re.I
)
_HOLDS_DIGIT = re.compile(r"\d")
_ASKS = (  # what kind of value a question wants: how it asks, what the value looks like, how its column may be named
    (
        re.compile(
            r"\bhow much\b|\bpric\w*|\bcosts?\b|\bfees?\b|\bcharges?\b|\bexpensive\b|多少钱|价格|售价|费用|运费|多贵|收费"
        ),
        _MONEY,
        re.compile(r"price|fee|cost|charge|价|费|金额"),
    ),
    (
        re.compile(
            r"\bhow (?:long|soon|fast|many (?:days|months|years|hours|weeks))\b|\bwhen\b|\bdeadline\b|多久|多长|几天|几个月|什么时候|何时|时间|期限|时效"
        ),
        _TIME,
        re.compile(r"time|until|from|life|warranty|delivery|date|期|时|续航|保修|时效|日"),
    ),
    (
        re.compile(r"\bhow many\b|\bin stock\b|\bstock\b|几个|多少[件个台只]|库存|现货|有货"),
        _HOLDS_DIGIT,
        re.compile(r"stock|number|limit|pieces|quantity|数量|库存|现货"),
    ),
)


@dataclass(frozen=True)
class Piece:
    """A sentence or some cells of a passage; `rank` is the passage's place among the hits, 1 being the best."""

    passage: Passage
    rank: int
    text: str
    """As it stands in the document; of a row, its name and the cells that matter."""
    score: float
    covers: frozenset[str]
    signs: tuple[float, ...] = ()
    """Values of `SIGNS`; of closeness, the plain cosines."""


class Standing(NamedTuple):
    """How a passage was found: its fitted score, and its closeness to the question in the tuned E5 and in USE."""

    score: float
    e5: float
    use: float


class Nearness(Protocol):
    """Closeness in meaning of texts to a question, by the encoder for short texts and by the one for passages."""

    def similar(self, question: str, texts: Sequence[str]) -> Sequence[float]:
        """Cosines of USE."""
        ...

    def meant(self, question: str, texts: Sequence[str]) -> Sequence[float]:
        """Cosines of E5."""
        ...


class Weights:
    """How telling each word is: its inverse document frequency over the passages (as BM25 has it)."""

    def __init__(self, passages: Iterable[Passage]) -> None:
        counts: Counter[str] = Counter()
        total = 0
        for passage in passages:
            counts.update(set(words(f"{passage.heading} {passage.text}")))
            total += 1
        self._rare = math.log(1 + total + 0.5)
        self._of = {word: math.log(1 + (total - n + 0.5) / (n + 0.5)) for word, n in counts.items()}

    def of(self, word: str) -> float:
        """The weight of a word; one that no passage holds weighs most."""
        return self._of.get(word, self._rare)

    def knows(self, word: str) -> bool:
        """Whether any passage holds a word."""
        return word in self._of

    def total(self, found: Iterable[str]) -> float:
        """The weight of a set of words."""
        return sum(map(self.of, found))


def weigh_pieces(
    question: str,
    hits: Sequence[Passage],
    weights: Weights,
    fitted: Mapping[str, float],
    *,
    near: Nearness | None = None,
    standing: Sequence[Standing] = (),
) -> list[Piece]:
    """All pieces of the passages found, the best first; without `near` and `standing` by their words and place alone."""
    asked = set(words(expand(question)))
    pieces = [
        piece
        for rank, passage in enumerate(hits, start=1)
        for piece in _pieces(
            question, asked, passage, rank, weights, near,
            standing[rank - 1] if standing else Standing(-float(rank), 0.0, 0.0),
        )
    ]  # fmt: skip
    if not pieces:
        return []
    most = [max(piece.signs[at] for piece in pieces) for at in range(3)]
    scored = [
        replace(
            piece,
            score=sum(
                fitted.get(name, 0.0) * (value - (most[at] if at < 3 else 0.0))
                for at, (name, value) in enumerate(zip(SIGNS, piece.signs, strict=True))
            ),
        )
        for piece in pieces
    ]
    return sorted(scored, key=lambda one: -one.score)


def choose_pieces(
    question: str, pieces: Sequence[Piece], weights: Weights, *, most: int = 3, least_gain: float = 0.15
) -> list[Piece]:
    """The best piece, and up to two more of other passages.

    A further one must be close to the best and add at least `least_gain` of the weight of the question's words, as the
    second article of a comparison does.
    """
    whole = weights.total(set(words(expand(question)))) or 1.0
    chosen: list[Piece] = []
    covered: set[str] = set()
    left = list(pieces)
    while left and len(chosen) < most:
        gains = {id(one): weights.total(one.covers - covered) / whole for one in left}
        if chosen:
            left = [
                one for one in left if gains[id(one)] >= least_gain and one.score >= chosen[0].score - BEHIND
            ]
            if not left:
                break
        best = max(left, key=lambda one: one.score + (gains[id(one)] if chosen else 0.0))
        chosen.append(best)
        covered |= best.covers
        left = [one for one in left if one.passage.id != best.passage.id]
    return chosen


def _pieces(
    question: str,
    asked: set[str],
    passage: Passage,
    rank: int,
    weights: Weights,
    near: Nearness | None,
    stands: Standing,
) -> list[Piece]:
    """The candidate pieces of one passage."""
    whole = weights.total(asked) or 1.0
    around = set(words(f"{passage.heading} {passage.title}")) & asked

    def piece(text: str, bag: set[str], e5: float, use: float, *, pair: bool = False) -> Piece:
        own = bag & asked
        signs = (
            stands.score, e5, use, weights.total(own) / whole, weights.total(around - own) / whole,
            float(holds_what_is_asked(question, text)), float(pair), float(passage.kind == "row"),
            float(passage.kind == "faq"),
            float(is_for_others(f"{passage.title} {passage.heading} {text}", question)),
        )  # fmt: skip
        return Piece(passage, rank, text, 0.0, frozenset(own | around), signs)

    if passage.kind == "row":
        text = _row_piece(question, asked, passage, near.similar if near else None)
        return [piece(text, set(words(passage.text)), stands.e5, stands.use)] if text else []
    lines = passage.text.splitlines()
    if passage.kind == "faq" and len(lines) > 1:
        # The answer stands as a whole: cut from its first word, a `No.` says nothing.
        text = _join(without_instructions(sentences("\n".join(lines[1:])), running=True))
        use = near.similar(question, lines[:1])[0] if near else 0.0
        return [piece(text, set(words(passage.text)), stands.e5, use)] if text else []
    kept = without_instructions(sentences(passage.text), running=True)
    close = list(near.similar(question, kept)) if near else [0.0] * len(kept)
    meant = list(near.meant(question, kept)) if near else [0.0] * len(kept)
    found = [piece(text, set(words(text)), e5, use) for text, e5, use in zip(kept, meant, close, strict=True)]
    for at, (one, two) in enumerate(itertools.pairwise(kept)):
        # A short sentence leans on the one before it; the pair is a candidate too.
        both = _join([one, two])
        found.append(
            piece(both, set(words(both)), max(meant[at : at + 2]), max(close[at : at + 2]), pair=True)
        )
    return found


def holds_what_is_asked(question: str, text: str) -> bool:
    """Whether a text has a value of a kind that the question asks for: an amount, a time, a number."""
    return any(asks.search(question.lower()) and value.search(text) for asks, value, _ in _ASKS)


def asks_for_value(question: str) -> bool:
    """Whether a question asks for an amount, a time or a number."""
    return any(asks.search(question.lower()) for asks, _, _ in _ASKS)


def _row_piece(question: str, asked: set[str], passage: Passage, similar: Similar | None) -> str:
    """The row's name and the cells whose column the question asks for; the whole row if it names none."""
    cells = without_instructions(CELLS.split(passage.text), running=False)
    if len(cells) < 3:
        return " | ".join(cells)
    wanted = [cell for cell in cells if _column_asked(question, asked, cell)]
    if not wanted and similar is not None:
        close = similar(question, [cell.partition(": ")[0] for cell in cells])
        best = max(range(len(cells)), key=lambda at: close[at])
        wanted = [cells[best]] if close[best] >= COLUMN and _value(cells[best]) != "—" else []
    if not wanted:
        return " | ".join(cells)
    named = [cell for cell in cells if cell not in wanted and _named(question, asked, cell)]
    if not named:
        named = [cell for cell in cells[:2] if cell not in wanted and not numbers(_value(cell))][:1] or cells[
            :1
        ]
    return " | ".join(cell for cell in cells if cell in named or cell in wanted)


def _column_asked(question: str, asked: set[str], cell: str) -> bool:
    header, _, value = cell.partition(": ")
    if not value or value == "—":
        return False
    if set(words(header)) & asked:
        return True
    return any(
        asks.search(question.lower()) and column.search(header.lower()) and seen.search(value)
        for asks, seen, column in _ASKS
    )


def _named(question: str, asked: set[str], cell: str) -> bool:
    """Whether the question names this cell's value, as it does an article by name or number."""
    value = _value(cell)
    return value.lower() in question.lower() or bool(set(words(value)) & asked and len(value) > 1)


def _value(cell: str) -> str:
    return cell.partition(": ")[2] or cell


def _join(parts: Sequence[str]) -> str:
    return "".join(parts) if parts and CHINESE.search(parts[0]) else " ".join(parts)


def value_asked(question: str, passage: Passage) -> bool:
    """Whether a question that asks for money finds an amount here: in a row, in a column named for it."""
    asks, seen, column = _ASKS[0]
    if not asks.search(question.lower()):
        return False
    if passage.kind != "row":
        return bool(seen.search(passage.text))
    cells = (cell.partition(": ") for cell in CELLS.split(passage.text))
    return any(column.search(header.lower()) and seen.search(value) for header, _, value in cells)


def lines_of(passage: Passage) -> list[str]:
    """What of a passage may be compared with a question in meaning: sentences, a frequent question, names of columns."""
    if passage.kind == "row":
        return [cell.partition(": ")[0] for cell in CELLS.split(passage.text)]
    if passage.kind == "faq":
        return [passage.text.partition("\n")[0]]
    return sentences(passage.text)
