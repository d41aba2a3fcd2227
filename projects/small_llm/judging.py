"""Asks a model in PyTorch for verdicts, and how surprised it is by text that it was not trained on."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from projects.small_llm.held_out import surprise

if TYPE_CHECKING:
    from verifolio.record import Run


def ask(
    model: Any, prompts: list[list[int]], verdicts: tuple[int, int], run: Run, what: str, *,
    before: tuple[int, ...] = (), batch: int = 16,
) -> tuple[np.ndarray, float]:  # fmt: skip
    """(n,) probability of the positive word against the negative one; share whose likeliest token is one of both.

    `before` are tokens that stand before every prompt (solved examples): their keys and values are computed once.
    Prompts are padded on the right, where a causal model's earlier positions cannot see it.
    """
    import torch

    model.eval()
    device = next(model.parameters()).device
    order = sorted(range(len(prompts)), key=lambda number: len(prompts[number]))
    positive, parsed = np.zeros(len(prompts)), 0
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16):
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
    import torch

    model.eval()
    device = next(model.parameters()).device
    nats = []
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16):
        for ids in texts:
            logits = model(input_ids=torch.tensor([ids], device=device)).logits[0].float().cpu().numpy()
            nats.append(surprise(logits, ids))
    return float(np.exp(np.concatenate(nats).mean()))
