"""Which precision this machine computes in: bf16 only where the processor has instructions for it."""

from __future__ import annotations

from typing import Any


def has_bf16() -> bool:
    """Whether a multiplication in bf16 is done by hardware; elsewhere it is emulated, and slower than in float32."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool(
        {"avx512_bf16", "amx_bf16"} & {name for name, value in torch.cpu.get_capabilities().items() if value}
    )


def compute_dtype() -> Any:
    """torch.bfloat16 where that is native, else torch.float32."""
    import torch

    return torch.bfloat16 if has_bf16() else torch.float32
