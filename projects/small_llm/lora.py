"""LoRA by hand (Hu et al. 2021, arXiv 2106.09685): a frozen W gets a trained low-rank change beside it, W + (α/r)·B·A.

Names and shapes are PEFT's, so that files and checks go both ways. DoRA, rsLoRA and embeddings are not covered.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional


class LoRALinear(nn.Module):
    """A linear layer `base` (outputs, inputs) that stays as it is, plus scaling · B · A · dropout(x)."""

    def __init__(self, base: nn.Linear, rank: int, alpha: float, dropout: float = 0.0) -> None:
        super().__init__()
        if not 0 < rank <= min(base.weight.shape):
            raise ValueError(
                f"rank {rank} does not fit a weight of {tuple(base.weight.shape)}: take 1 to its smaller side"
            )
        self.base, self.scaling, self.merged = base.requires_grad_(requires_grad=False), alpha / rank, False
        self.dropout = nn.Dropout(dropout)
        self.lora_A = nn.Parameter(torch.empty(rank, base.in_features))
        self.lora_B = nn.Parameter(
            torch.zeros(base.out_features, rank)
        )  # B·A = 0: training starts at the base model
        nn.init.kaiming_uniform_(self.lora_A, a=math.sqrt(5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.base(x)
        if self.merged:
            return out
        low = functional.linear(self.dropout(x), self.lora_A)  # (…, rank)
        return out + self.scaling * functional.linear(low, self.lora_B)

    @torch.no_grad()
    def merge(self) -> None:
        """Add the change into W: no extra work when predicting."""
        if not self.merged:
            self.base.weight += self.scaling * (self.lora_B @ self.lora_A)
            self.merged = True

    @torch.no_grad()
    def unmerge(self) -> None:
        """Take the change out again (equal to the first W up to rounding)."""
        if self.merged:
            self.base.weight -= self.scaling * (self.lora_B @ self.lora_A)
            self.merged = False


def inject(model: nn.Module, targets: Sequence[str], *, rank: int, alpha: float, dropout: float = 0.0) -> Any:
    """Freeze the model and put a LoRALinear in place of each linear layer whose last name is in `targets`."""
    model.requires_grad_(requires_grad=False)
    places = [
        (parent, name, child)
        for parent in model.modules()
        for name, child in parent.named_children()
        if name in targets and isinstance(child, nn.Linear)
    ]
    if unknown := set(targets) - {name for _, name, _ in places}:
        linear = {name.split(".")[-1] for name, one in model.named_modules() if isinstance(one, nn.Linear)}
        raise ValueError(f"no linear layer is called {sorted(unknown)}; this model has {sorted(linear)}")
    for parent, name, child in places:
        setattr(parent, name, LoRALinear(child, rank, alpha, dropout))
    return model


def lora_layers(model: nn.Module) -> Iterator[tuple[str, LoRALinear]]:
    """Name and layer, in the model's order."""
    return ((name, one) for name, one in model.named_modules() if isinstance(one, LoRALinear))


def trainable(model: nn.Module) -> list[nn.Parameter]:
    """What the optimiser may change."""
    return [one for one in model.parameters() if one.requires_grad]


def count_trainable(model: nn.Module) -> int:
    """Numbers that are trained: r · (inputs + outputs) for each layer."""
    return sum(one.numel() for one in trainable(model))
