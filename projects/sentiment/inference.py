"""The published classifier, light: onnxruntime and tokenizers, no torch. Importing loads nothing.

Shared by the Gradio demo, the Streamlit page and the measurements of the export.
"""

from __future__ import annotations

import functools
import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from projects.sentiment.text import LABELS, MAX_TOKENS, clean, frame

MODEL, TOKENIZER, CARD = "classifier.onnx", "tokenizer.json", "classifier.json"


@dataclass(frozen=True)
class Verdict:
    """A label with its probability and both logits (negative, positive)."""

    label: str
    probability: float
    logits: tuple[float, float]

    @property
    def positive(self) -> float:
        """Probability of the positive class."""
        return self.probability if self.label == LABELS[1] else 1 - self.probability


@dataclass(frozen=True)
class WordEffect:
    """How far a word pushes towards positive (> 0) or negative (< 0), in logits; `start`, `end` in the text."""

    word: str
    start: int
    end: int
    effect: float


class Classifier:
    """An ONNX session and its tokenizer, from a folder with classifier.onnx and tokenizer.json."""

    def __init__(self, folder: Path, model: str = MODEL) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            str(folder / model), options, providers=["CPUExecutionProvider"]
        )
        self._tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        card = folder / CARD
        self.max_tokens = json.loads(card.read_text())["max_tokens"] if card.exists() else MAX_TOKENS

    def logits(self, texts: list[str]) -> list[tuple[float, float]]:
        """Negative and positive logit of each text, one padded batch."""
        import numpy as np

        cls_id, sep_id = (self._tokenizer.token_to_id(token) for token in ("[CLS]", "[SEP]"))
        encoded = self._tokenizer.encode_batch([clean(t) for t in texts], add_special_tokens=False)
        ids = [frame(one.ids, cls_id, sep_id, self.max_tokens) for one in encoded]
        longest = max(map(len, ids))
        tokens = np.zeros((len(ids), longest), dtype=np.int64)
        mask = np.zeros((len(ids), longest), dtype=np.int64)
        for row, one in enumerate(ids):
            tokens[row, : len(one)] = one
            mask[row, : len(one)] = 1
        (found,) = self._session.run(None, {"input_ids": tokens, "attention_mask": mask})
        return [(float(a), float(b)) for a, b in found]

    def classify(self, text: str) -> Verdict:
        """Label, probability and logits of one text."""
        return verdict(self.logits([text])[0])

    def word_effects(self, text: str, *, most: int = 80, batch: int = 16) -> list[WordEffect]:
        """Leave out each word in turn and see what the margin loses (occlusion, Zeiler & Fergus 2014).

        At most `most` words, from both ends of the text as the classifier reads it.
        """
        text = clean(text)
        words = list(re.finditer(r"\w+(?:['’-]\w+)*", text))
        if len(words) > most:
            words = [*words[: most // 3], *words[len(words) - (most - most // 3) :]]
        if not words:
            return []
        whole = margin(self.logits([text])[0])
        without = [text[: one.start()] + text[one.end() :] for one in words]
        margins: list[float] = []
        for first in range(0, len(without), batch):
            margins += [margin(pair) for pair in self.logits(without[first : first + batch])]
        return [
            WordEffect(one.group(), one.start(), one.end(), whole - left)
            for one, left in zip(words, margins, strict=True)
        ]


@functools.lru_cache(maxsize=2)
def load_classifier(folder: Path) -> Classifier:
    """The classifier in `folder` (build/derived/sentiment), loaded once."""
    if not (folder / MODEL).is_file():
        raise FileNotFoundError(f"{folder / MODEL} is missing: make it with `verifolio run`")
    return Classifier(folder)


def verdict(logits: tuple[float, float]) -> Verdict:
    """Logits → label and probability (softmax of two)."""
    positive = 1 / (1 + math.exp(min(700.0, logits[0] - logits[1])))
    label = LABELS[1] if positive >= 0.5 else LABELS[0]
    return Verdict(label, max(positive, 1 - positive), logits)


def margin(logits: tuple[float, float] | Any) -> float:
    """Positive minus negative logit."""
    return float(logits[1] - logits[0])
