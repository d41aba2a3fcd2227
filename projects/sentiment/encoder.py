"""The encoder: loading it, turning reviews into token ids, fast arithmetic on a CPU, predicting."""

from __future__ import annotations

import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from projects.sentiment.text import frame

ATTENTION = "sdpa_fp32"


def load_encoder(path: Path, *, fast: bool = True, seed: int = 0) -> Any:
    """The pretrained encoder with a fresh two-class head (`AutoModelForSequenceClassification`)."""
    import torch
    from transformers import AutoModelForSequenceClassification, set_seed
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    if fast:
        register_attention()
    set_seed(seed)
    return AutoModelForSequenceClassification.from_pretrained(
        str(path), num_labels=2, dtype=torch.float32, attn_implementation=ATTENTION if fast else "sdpa"
    )


def encode_reviews(path: Path, texts: list[str], max_tokens: int) -> list[list[int]]:
    """Token ids of each text, [CLS] … [SEP], long ones without their middle."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    cls_id, sep_id = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
    encoded = tokenizer.encode_batch(texts, add_special_tokens=False)
    return [frame(one.ids, cls_id, sep_id, max_tokens) for one in encoded]


def pad(ids: list[list[int]]) -> tuple[Any, Any]:
    """Input ids and attention mask, both (batch, longest)."""
    import torch

    longest = max(map(len, ids))
    tokens = torch.zeros((len(ids), longest), dtype=torch.long)
    mask = torch.zeros((len(ids), longest), dtype=torch.long)
    for row, one in enumerate(ids):
        tokens[row, : len(one)] = torch.tensor(one)
        mask[row, : len(one)] = 1
    return tokens, mask


def predict(
    model: Any,
    ids: list[list[int]],
    *,
    budget: int = 8192,
    tell: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Logits (n, 2) in the order of `ids`; batches of like length, at most `budget` tokens each."""
    import torch

    model.eval()
    device = next(model.parameters()).device
    logits = np.zeros((len(ids), 2))
    order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    done = 0
    with torch.no_grad():
        while done < len(order):
            size = 1
            while done + size < len(order) and (size + 1) * len(ids[order[done + size]]) <= budget:
                size += 1
            batch = order[done : done + size]
            tokens, mask = pad([ids[i] for i in batch])
            found = model(input_ids=tokens.to(device), attention_mask=mask.to(device)).logits
            logits[batch] = found.float().cpu().numpy()
            done += size
            if tell:
                tell(done, len(order))
    return logits


def positive_share(logits: np.ndarray) -> np.ndarray:
    """(n, 2) logits → (n,) probability of the positive class."""
    return 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))


def register_attention() -> None:
    """Attention that works in fp32 within a bf16 model.

    PyTorch's CPU kernel for the backward pass is about twice as slow in bf16 as in fp32, and fp32
    keeps the scores exact; the cast back costs little.
    """
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.integrations.sdpa_attention import sdpa_attention_forward
    from transformers.masking_utils import sdpa_mask

    def attend(module, query, key, value, attention_mask, **options):
        if attention_mask is not None and attention_mask.is_floating_point():
            attention_mask = attention_mask.float()
        mixed, weights = sdpa_attention_forward(
            module, query.float(), key.float(), value.float(), attention_mask, **options
        )
        return mixed.to(query.dtype), weights

    AttentionInterface.register(ATTENTION, attend)
    AttentionMaskInterface.register(ATTENTION, sdpa_mask)


def compute_in_bf16(model: Any, dropout: float = 0.0) -> Any:
    """Activations in bf16, parameters kept in fp32: matrix units do the work, small steps are not lost.

    A LoRA layer computes in its merged form (`MergedLinear`). The head stays in fp32. Dropout, where asked
    for, draws one mask per review and feature, which costs next to nothing. The weights of attention are not
    dropped: PyTorch's fused kernel cannot, and without it a step takes twice as long.
    """
    from peft.tuners.lora import Linear as LoraLinear
    from torch import nn

    for name, module in list(model.named_modules()):
        if isinstance(module, LoraLinear):
            module.forward = types.MethodType(_merged_lora, module)
        elif isinstance(module, nn.Linear):
            head = "classifier" in name
            module.forward = types.MethodType(_linear_fp32 if head else _linear, module)
        elif isinstance(module, nn.LayerNorm):
            module.forward = types.MethodType(_layer_norm, module)
        elif isinstance(module, nn.Embedding) and "prompt_encoder" not in name:
            module.forward = types.MethodType(_embedding, module)
        elif isinstance(module, nn.Dropout):
            module.p = 0.0 if name.endswith("attention.self.dropout") else dropout
            module.forward = types.MethodType(_shared_dropout, module)
    return model


def _merged_lora(self, x, *_args, **_kwargs):
    from projects.sentiment.lora_layer import MergedLinear

    base = self.get_base_layer()
    a, b = self.lora_A["default"].weight, self.lora_B["default"].weight
    return MergedLinear.apply(x, base.weight, base.bias, a, b, self.scaling["default"])


def _linear(self, x):
    from torch.nn import functional

    return functional.linear(x, self.weight.to(x.dtype), self.bias.to(x.dtype))


def _linear_fp32(self, x):
    from torch.nn import functional

    return functional.linear(x.float(), self.weight, self.bias)


def _layer_norm(self, x):
    from torch.nn import functional

    weight, bias = self.weight.to(x.dtype), self.bias.to(x.dtype)
    return functional.layer_norm(x, self.normalized_shape, weight, bias, self.eps)


def _embedding(self, ids):
    import torch
    from torch.nn import functional

    return functional.embedding(ids, self.weight).to(torch.bfloat16)


def _shared_dropout(self, x):
    import torch

    if not self.training or not self.p:
        return x
    shape = (x.shape[0], *[1] * (x.dim() - 2), x.shape[-1])
    kept = torch.rand(shape, device=x.device) >= self.p
    return x * (kept / (1 - self.p)).to(x.dtype)
