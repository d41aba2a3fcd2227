"""What a generated sentence must hold before anyone sees it: its words and every number, by its label, stand in the evidence it cites."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from projects.rag.embedded import CELLS
from projects.rag.evidence import Piece
from projects.rag.injection import is_dictated, is_instruction
from projects.rag.synonyms import expand
from projects.rag.wording import NEGATIONS, language_of, numbers, sentences, words

SUPPORT = 0.85  # share of a sentence's words that its evidence or the question holds
_MARKS = re.compile(r"\s*\[\d+(?:\s*[,，]\s*\d+)*\]")
_CLAUSE = re.compile(r"[,;，；。](?!\d)\s*|(?<=[.!?])\s+|\s+and\s+(?=[A-Z0-9])")
_DENIED = re.compile(r"(?:[不没无未勿禁](?![锈错论管仅])|(?<![特区类分级差性个])别)[\u3400-\u9fff]")
_HAN_DIGITS = "零一二三四五六七八九"
_HAN_UNITS = {"十": 10, "百": 100, "千": 1000}
_HAN_NUMBER = re.compile(
    rf"(?<![第每])([{_HAN_DIGITS}十百千]+)(?=[天日周月年元件小个]|折|倍|工作日)"  # 每一件 is every one
)
_TENS = {
    name: str(10 * (at + 2))
    for at, name in enumerate(["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"])
}
_MONEY = {
    "EUR": re.compile(r"€|\bEUR\b|\beuros?\b|欧元", re.I),
    "USD": re.compile(r"\$|\bUSD\b|\bdollars?\b|美元", re.I),
    "GBP": re.compile(r"£|\bGBP\b|英镑", re.I),
    "CNY": re.compile(r"[¥￥]|\b(?:CNY|RMB|yuan)\b|\d\s*元|人民币", re.I),
    "%": re.compile(r"[%％]|\bper ?cent\b|百分之", re.I),
}
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
    asked, figures = set(words(question)), _figures(plain)
    overlap = [len(said & _known(piece)) / len(said) for piece in pieces]
    order = sorted(range(len(pieces)), key=lambda at: (-overlap[at], at))
    cited: list[int] = []
    new = (said - asked) or said  # "Yes, it is waterproof" says nothing new: then all of it wants evidence
    left, missing = set(new), set(figures)
    for at in order:  # the fewest pieces that together hold its words and its numbers
        piece = pieces[at]
        adds = (left & _known(piece)) or (missing & _figures(piece.text))
        if cited and not adds:
            continue
        cited.append(at)
        left -= _known(piece)
        missing -= _figures(_source(piece))
    if missing or not all(_labelled(plain, one, question, [pieces[at] for at in cited]) for one in figures):
        return Verdict((), "number")
    if len(left) / len(new) > 1 - SUPPORT:
        return Verdict((), "support")
    if not (said & set().union(*(_known(pieces[at]) for at in cited))):
        return Verdict((), "support")
    texts = "\n".join(pieces[at].text for at in cited)
    if _marks_of_money(plain) - _marks_of_money(texts):
        return Verdict((), "number")
    own = _most_like(plain, texts)
    if _negated(plain) != _negated(own):
        return Verdict((), "negation")
    if _DUTY.search(plain) and not _DUTY.search(own):
        return Verdict((), "condition")
    return Verdict(tuple(sorted(cited)))


def _most_like(sentence: str, texts: str) -> str:
    """The sentence of the evidence that shares most words with this one."""
    own = set(words(sentence))
    return max(sentences(texts), key=lambda one: len(own & set(words(one))), default=texts)


def _negated(text: str) -> object:
    """Whether an English text denies; what a Chinese one denies, which is the character behind."""
    if language_of(text) == "en":
        return bool(NEGATIONS.search(text))
    return frozenset(_DENIED.findall(text))


def _marks_of_money(text: str) -> set[str]:
    """Currencies and percent, however they are written."""
    return {name for name, pattern in _MONEY.items() if pattern.search(text)}


def _figures(text: str) -> set[str]:
    """Numbers in digits, and in words of both languages: 七天 and `thirty days` too."""
    found = numbers(text) | {_TENS[one] for one in re.findall(r"[a-z]+", text.lower()) if one in _TENS}
    return found | {str(_of_han(one)) for one in _HAN_NUMBER.findall(text)}


def _of_han(text: str) -> int:
    """三十五 → 35."""
    total, digit = 0, 0
    for one in text:
        if one in _HAN_UNITS:
            total += (digit or 1) * _HAN_UNITS[one]
            digit = 0
        else:
            digit = _HAN_DIGITS.index(one)
    return total + digit


def _labelled(sentence: str, number: str, question: str, pieces: Sequence[Piece]) -> bool:
    """Whether a number says the same here as in its source: of the right cell, or of the clause most like its own."""
    parts = [part for piece in pieces for part in _parts(piece) if _figures(part)]
    holding = [part for part in parts if number in _figures(part)]
    if not holding:
        return True  # it stands in a name or a heading
    asked = set(words(expand(question)))
    for clause in _CLAUSE.split(sentence):
        if number not in _figures(clause):
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
    heading = piece.passage.heading  # of an upload it may be anything
    return piece.text if is_dictated(heading) else f"{piece.text} {heading}"


def _known(piece: Piece) -> set[str]:
    return set(words(f"{_source(piece)} {piece.passage.title}"))
