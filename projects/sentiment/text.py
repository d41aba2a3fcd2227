"""Text before the model: cleaning, and cutting a long review. Pure; the demo uses it too."""

from __future__ import annotations

import re

_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)

MAX_TOKENS = 256
LABELS = ("negative", "positive")


def clean(text: str) -> str:
    """HTML line breaks and runs of white space become one space."""
    return " ".join(_BREAK.sub(" ", text).split())


def cut_middle(ids: list[int], room: int, head: float = 1 / 3) -> list[int]:
    """At most `room` token ids: a third from the start and the rest from the end.

    Reviewers tend to judge at the end; Sun et al. 2019 (section 5.3.1) found head + tail best on IMDB.
    """
    if len(ids) <= room:
        return ids
    first = int(room * head)
    return ids[:first] + ids[len(ids) - (room - first) :]


def frame(ids: list[int], cls_id: int, sep_id: int, max_tokens: int = MAX_TOKENS) -> list[int]:
    """Token ids without special tokens → [CLS] … [SEP], at most `max_tokens` long."""
    return [cls_id, *cut_middle(ids, max_tokens - 2), sep_id]
