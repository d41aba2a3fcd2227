"""How varied a text is: distinct n-grams, repetition, and how much is copied. Pure."""

from __future__ import annotations

import re


def words_of(text: str) -> list[str]:
    """Lower-case words; punctuation falls away."""
    return re.findall(r"[^\W_]+(?:['’][^\W_]+)*", text.lower())


def ngrams(words: list[str], n: int) -> list[tuple[str, ...]]:
    """All runs of `n` words."""
    if n < 1:
        raise ValueError(f"an n-gram has at least one word, not {n}")
    return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]


def distinct(text: str, n: int) -> float:
    """Different n-grams of all (Li et al. 2016, distinct-n); 0 for a text with none."""
    found = ngrams(words_of(text), n)
    return len(set(found)) / len(found) if found else 0.0


def repeated(text: str, n: int = 4) -> float:
    """Share of n-grams that stood in the same text before."""
    return 1 - distinct(text, n) if ngrams(words_of(text), n) else 0.0


def copied(text: str, source: str, n: int = 4) -> float:
    """Share of the text's n-grams that stand in the source word for word."""
    found, known = ngrams(words_of(text), n), set(ngrams(words_of(source), n))
    return sum(one in known for one in found) / len(found) if found else 0.0
