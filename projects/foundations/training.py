"""Trains one Transformer on pinyin → characters and says how well it does. Knows nothing of experiments."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from projects.foundations.objective import learning_rate, make_optimizer, smoothed_loss
from projects.foundations.pinyin import Clause, Words, as_arrays
from projects.foundations.transformer import EOS, PAD, Shape, Transformer

FORCED = 512  # held-out clauses that a point of the curve rests on


@dataclass(frozen=True)
class Recipe:
    """How long and how fast; `warmup` 0 leaves the warm-up out."""

    steps: int
    batch: int
    warmup: int
    factor: float
    smoothing: float


@dataclass
class Outcome:
    """The trained model, its curve (step, loss, held-out accuracy under teacher forcing) and its time."""

    model: Transformer
    curve: list[dict[str, float]] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(frozen=True)
class Data:
    """Padded ids of both sides of the split."""

    train: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]

    @classmethod
    def of(cls, train: list[Clause], test: list[Clause], source: Words, target: Words, longest: int) -> Data:
        return cls(as_arrays(train, source, target, longest), as_arrays(test, source, target, longest))


def batches(arrays: tuple[np.ndarray, np.ndarray], size: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """For ever: clauses of one length a batch, so that nothing is computed for padding."""
    draw = np.random.default_rng(seed)
    sources, targets = arrays
    lengths = (sources != PAD).sum(1)
    while True:
        order = draw.permutation(len(sources))
        order = order[np.argsort(lengths[order], kind="stable")]
        groups = [
            rows[i : i + size] for rows in _by_length(order, lengths) for i in range(0, len(rows), size)
        ]
        for rows in (groups[i] for i in draw.permutation(len(groups))):
            n = int(lengths[rows[0]])
            yield torch.from_numpy(sources[rows, :n]), torch.from_numpy(targets[rows, : n + 2])


def train(
    shape: Shape, recipe: Recipe, data: Data, *, seed: int, every: int, say: Callable[[str], None]
) -> Outcome:
    """`recipe.steps` steps; the curve has a point every `every` steps."""
    torch.manual_seed(seed)
    model = Transformer(shape, longest=64)
    optimizer, stream = make_optimizer(model), batches(data.train, recipe.batch, seed)
    outcome, losses = Outcome(model), []
    for step in range(1, recipe.steps + 1):
        started = time.perf_counter()
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, shape.width, recipe.warmup, recipe.factor)
        source, target = next(stream)
        model.train()
        logits = model(source, target[:, :-1])
        loss = smoothed_loss(logits.flatten(0, 1), target[:, 1:].flatten(), recipe.smoothing)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        outcome.seconds += time.perf_counter() - started
        losses.append(loss.item())
        if step % every == 0 or step == recipe.steps:
            point = {"step": step, "loss": float(np.mean(losses)), **forced_accuracy(model, data.test)}
            losses.clear()
            outcome.curve.append(point)
            say(
                f"step {step}: loss {point['loss']:.3f}, held-out {point['accuracy']:.3f}, {outcome.seconds:.0f} s"
            )
    return outcome


@torch.no_grad()
def forced_accuracy(model: Transformer, arrays: tuple[np.ndarray, np.ndarray]) -> dict[str, float]:
    """Share of characters guessed right, each after the right ones before it, with its 95 % interval."""
    model.eval()
    source, target = (torch.from_numpy(array[:FORCED]) for array in arrays)
    best, wanted = model(source, target[:, :-1]).argmax(-1), target[:, 1:]
    characters = (wanted != PAD) & (wanted != EOS)
    right = ((best == wanted) & characters).sum(1).numpy()
    share, (low, high) = share_of(right, characters.sum(1).numpy())
    return {"accuracy": share, "low": low, "high": high}


def share_of(right: np.ndarray, total: np.ndarray, rounds: int = 1000) -> tuple[float, tuple[float, float]]:
    """Characters right of all, and its 95 % interval by drawing whole clauses again (bootstrap)."""
    draw = np.random.default_rng(0).integers(0, len(right), (rounds, len(right)))
    low, high = np.percentile(right[draw].sum(1) / total[draw].sum(1), [2.5, 97.5])
    return float(right.sum() / total.sum()), (float(low), float(high))


def write_all(
    model: Transformer, clauses: list[Clause], source: Words, target: Words, batch: int = 256
) -> list[str]:
    """What the model writes for each clause, greedily; as many characters as it likes, up to the syllables."""
    model.eval()
    found = [""] * len(clauses)
    order = sorted(range(len(clauses)), key=lambda i: len(clauses[i].syllables))
    for start in range(0, len(order), batch):
        rows = order[start : start + batch]
        longest = max(len(clauses[i].syllables) for i in rows)
        sources, _ = as_arrays([clauses[i] for i in rows], source, target, longest)
        for i, ids in zip(rows, model.greedy(torch.from_numpy(sources), longest + 1).tolist(), strict=True):
            found[i] = "".join("？" if n < 4 else target.words[n] for n in ids if n != PAD)
    return found


def right_characters(written: str, clause: Clause) -> int:
    """Characters that are right in their place."""
    return sum(a == b for a, b in zip(written, clause.characters, strict=False))


def _by_length(order: np.ndarray, lengths: np.ndarray) -> list[np.ndarray]:
    edges = np.flatnonzero(np.diff(lengths[order])) + 1
    return np.split(order, edges)
