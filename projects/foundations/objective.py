"""What is minimised and how fast: label smoothing and the warm-up schedule (Vaswani et al. 2017, section 5)."""

from __future__ import annotations

import torch
from torch import Tensor


def smoothed_loss(logits: Tensor, target: Tensor, smoothing: float, pad: int = 0) -> Tensor:
    """Cross-entropy against a target that keeps 1 − ε and gives ε to all words alike: nats per token.

    `logits` (n, words), `target` (n,); rows whose target is `pad` do not count. As in PyTorch, the ε is
    shared by all words, the right one included (Szegedy et al. 2016).
    """
    if not 0 <= smoothing < 1:
        raise ValueError(f"smoothing is a share from 0 up to 1, not {smoothing}")
    kept = target != pad
    logs = logits[kept].log_softmax(-1)
    right = logs.gather(-1, target[kept][:, None]).squeeze(-1)
    return -((1 - smoothing) * right + smoothing * logs.mean(-1)).mean()


def learning_rate(step: int, width: int, warmup: int, factor: float = 1.0) -> float:
    """width^−½ · min(step^−½, step · warmup^−1½) (equation 3): a straight climb, then a slow descent.

    `warmup` 0 leaves the climb out. Steps count from 1.
    """
    if step < 1:
        raise ValueError(f"steps count from 1, not {step}")
    rate = step**-0.5 if warmup == 0 else min(step**-0.5, step * warmup**-1.5)
    return factor * width**-0.5 * rate


def make_optimizer(model: torch.nn.Module) -> torch.optim.Adam:
    """Adam as in section 5.3: β₂ of 0.98 forgets sooner than the usual 0.999."""
    return torch.optim.Adam(model.parameters(), lr=0.0, betas=(0.9, 0.98), eps=1e-9)
