"""What a generated sentence must hold before anyone sees it: its words and every number, by its label, stand in the evidence it cites."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from projects.rag.embedded import CELLS
from projects.rag.evidence import Piece
from projects.rag.injection import is_instruction
from projects.rag.synonyms import expand
from projects.rag.wording import NEGATIONS, language_of, numbers, words

SUPPORT = 0.85  # share of a sentence's words that its evidence or the question holds
_MARKS = re.compile(r"\s*\[\d+(?:\s*[,，]\s*\d+)*\]")
_CLAUSE = re.compile(r"[,;，；。](?!\d)\s*|(?<=[.!?])\s+|\s+and\s+(?=[A-Z0-9])")
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
    if missing or not all(_labelled(plain, one, question, [pieces[at] for at in cited]) for one in figures):
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


def _labelled(sentence: str, number: str, question: str, pieces: Sequence[Piece]) -> bool:
    """Whether a number says the same here as in its source: of the right cell, or of the clause most like its own."""
    parts = [part for piece in pieces for part in _parts(piece) if numbers(part)]
    holding = [part for part in parts if number in numbers(part)]
    if not holding:
        return True  # it stands in a name or a heading
    asked = set(words(expand(question)))
    for clause in _CLAUSE.split(sentence):
        if number not in numbers(clause):
            continue
        own = {word for word in words(clause) if not word.isdigit()}
        most = max(len(own & set(words(part))) for part in parts)
        if not any(len(own & set(words(part))) == most and _label_kept(part, own, asked) for part in holding):
            return False
    return True


def _label_kept(part: str, own: set[str], asked: set[str]) -> bool:
    """Whether what a clause says of a cell's column is all of its name: `in VAT` is not `Price incl. VAT`."""
    label = set(words(part.partition(": ")[0])) if ": " in part else set()
    return not (label & own) - asked or label <= own | asked


def _parts(piece: Piece) -> list[str]:
    """The cells of a row, or the clauses of a text."""
    return CELLS.split(piece.text) if piece.passage.kind == "row" else _CLAUSE.split(piece.text)


def _source(piece: Piece) -> str:
    """What a number may come from: the piece itself and the names around it, not the row's other cells."""
    return f"{piece.text} {piece.passage.heading}"


def _known(piece: Piece) -> set[str]:
    return set(words(f"{_source(piece)} {piece.passage.title}"))
