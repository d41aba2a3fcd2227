"""The encoder-decoder Transformer of Vaswani et al. 2017, section 3; normalisation after each sublayer, as printed there."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from projects.foundations.attention import MultiHeadAttention, causal, sinusoids

PAD, BOS, EOS = 0, 1, 2


@dataclass(frozen=True)
class Shape:
    """Sizes of a model; the paper's base model is 512, 8, 2048, 6."""

    source_words: int
    target_words: int
    width: int = 128
    heads: int = 4
    inner: int = 512
    layers: int = 2
    dropout: float = 0.1
    positions: bool = True


class FeedForward(nn.Sequential):
    """Two linear maps with a ReLU between, the same at each position (equation 2)."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__(nn.Linear(width, inner), nn.ReLU(), nn.Linear(inner, width))


class Residual(nn.Module):
    """LayerNorm(x + dropout(sublayer(x))), section 3.1."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.norm, self.dropout = nn.LayerNorm(width), nn.Dropout(dropout)

    def forward(self, states: Tensor, change: Tensor) -> Tensor:
        return self.norm(states + self.dropout(change))


class EncoderLayer(nn.Module):
    """Each position looks at all others, then thinks for itself."""

    def __init__(self, width: int, heads: int, inner: int, dropout: float) -> None:
        super().__init__()
        self.attention, self.feed_forward = MultiHeadAttention(width, heads), FeedForward(width, inner)
        self.after_attention, self.after_feed_forward = Residual(width, dropout), Residual(width, dropout)

    def forward(self, states: Tensor, allowed: Tensor | None = None) -> Tensor:
        states = self.after_attention(states, self.attention(states, states, allowed))
        return self.after_feed_forward(states, self.feed_forward(states))


class DecoderLayer(nn.Module):
    """As the encoder's, but blind to what comes later, and with a look at the encoder's output between."""

    def __init__(self, width: int, heads: int, inner: int, dropout: float) -> None:
        super().__init__()
        self.attention, self.cross = MultiHeadAttention(width, heads), MultiHeadAttention(width, heads)
        self.feed_forward = FeedForward(width, inner)
        self.after_attention, self.after_cross = Residual(width, dropout), Residual(width, dropout)
        self.after_feed_forward = Residual(width, dropout)

    def forward(
        self, states: Tensor, memory: Tensor, allowed: Tensor, memory_allowed: Tensor | None = None
    ) -> Tensor:
        states = self.after_attention(states, self.attention(states, states, allowed))
        states = self.after_cross(states, self.cross(states, memory, memory_allowed))
        return self.after_feed_forward(states, self.feed_forward(states))


class Transformer(nn.Module):
    """Token ids in, logits of the next target token out. Id 0 is padding."""

    def __init__(self, shape: Shape, longest: int = 512) -> None:
        super().__init__()
        self.shape = shape
        sizes = (shape.width, shape.heads, shape.inner, shape.dropout)
        self.source, self.target = (
            nn.Embedding(n, shape.width) for n in (shape.source_words, shape.target_words)
        )
        self.encoder = nn.ModuleList(EncoderLayer(*sizes) for _ in range(shape.layers))
        self.decoder = nn.ModuleList(DecoderLayer(*sizes) for _ in range(shape.layers))
        self.dropout, self.head = (
            nn.Dropout(shape.dropout),
            nn.Linear(shape.width, shape.target_words, bias=False),
        )
        self.head.weight = self.target.weight  # shared, section 3.4
        self.register_buffer("table", sinusoids(longest, shape.width), persistent=False)
        for embedding in (self.source, self.target):
            nn.init.normal_(embedding.weight, std=shape.width**-0.5)

    def embed(self, embedding: nn.Embedding, ids: Tensor) -> Tensor:
        """Vectors times √width plus positions (sections 3.4 and 3.5): (batch, n, width)."""
        if ids.shape[1] > len(self.table):
            raise ValueError(
                f"{ids.shape[1]} tokens, but the model was built for {len(self.table)} positions"
            )
        states = embedding(ids) * math.sqrt(self.shape.width)
        if self.shape.positions:
            states = states + self.table[: ids.shape[1]]
        return self.dropout(states)

    def encode(self, source: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, n) ids → states (batch, n, width), and where there is no padding (batch, 1, n)."""
        allowed = (source != PAD)[:, None]
        states = self.embed(self.source, source)
        for layer in self.encoder:
            states = layer(states, allowed)
        return states, allowed

    def decode(self, target: Tensor, memory: Tensor, memory_allowed: Tensor) -> Tensor:
        """(batch, m) ids → logits (batch, m, target words); padding must come last."""
        states, allowed = self.embed(self.target, target), causal(target.shape[1])
        for layer in self.decoder:
            states = layer(states, memory, allowed, memory_allowed)
        return self.head(states)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        return self.decode(target, *self.encode(source))

    @torch.no_grad()
    def greedy(self, source: Tensor, longest: int) -> Tensor:
        """The likeliest token again and again until EOS: (batch, ≤ longest) ids, padded after EOS."""
        memory = self.encode(source)
        found = torch.full((len(source), 1), BOS)
        done = torch.zeros(len(source), dtype=torch.bool)
        for _ in range(longest):
            best = self.decode(found, *memory)[:, -1].argmax(-1).masked_fill(done, PAD)
            found = torch.cat([found, best[:, None]], dim=1)
            done |= best == EOS
            if done.all():
                break
        return found[:, 1:].masked_fill(found[:, 1:] == EOS, PAD)
