"""Judging replies: which label was said, whether an answer holds, what a summary kept and what it made up."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence

LABELS = ("negative", "positive")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_LIST_NUMBER = re.compile(r"^\s*\d{1,2}[.)]\s+", re.MULTILINE)
_NAME = re.compile(
    r"(?<![.!?:\n] )(?<!^)\b[A-Z][A-Za-z'’-]*[a-z](?:\s+[A-Z][A-Za-z'’-]*[a-z])*", re.MULTILINE
)


# -- labels ---------------------------------------------------------------------------------------


def label_said(text: str) -> int | None:
    """0 or 1 if the reply names exactly one of the two labels, else None: ‘not negative’ is not understood."""
    found = {word for word in re.findall(r"[a-z]+", text.lower()) if word in LABELS}
    return LABELS.index(found.pop()) if len(found) == 1 else None


def label_alone(text: str) -> int | None:
    """0 or 1 if the reply is a label and nothing else but punctuation."""
    bare = text.strip().strip(".!\"'`*").lower()
    return LABELS.index(bare) if bare in LABELS else None


def label_in_json(text: str) -> int | None:
    """0 or 1 if the whole reply is a JSON object whose `sentiment` is a label."""
    try:
        said = json.loads(text)
    except ValueError:
        return None
    value = said.get("sentiment") if isinstance(said, dict) else None
    return LABELS.index(value) if value in LABELS else None


# -- answers --------------------------------------------------------------------------------------


def normalise(text: str) -> str:
    """Lower case, no articles, no punctuation at words' ends, one space (SQuAD's normalisation).

    1,000 is 1000, 45.00 is 45, and 70% is 70 %.
    """
    plain = re.sub(r"(?<=\d),(?=\d{3})", "", text.lower()).replace("−", "-")
    plain = re.sub(r"(?<![\d.])(\d+)\.00?(?!\.?\d)", r"\1", plain)
    plain = re.sub(r"(?<=\d)%", " %", plain)
    plain = re.sub(r"[^\w\s.:%@-]|[.:-](?!\w)|(?<!\w)[.:-](?!\d)", " ", plain)
    return " ".join(word for word in plain.split() if word not in ("a", "an", "the"))


def holds(text: str, answer: str) -> bool:
    """Whether one variant of `a|b` stands in the text as whole words."""
    said = f" {normalise(text)} "
    return any(f" {normalise(variant)} " in said for variant in answer.split("|"))


def exact(text: str, answer: str) -> bool:
    """Whether the reply is the answer and nothing else (exact match, Rajpurkar et al. 2016)."""
    return any(normalise(text) == normalise(variant) for variant in answer.split("|"))


def word_f1(text: str, answer: str) -> float:
    """F1 of the bags of words of the reply and the best variant (Rajpurkar et al. 2016)."""
    said = Counter(normalise(text).split())
    best = 0.0
    for variant in answer.split("|"):
        wanted = Counter(normalise(variant).split())
        same = (said & wanted).total()
        best = max(best, 2 * same / (said.total() + wanted.total()) if same else 0.0)
    return best


# -- summaries ------------------------------------------------------------------------------------


def word_count(text: str) -> int:
    """Words by white space, as a reader counts."""
    return len(text.split())


def numbers_in(text: str) -> list[str]:
    """Numbers as they stand, thousands without commas."""
    return [re.sub(r",(?=\d{3})", "", found) for found in _NUMBER.findall(text)]


def names_in(text: str) -> list[str]:
    """Capitalised words that do not begin a sentence: a rough net for names."""
    return [found for found in _NAME.findall(text) if found not in ("I",)]


def supported(summary: str, source: str) -> tuple[int, int]:
    """How many different numbers and names of a summary stand in the source, and how many there are.

    Different ones, since a small model loops; without the numbers of a list, which say nothing of the source.
    """
    said = _LIST_NUMBER.sub("", summary)
    numbers, known = set(numbers_in(said)), set(numbers_in(source))
    names, plain = set(names_in(said)), source.lower()
    good = sum(number in known for number in numbers) + sum(name.lower() in plain for name in names)
    return good, len(numbers) + len(names)


def kept(summary: str, facts: Sequence[str]) -> list[bool]:
    """For each key fact (`a|b`: either wording will do) whether the summary holds it."""
    return [holds(summary, fact) for fact in facts]
