"""IMDB as instructions: the question, the answer, and a reason that is a sentence of the review itself.

The data hold no reasons. The sentence that the sentiment project's classifier finds strongest for the true verdict
stands in for one: a quotation, so nothing is made up, but its choice is the classifier's and no person's.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from projects.small_llm.held_out import ASK, VERDICTS, shorten

if TYPE_CHECKING:
    from projects.sentiment.data import Reviews
    from projects.sentiment.inference import Classifier

END = "<|im_end|>"
QUOTE = "Answer with one word, then quote the sentence that shows it best."
ASK_WHY = ASK.replace("Answer with one word.", QUOTE)
Example = tuple[list[int], list[int]]


def encode(tokenizer: Any, reviews: Reviews, words: int) -> list[Example]:
    """(prompt, answer) ids of each review; the answer is one word and the end of the turn."""
    prompts = [tokenizer.encode(ASK.format(shorten(text, words))).ids for text in reviews.texts]
    answers = [tokenizer.encode(VERDICTS[label] + END).ids for label in reviews.labels]
    return list(zip(prompts, answers, strict=True))


def encode_reasons(tokenizer: Any, reviews: Reviews, words: int, classifier: Classifier) -> list[Example]:
    """(prompt, answer) ids of the reviews that hold a sentence fit to quote; the answer is `Negative: “…”`."""
    found = []
    for text, label in zip(reviews.texts, reviews.labels, strict=True):
        short = shorten(text, words)
        if (reason := strongest_sentence(short, int(label), classifier)) is None:
            continue
        prompt = tokenizer.encode(ASK_WHY.format(short)).ids
        found.append((prompt, tokenizer.encode(f"{VERDICTS[label]}: “{reason}”{END}").ids))
    return found


def strongest_sentence(text: str, label: int, classifier: Classifier) -> str | None:
    """The sentence with the largest margin for `label`; none where no sentence speaks for it."""
    if not (sentences := sentences_of(text)):
        return None
    margins = [
        (positive - negative) * (1 if label else -1) for negative, positive in classifier.logits(sentences)
    ]
    best = int(np.argmax(margins))
    return sentences[best] if margins[best] > 0 else None


def sentences_of(text: str, *, shortest: int = 4, longest: int = 24) -> list[str]:
    """Whole sentences of 4 to 24 words; those that `shorten` has cut are left out."""
    parts = [one.strip() for one in re.split(r"(?<=[.!?])\s+", text)]
    whole = [one for one in parts if one[-1:] in ".!?" and "…" not in one and "“" not in one]
    return [one for one in whole if shortest <= len(one.split()) <= longest]


def few_shot(reviews: Reviews, words: int) -> str:
    """Solved examples as earlier turns of the conversation, to stand before the question."""
    pairs = zip(reviews.texts, reviews.labels, strict=True)
    return "".join(f"{ASK.format(shorten(text, words))}{VERDICTS[label]}{END}\n" for text, label in pairs)


def read_answer(answer: str) -> tuple[int | None, str]:
    """(label or none, the sentence quoted or "") from an answer's words."""
    word = answer.strip().partition(":")[0].strip(" .\n").capitalize()
    label = VERDICTS.index(word) if word in VERDICTS else None
    quoted = re.search(r"“(.+?)(?:”|$)", answer, re.DOTALL)
    return label, quoted[1].strip() if quoted else ""
