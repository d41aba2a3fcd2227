"""From passages to the few sentences and cells that bear on the question: what is shown, quoted and given to a model."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from projects.rag.injection import without_instructions
from projects.rag.records import Passage
from projects.rag.wording import CHINESE, numbers, sentences, words

CELLS = re.compile(r"\s\|\s")
MEANING = 1.5
"""What closeness in meaning counts for beside the share of words, which is 1 at most."""
COLUMN = 0.3
"""A column whose name is this close to the question is asked for."""
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

    def total(self, found: Iterable[str]) -> float:
        """The weight of a set of words."""
        return sum(map(self.of, found))


def choose_pieces(
    question: str,
    hits: Sequence[Passage],
    weights: Weights,
    *,
    similar: Similar | None = None,
    most: int = 3,
    least_gain: float = 0.25,
) -> list[Piece]:
    """The pieces that together cover the question's words, best first; `similar` weighs their meaning too.

    A second and third piece is taken only if it adds at least `least_gain` of the question's weight, as a comparison
    of two articles does.
    """
    asked = set(words(question))
    whole = weights.total(asked) or 1.0
    pieces = [
        piece
        for rank, passage in enumerate(hits, start=1)
        for piece in _pieces(question, asked, passage, rank, weights, similar)
    ]
    if similar is not None:
        meant = [_meant(piece) for piece in pieces]
        close = iter(similar(question, [line for lines in meant for line in lines]))
        nearest = [max((next(close) for _ in lines), default=0.0) for lines in meant]
        pieces = [
            replace(piece, score=piece.score + MEANING * one)
            for piece, one in zip(pieces, nearest, strict=True)
        ]
    chosen: list[Piece] = []
    covered: set[str] = set()
    while pieces and len(chosen) < most:
        best = max(pieces, key=lambda one: one.score + weights.total(one.covers - covered) / whole)
        gain = weights.total(best.covers - covered) / whole
        if chosen and gain < least_gain:
            break
        chosen.append(best)
        covered |= best.covers
        pieces = [one for one in pieces if one.passage.id != best.passage.id]
    return chosen


def _pieces(
    question: str, asked: set[str], passage: Passage, rank: int, weights: Weights, similar: Similar | None
) -> list[Piece]:
    """The candidate pieces of one passage."""
    context = set(words(f"{passage.heading} {passage.title}"))
    if passage.kind == "row":
        text = _row_piece(question, asked, passage, similar)
        return (
            [_score(question, asked, passage, rank, text, context | set(words(passage.text)), weights)]
            if text
            else []
        )
    lines = passage.text.splitlines()
    if passage.kind == "faq" and len(lines) > 1:
        # The answer stands as a whole: cut from its first word, a `No.` says nothing.
        answer = without_instructions(sentences("\n".join(lines[1:])), running=True)
        text = _join(answer)
        known = context | set(words(lines[0]))
        return [_score(question, asked, passage, rank, text, known, weights)] if text else []
    kept = without_instructions(sentences(passage.text), running=True)
    # A short sentence leans on the one before it; the pair is a candidate too.
    found = [_score(question, asked, passage, rank, one, context, weights) for one in kept]
    pairs = itertools.pairwise(kept)
    return found + [
        _score(question, asked, passage, rank, _join([a, b]), context, weights, cost=0.02) for a, b in pairs
    ]


def _score(
    question: str,
    asked: set[str],
    passage: Passage,
    rank: int,
    text: str,
    context: set[str],
    weights: Weights,
    *,
    cost: float = 0.0,
) -> Piece:
    whole = weights.total(asked) or 1.0
    own, around = set(words(text)) & asked, context & asked
    score = weights.total(own) / whole + 0.5 * weights.total(around - own) / whole - 0.1 * (rank - 1) - cost
    for asks, value, _ in _ASKS:
        if asks.search(question.lower()) and value.search(text):
            score += 0.15
    return Piece(passage, rank, text, score, frozenset(own | around))


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


def _meant(piece: Piece) -> list[str]:
    """The lines by which a piece is compared, the nearest counting; a row is compared as a whole."""
    if piece.passage.kind == "row":
        return [piece.passage.text]
    if piece.passage.kind == "faq":
        return lines_of(piece.passage)
    return sentences(piece.text)
