"""Byte-pair encoding by hand (Sennrich et al. 2016), on bytes as in GPT-2: training, encoding, decoding.

Ties between equally frequent pairs go to the pair of lowest ids, as in the `tokenizers` library, so that
both learn the same merges from the same text.
"""

from __future__ import annotations

import heapq
import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Iterable

Pair = tuple[int, int]
WORD = re.compile(r" ?[^\W\d_]+| ?\d+| ?(?:[^\s\w]|_)+|\s+")  # a word keeps the space before it
_PRINTED = [*range(33, 127), *range(161, 173), *range(174, 256)]
BYTES = [*_PRINTED, *sorted(set(range(256)) - set(_PRINTED))]  # GPT-2 numbers the printable bytes first
_ID = {byte: number for number, byte in enumerate(BYTES)}


def split_words(text: str) -> list[str]:
    """Pieces over whose borders nothing is merged; together they are the text again."""
    return WORD.findall(text)


def to_ids(word: str) -> list[int]:
    """The bytes of a word as the first 256 ids."""
    return [_ID[byte] for byte in word.encode()]


def learn_merges(texts: Iterable[str], count: int) -> list[Pair]:
    """The `count` pairs that are most frequent, each after the merges before it; fewer if none is left twice."""
    if count < 0:
        raise ValueError(f"the number of merges cannot be negative: {count}")
    counts = Counter(word for text in texts for word in split_words(text))
    words, times = [to_ids(word) for word in counts], list(counts.values())
    pairs: Counter[Pair] = Counter()
    where: dict[Pair, set[int]] = defaultdict(set)
    for number, word in enumerate(words):
        for pair in itertools.pairwise(word):
            pairs[pair] += times[number]
            where[pair].add(number)
    queue = [(-total, pair) for pair, total in pairs.items()]
    heapq.heapify(queue)
    merges: list[Pair] = []
    while queue and len(merges) < count:
        total, pair = heapq.heappop(queue)
        if -total != pairs[pair]:  # an old count: put back with the true one
            if pairs[pair] > 0:
                heapq.heappush(queue, (-pairs[pair], pair))
            continue
        changed = _apply(pair, len(BYTES) + len(merges), words, times, pairs, where)
        merges.append(pair)
        for new in changed:
            heapq.heappush(queue, (-pairs[new], new))
    return merges


def _apply(
    pair: Pair,
    token: int,
    words: list[list[int]],
    times: list[int],
    pairs: Counter[Pair],
    where: dict[Pair, set[int]],
) -> set[Pair]:
    """Merge `pair` into `token` in every word that holds it; says which pairs are new."""
    new: set[Pair] = set()
    for number in where.pop(pair):
        before = words[number]
        after = merge(before, pair, token)
        words[number] = after
        for old in itertools.pairwise(before):
            pairs[old] -= times[number]
        for now in itertools.pairwise(after):
            pairs[now] += times[number]
            where[now].add(number)
            if token in now:
                new.add(now)
    pairs.pop(pair, None)
    return new


def merge(ids: list[int], pair: Pair, token: int) -> list[int]:
    """Every `pair` in `ids`, from the left, becomes `token`."""
    merged, position = [], 0
    while position < len(ids):
        if tuple(ids[position : position + 2]) == pair:
            merged.append(token)
            position += 2
        else:
            merged.append(ids[position])
            position += 1
    return merged


class BPE:
    """Encodes and decodes with learned merges. Token 256 + n is the n-th merge."""

    def __init__(self, merges: list[Pair]) -> None:
        self.rank = {pair: number for number, pair in enumerate(merges)}
        self.tokens = [bytes([byte]) for byte in BYTES]
        for number, (first, second) in enumerate(merges):
            if max(first, second) >= len(self.tokens):
                raise ValueError(f"merge {number} uses token {max(first, second)}, which does not exist yet")
            self.tokens.append(self.tokens[first] + self.tokens[second])

    def encode(self, text: str) -> list[int]:
        """Token ids. What was never merged stays bytes, so nothing is unknown."""
        return [token for word in split_words(text) for token in self._encode_word(to_ids(word))]

    def _encode_word(self, ids: list[int]) -> list[int]:
        while len(ids) > 1:
            pair = min(itertools.pairwise(ids), key=lambda one: self.rank.get(one, len(self.rank)))
            if pair not in self.rank:
                break
            ids = merge(ids, pair, len(BYTES) + self.rank[pair])
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """The text again; bytes that are no UTF-8 become �."""
        return b"".join(self.tokens[token] for token in ids).decode("utf-8", errors="replace")
