"""Text → the ids that e5 reads, with only the pieces that Chinese and English text can need.

The reader's browser does the same (demos/rag_bot/browser/e5.js). Pieces of other scripts, and of words with accents,
are left out: they are more than half of the 250,000, and a text without such letters is cut as with all of them.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from projects.rag.e5_file import Encoder

KEPT = re.compile(
    r"[\x20-\x7e▁\u00a0-\u00bf×÷\u2000-\u206f\u20a0-\u20bf\u3000-\u303f\u3400-\u9fff\uff00-\uffef\U00020000-\U0003ffff]+"
)
SPACE = "▁"
SPECIAL = 4  # the first ids: begin, padding, end, unknown
UNKNOWN_BELOW = 10.0  # what an unknown letter scores below the rarest piece


def choose_rows(encoder: Encoder) -> np.ndarray:
    """Ids of the pieces to keep, the special ones first."""
    return np.array([at for at, piece in enumerate(encoder.pieces) if at < SPECIAL or KEPT.fullmatch(piece)])


def tokenizer_json(encoder: Encoder, rows: np.ndarray) -> dict[str, Any]:
    """What cutting a text takes, as plain JSON; scores in float32's shortest digits."""
    pieces = [encoder.pieces[at] for at in rows]
    letters = set("".join(pieces[SPECIAL:]).replace(SPACE, " "))
    normal = {one: other for one, other in encoder.normal.items() if set(other) <= letters}
    return {
        "begin": int(encoder.begin), "end": int(encoder.end), "unknown": int(encoder.unknown),
        "unknown_score": float(encoder.scores.min()) - UNKNOWN_BELOW, "longest": encoder.longest,
        "pieces": pieces, "scores": [float(str(encoder.scores[at])) for at in rows], "normal": normal,
    }  # fmt: skip


class Tokenizer:
    """Unigram (Kudo 2018): of all ways to cut a text the one whose pieces score most together."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.told = told
        pairs = zip(told["pieces"], told["scores"], strict=True)
        self._known = {piece: (at, score) for at, (piece, score) in enumerate(pairs) if at >= SPECIAL}
        self._most = max(map(len, self._known))

    def ids(self, text: str) -> list[int]:
        """Ids with both ends, at most `longest`; a longer text loses its end."""
        normal = self.told["normal"]
        text = re.sub(" {2,}", " ", "".join(normal.get(one, one) for one in text))
        text = (text if text.startswith(" ") else f" {text}").replace(" ", SPACE)
        best, came = [0.0] + [-1e30] * len(text), [(0, 0)] * (len(text) + 1)
        for start in range(len(text)):
            for end in range(start + 1, min(len(text), start + self._most) + 1):
                found = self._known.get(text[start:end])
                if found and best[start] + found[1] > best[end]:
                    best[end], came[end] = best[start] + found[1], (start, found[0])
            if best[start] + self.told["unknown_score"] > best[start + 1]:
                best[start + 1] = best[start] + self.told["unknown_score"]
                came[start + 1] = (start, self.told["unknown"])
        back, at = [], len(text)
        while at:
            at, one = came[at]
            back.append(one)
        inside = back[::-1][: self.told["longest"] - 2]
        return [self.told["begin"], *inside, self.told["end"]]
