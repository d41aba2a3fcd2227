"""Words and numbers of questions and passages in both languages, as answering compares them."""

from __future__ import annotations

import re
import unicodedata

CHINESE = re.compile(r"[\u3400-\u9fff]")
_WORD = re.compile(r"[a-z0-9]+(?:[-'][a-z0-9]+)*|[\u3400-\u9fff]+")
_POSSESSIVE = re.compile(r"['’]s\b")
_NUMBER = re.compile(r"\d+(?:[.,]\d{3})*(?:[.,]\d+)?")
_ENGLISH_NUMBERS = dict(
    zip(
        ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"],
        map(str, range(1, 13)),
        strict=True,
    )
)
_STOP = frozenset(
    [
        "a",
        "an",
        "the",
        "is",
        "are",
        "was",
        "were",
        "be",
        "been",
        "am",
        "do",
        "does",
        "did",
        "will",
        "would",
        "can",
        "could",
        "should",
        "may",
        "might",
        "must",
        "have",
        "has",
        "had",
        "i",
        "you",
        "he",
        "she",
        "it",
        "we",
        "they",
        "me",
        "my",
        "your",
        "our",
        "their",
        "its",
        "this",
        "that",
        "these",
        "those",
        "of",
        "to",
        "in",
        "on",
        "at",
        "by",
        "for",
        "from",
        "with",
        "and",
        "or",
        "but",
        "if",
        "as",
        "so",
        "than",
        "then",
        "there",
        "here",
        "what",
        "which",
        "who",
        "whom",
        "whose",
        "how",
        "when",
        "where",
        "why",
        "please",
        "tell",
        "much",
        "many",
        "any",
        "some",
        "not",
        "no",
        "yes",
        "about",
        "i'm",
        "it's",
        "don't",
        "what's",
        "s",
        "t",
        "us",
        "out",
        "up",
        "get",
        "got",
        "per",
        "also",
        "into",
        "over",
        "after",
        "before",
        "just",
        "one",
        "ones",
        "within",
    ]
)
_CHINESE_STOP = frozenset(
    "的了吗呢吧啊是在和与或我你您他她它们这那有就都也还要会能可以请问一个什么怎么多少哪几"
)
NEGATIONS = re.compile(
    r"\b(?:not|no|never|cannot|can't|don't|doesn't|isn't|aren't|won't|nothing|neither|without|none)\b|n't\b",
    re.I,
)


def language_of(text: str) -> str:
    """`zh` if the text holds Chinese at all, since product codes and units are Latin in both; else `en`."""
    return "zh" if CHINESE.search(text) else "en"


def words(text: str) -> list[str]:
    """Comparable words: English stems without stop words, pairs of neighbouring Chinese characters."""
    found: list[str] = []
    for word in _WORD.findall(_POSSESSIVE.sub("", unicodedata.normalize("NFKC", text).lower())):
        if CHINESE.match(word):
            kept = "".join(" " if one in _CHINESE_STOP else one for one in word).split()
            for run in kept:
                found += [run[at : at + 2] for at in range(len(run) - 1)] or [run]
        elif word not in _STOP:
            found.append(stem(word))
    return found


def stem(word: str) -> str:
    """Cut the commonest English endings, so that `returns` and `returned` meet `return`."""
    if not word.isalpha() or len(word) < 4:
        return word
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and not word.endswith("ss") and len(word) - len(ending) >= 3:
            word = word[: -len(ending)]
            break
    return word[:-1] if word.endswith("e") and len(word) > 3 else word


def numbers(text: str) -> set[str]:
    """The numbers in a text in one spelling: `1,299.00`, `1299` and `1299.0` are equal; `two` is 2."""
    text = unicodedata.normalize("NFKC", text)
    found = {_plain(one) for one in _NUMBER.findall(text)}
    return found | {
        _ENGLISH_NUMBERS[one] for one in re.findall(r"[a-z]+", text.lower()) if one in _ENGLISH_NUMBERS
    }


def _plain(number: str) -> str:
    """One spelling: thousands without separator, no trailing zeros; a single comma before two digits is decimal."""
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", number):
        number = number.replace(",", "")
    number = number.replace(",", ".")
    whole, _, rest = number.rpartition(".") if number.count(".") == 1 else (number, "", "")
    if not rest:
        return number.lstrip("0") or "0"
    rest = rest.rstrip("0")
    return f"{whole.lstrip('0') or '0'}.{rest}" if rest else (whole.lstrip("0") or "0")


def sentences(text: str) -> list[str]:
    """Cut a text into sentences; a line end is one too, as is `。`."""
    found = []
    for line in text.splitlines():
        for one in re.split(
            r"(?<=[.!?][\"”)])\s+(?=[A-Z])|(?<=[.!?])\s+(?=[A-Z\"“(•\[])|(?<=[。！？])(?![”」）])", line
        ):
            if one.strip():
                found.append(one.strip())
    return found
