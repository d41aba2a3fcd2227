"""What input methods did before neural networks: counts of characters, and of pairs of them with Viterbi's search."""

from __future__ import annotations

import math
from collections import Counter, defaultdict

from projects.foundations.pinyin import Clause

START = "^"


class Readings:
    """Which characters a syllable may stand for, how often each does, and how often one follows another."""

    def __init__(self, clauses: list[Clause], weight: float = 0.95) -> None:
        self.weight = weight  # of the pair against the single character
        self.spelt: dict[str, Counter[str]] = defaultdict(Counter)
        self.single: Counter[str] = Counter()
        self.pairs: dict[str, Counter[str]] = defaultdict(Counter)
        for one in clauses:
            before = START
            for syllable, character in zip(one.syllables, one.characters, strict=True):
                self.spelt[syllable][character] += 1
                self.single[character] += 1
                self.pairs[before][character] += 1
                before = character
        self.total = self.single.total()
        self.followed = {before: counts.total() for before, counts in self.pairs.items()}

    def commonest(self, syllables: tuple[str, ...]) -> str:
        """The commonest character of each syllable, without regard to its neighbours."""
        return "".join(self.spelt[s].most_common(1)[0][0] if s in self.spelt else "？" for s in syllables)

    def viterbi(self, syllables: tuple[str, ...]) -> str:
        """The likeliest sequence under pairs: log P(c | before) + log P(syllable | c), summed."""
        best: dict[str, tuple[float, str]] = {START: (0.0, "")}
        for syllable in syllables:
            step: dict[str, tuple[float, str]] = {}
            for character, count in (self.spelt.get(syllable) or {"？": 1}).items():
                spelt = math.log(count / max(1, self.single[character]))
                step[character] = max(
                    (score + spelt + math.log(self._follows(before, character)), text + character)
                    for before, (score, text) in best.items()
                )
            best = step
        return max(best.values())[1]

    def _follows(self, before: str, character: str) -> float:
        alone = (self.single[character] + 1) / (self.total + len(self.single) + 1)
        seen = self.followed.get(before, 0)
        pair = self.pairs[before][character] / seen if seen else 0.0
        return self.weight * pair + (1 - self.weight) * alone
