"""IMDB as instructions: a review in the prompt, one word for an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from projects.small_llm.held_out import ASK, VERDICTS, shorten

if TYPE_CHECKING:
    from projects.sentiment.data import Reviews

END = "<|im_end|>"


def encode(tokenizer: Any, reviews: Reviews, words: int) -> list[tuple[list[int], list[int]]]:
    """(prompt, answer) ids of each review; the answer is one word and the end of the turn.

    No reason is asked for: the data hold none, and a made-up one would teach making them up. reasons.py quotes one.
    """
    prompts = [tokenizer.encode(ASK.format(shorten(text, words))).ids for text in reviews.texts]
    answers = [tokenizer.encode(VERDICTS[label] + END).ids for label in reviews.labels]
    return list(zip(prompts, answers, strict=True))
