"""Attention as in *Attention Is All You Need* (Vaswani et al. 2017), section 3.2. Knows nothing of layers or training."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


def scaled_dot_product(
    query: Tensor, key: Tensor, value: Tensor, allowed: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """softmax(Q·Kᵀ / √d)·V (equation 1): the mixed values (…, q, d) and the weights (…, q, k).

    `allowed` (broadcast to (…, q, k)) is true where a query may look; every query must be allowed one key.
    """
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    if allowed is not None:
        scores = scores.masked_fill(~allowed, float("-inf"))
    weights = scores.softmax(dim=-1)
    return weights @ value, weights


class MultiHeadAttention(nn.Module):
    """Several attentions side by side, each on a slice of the width (section 3.2.2)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"a width of {width} cannot be shared by {heads} heads: it must be a multiple")
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.weights: Tensor | None = None  # (batch, heads, q, k) of the last call, for figures

    def forward(self, asking: Tensor, asked: Tensor, allowed: Tensor | None = None) -> Tensor:
        """(batch, q, width) asks (batch, k, width); `allowed` (batch or 1, q or 1, k)."""
        query, key, value = (
            self._split(self.query(asking)),
            self._split(self.key(asked)),
            self._split(self.value(asked)),
        )
        if allowed is not None:
            allowed = allowed[:, None]  # the same for every head
        mixed, weights = scaled_dot_product(query, key, value, allowed)
        self.weights = weights.detach()
        return self.out(mixed.transpose(1, 2).flatten(2))

    def _split(self, states: Tensor) -> Tensor:
        """(batch, n, width) → (batch, heads, n, width / heads)."""
        return states.unflatten(-1, (self.heads, -1)).transpose(1, 2)


def causal(size: int) -> Tensor:
    """(1, size, size): a position may look at itself and at what came before."""
    return torch.ones(1, size, size, dtype=torch.bool).tril()


def sinusoids(length: int, width: int) -> Tensor:
    """Positions as sines and cosines of falling frequency (section 3.5): (length, width)."""
    if width % 2:
        raise ValueError(f"positions need an even width, not {width}: sines and cosines come in pairs")
    steps = torch.arange(length, dtype=torch.float32)[:, None]
    rates = torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
    table = torch.empty(length, width)
    table[:, 0::2], table[:, 1::2] = torch.sin(steps * rates), torch.cos(steps * rates)
    return table
