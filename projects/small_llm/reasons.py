"""A verdict on a film review with its reason: the sentence of the review that speaks most for the verdict.

A reason is quoted, never written. IMDB holds no reasons, and one that the model made up would prove nothing; a
quotation can be looked up. How much of a reason it is, `faithful.py` measures. Needs xllamacpp and numpy, no torch.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from projects.chat.errors import ChatError, ModelFileError, PromptTooLong
from projects.rag.wording import sentences
from projects.small_llm.held_out import ASK, VERDICTS
from projects.small_llm.llamacpp import NativeModel

Margin = Callable[[str], float]  # a text → logit of Positive minus logit of Negative
MARKERS = ("<|im_start|>", "<|im_end|>", "<|endoftext|>")


class ReviewError(ChatError):
    """A text on which there is nothing to judge."""


@dataclass(frozen=True)
class Sentence:
    """The sentence `review[start:end]`, and the margin that the model gives it alone."""

    start: int
    end: int
    margin: float

    def quoted(self, review: str) -> str:
        """The sentence's own characters."""
        return review[self.start : self.end]


@dataclass(frozen=True)
class Verdict:
    """0 negative or 1 positive, the review's margin, its sentences, and which of them speaks most for the verdict."""

    label: int
    margin: float
    sentences: tuple[Sentence, ...]
    best: int

    @property
    def word(self) -> str:
        """The verdict as the model says it."""
        return VERDICTS[self.label]

    @property
    def reason(self) -> Sentence | None:
        """None where the review is a single sentence, or where each of its sentences, alone, speaks against the verdict."""
        one = self.sentences[self.best]
        return one if len(self.sentences) > 1 and self.support(one.margin) > 0 else None

    def support(self, margin: float) -> float:
        """How far a margin speaks for this verdict; negative: against it."""
        return margin if self.label else -margin


def judge_with_reason(review: str, margin: Margin) -> Verdict:
    """Judge the whole, then each sentence alone; of equal sentences the first is the reason."""
    places = places_of(review)
    whole = margin(review)
    label = int(whole >= 0)
    found = tuple(Sentence(start, end, margin(review[start:end])) for start, end in places)
    best = max(range(len(found)), key=lambda at: found[at].margin if label else -found[at].margin)
    return Verdict(label, whole, found, best)


def places_of(review: str) -> list[tuple[int, int]]:
    """Where each sentence with a letter or digit in it stands in the review; no such sentence is an error."""
    places, at = [], 0
    for one in sentences(review):
        start = review.index(one, at)
        at = start + len(one)
        if any(character.isalnum() for character in one):
            places.append((start, at))
    if not places:
        raise ReviewError("the review is empty: expected at least one sentence with a word in it")
    return places


def without(review: str, sentence: Sentence) -> str:
    """The review with one sentence taken out."""
    return f"{review[: sentence.start].rstrip()} {review[sentence.end :].lstrip()}".strip()


class Judge:
    """The published model in this process; `close` it, or use it in a `with`."""

    def __init__(self, path: Path, *, context: int = 2048, threads: int = 0) -> None:
        if not path.is_file():
            raise ModelFileError(f"{path} is missing: make it with `verifolio derive small_llm.export`")
        self._model = NativeModel(path, context=context, threads=threads or min(2, os.cpu_count() or 1))
        self._negative, self._positive = (self._model.tokenise(word)[0] for word in VERDICTS)

    def __enter__(self) -> Judge:
        return self

    def __exit__(self, *_: object) -> None:
        self._model.close()

    def margin(self, review: str) -> float:
        """Logit of Positive minus logit of Negative after the question of the training; no answer is written."""
        if marker := next((one for one in MARKERS if one in review), None):
            raise ReviewError(f"the review holds {marker}, which is the chat format's own: take it out")
        ids = self._model.tokenise(ASK.format(review))
        if len(ids) > self._model.context:
            raise PromptTooLong(
                f"the review is too long: {len(ids)} tokens with the question, the context holds {self._model.context}"
            )
        logits = self._model.last_logits(ids)
        return float(logits[self._positive] - logits[self._negative])
