"""Asks a model in PyTorch for verdicts, solved examples before the question or not, in the precision of the machine."""

from __future__ import annotations

import copy
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from projects.small_llm.held_out import ASK, VERDICTS, shorten, surprise
from projects.small_llm.precision import has_bf16
from projects.small_llm.verdicts import END

if TYPE_CHECKING:
    from projects.sentiment.data import Reviews
    from verifolio.record import Run


def few_shot(reviews: Reviews, words: int) -> str:
    """Solved examples as earlier turns of the conversation, to stand before the question."""
    pairs = zip(reviews.texts, reviews.labels, strict=True)
    return "".join(f"{ASK.format(shorten(text, words))}{VERDICTS[label]}{END}\n" for text, label in pairs)


def judge(
    model: Any, prompts: list[list[int]], verdicts: tuple[int, int], run: Run, what: str, *,
    before: tuple[int, ...] = (), batch: int = 8,
) -> tuple[np.ndarray, float]:  # fmt: skip
    """(n,) probability of the positive word against the negative one; share whose likeliest token is one of both.

    `before` are tokens that stand before every prompt: their keys and values are computed once. Prompts are padded on
    the right, where a causal model's earlier positions cannot see it.
    """
    import torch

    model.eval()
    device = next(model.parameters()).device
    order = sorted(range(len(prompts)), key=lambda number: len(prompts[number]))
    positive, parsed = np.zeros(len(prompts)), 0
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16) if has_bf16() else nullcontext():
        past = (
            model.model(input_ids=torch.tensor([before], device=device)).past_key_values if before else None
        )
        for first in range(0, len(order), batch):
            rows = order[first : first + batch]
            longest = max(len(prompts[row]) for row in rows)
            ids = [prompts[row] + [0] * (longest - len(prompts[row])) for row in rows]
            shared = copy.deepcopy(past)
            if shared is not None:
                shared.batch_repeat_interleave(len(rows))
            hidden = model.model(
                input_ids=torch.tensor(ids, device=device), past_key_values=shared, use_cache=past is not None
            ).last_hidden_state
            ends = torch.tensor([len(prompts[row]) - 1 for row in rows], device=device)
            logits = model.lm_head(hidden[torch.arange(len(rows), device=device), ends]).float().cpu()
            parsed += sum(int(one) in verdicts for one in logits.argmax(dim=-1))
            positive[rows] = torch.sigmoid(logits[:, verdicts[1]] - logits[:, verdicts[0]]).numpy()
            run.progress(first + len(rows), len(prompts), what)
    return positive, parsed / len(prompts)


def perplexity(model: Any, texts: list[list[int]]) -> float:
    """exp of the mean surprise in nats over all positions of all texts."""
    from projects.small_llm.reference import logits_of

    return float(np.exp(np.concatenate([surprise(logits_of(model, ids), ids) for ids in texts]).mean()))
