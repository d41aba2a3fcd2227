"""What a generated sentence must hold before anyone sees it: its words and every number stand in the evidence it cites."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from projects.rag.evidence import Piece
from projects.rag.injection import is_instruction
from projects.rag.wording import NEGATIONS, language_of, numbers, words

SUPPORT = 0.85  # share of a sentence's words that its evidence or the question holds
_MARKS = re.compile(r"\s*\[\d+(?:\s*[,，]\s*\d+)*\]")
_DUTY = re.compile(r"\b(?:only|unless|except|until|at least|at most|up to)\b", re.I)


@dataclass(frozen=True)
class Verdict:
    """Which pieces support a sentence (places in the list, from 0); none, and `reason` says why not."""

    cited: tuple[int, ...]
    reason: str = ""


def without_marks(sentence: str) -> str:
    """The sentence without `[1]`: a model's own marks are read, not trusted."""
    return _MARKS.sub("", sentence).strip()


def check_sentence(sentence: str, question: str, pieces: Sequence[Piece]) -> Verdict:
    """Find the pieces that hold what the sentence says, or the reason why it must not be shown."""
    plain = without_marks(sentence)
    if is_instruction(plain):
        return Verdict((), "instruction")
    if language_of(plain) != language_of(question):
        return Verdict((), "language")
    said = set(words(plain))
    if not said:
        return Verdict((), "empty")
    asked, figures = set(words(question)), numbers(plain)
    overlap = [len(said & _known(piece)) / len(said) for piece in pieces]
    order = sorted(range(len(pieces)), key=lambda at: (-overlap[at], at))
    cited: list[int] = []
    left, missing = said - asked, set(figures)
    for at in order:  # the fewest pieces that together hold its words and its numbers
        piece = pieces[at]
        adds = (left & _known(piece)) or (missing & numbers(piece.text))
        if cited and not adds:
            continue
        cited.append(at)
        left -= _known(piece)
        missing -= numbers(_source(piece))
    if missing:
        return Verdict((), "number")
    new = said - asked
    if new and len(left) / len(new) > 1 - SUPPORT:
        return Verdict((), "support")
    if not (said & set().union(*(_known(pieces[at]) for at in cited))):
        return Verdict((), "support")
    texts = " ".join(pieces[at].text for at in cited)
    if bool(NEGATIONS.search(plain)) != bool(NEGATIONS.search(texts)) and language_of(plain) == "en":
        return Verdict((), "negation")
    if _DUTY.search(plain) and not _DUTY.search(texts):
        return Verdict((), "condition")
    return Verdict(tuple(sorted(cited)))


def _source(piece: Piece) -> str:
    """What a number may come from: the piece itself and the names around it, not the row's other cells."""
    return f"{piece.text} {piece.passage.heading}"


def _known(piece: Piece) -> set[str]:
    return set(words(f"{_source(piece)} {piece.passage.title}"))
