"""What every precision is measured on: prompts, held-out reviews as text to predict, and as a task to solve.

All of it reaches a model as token ids that llama.cpp's tokenizer makes once, so that no runtime sees other input.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

QUESTIONS = [
    "What is the capital of France?",
    "Write a short poem about rain.",
    "Explain what a compiler does, in two sentences.",
    "List three things to pack for a week in the mountains.",
    "Why is the sky blue?",
    "Write a Python function that returns the larger of two numbers.",
    "Translate into French: Good morning, my friend.",
    "Is this review positive or negative? 'Two hours I will never get back.'",
]
VERDICTS = ("Negative", "Positive")  # the first token of the answer, by label
ASK = "<|im_start|>user\nFilm review: {}\n\nIs this review positive or negative? Answer with one word.<|im_end|>\n<|im_start|>assistant\n"
CHAT = "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"


@dataclass(frozen=True)
class HeldOut:
    """Token ids: texts to predict, prompts that end where the verdict begins, the labels, the two verdicts' ids."""

    texts: list[list[int]]
    prompts: list[list[int]]
    labels: list[int]
    verdicts: tuple[int, int]


def load_held_out(
    imdb: Path,
    tokenise: Callable[[str], list[int]],
    *,
    texts: int,
    length: int,
    reviews: int,
    words: int,
    seed: int,
) -> HeldOut:
    """`texts` held-out reviews cut to `length` tokens, and `reviews` others cut to their first and last words."""
    from projects.sentiment.data import load_split, sample

    test = load_split(imdb).test
    chosen = sample(test, 2 * (reviews // 2) + 40 * texts, seed=seed)
    task, rest = chosen.texts[:reviews], chosen.texts[reviews:]
    long = [ids[:length] for text in rest if len(ids := tokenise(text)) >= length]
    negative, positive = (tokenise(word)[0] for word in VERDICTS)
    return HeldOut(
        long[:texts],
        [tokenise(ASK.format(shorten(text, words))) for text in task],
        [int(label) for label in chosen.labels[:reviews]],
        (negative, positive),
    )


def shorten(text: str, words: int) -> str:
    """The first third and the last two thirds of so many words: reviewers sum up at the end."""
    parts = text.split()
    if len(parts) <= words:
        return text
    return " ".join([*parts[: words // 3], "…", *parts[len(parts) - (words - words // 3) :]])


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """(n, vocabulary) logits → log-probabilities."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    found: np.ndarray = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return found


def surprise(logits: np.ndarray, ids: list[int]) -> np.ndarray:
    """(n - 1,) nats by which each token but the first surprised the model; `logits` (n, vocabulary)."""
    found: np.ndarray = -log_softmax(logits[:-1])[np.arange(len(ids) - 1), ids[1:]]
    return found


def divergence(reference: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """(n,) Kullback–Leibler divergence of each position in nats: what is lost by believing `logits`."""
    true, believed = log_softmax(reference), log_softmax(logits)
    found: np.ndarray = (np.exp(true) * (true - believed)).sum(axis=-1)
    return found
