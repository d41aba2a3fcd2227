"""Asks a model in PyTorch for verdicts, and how surprised it is by text that it was not trained on."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from projects.small_llm.held_out import surprise

if TYPE_CHECKING:
    from verifolio.record import Run


def ask(
    model: Any, prompts: list[list[int]], verdicts: tuple[int, int], run: Run, what: str, *, before: tuple[int, ...] = ()
) -> tuple[np.ndarray, float]:  # fmt: skip
    """(n,) probability of the positive word against the negative one; share whose likeliest token is one of both.

    `before` are tokens that stand before every prompt (solved examples): their keys and values are computed once.
    """
    import torch

    model.eval()
    device = next(model.parameters()).device
    positive, parsed = [], 0
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16):
        past = (
            model.model(input_ids=torch.tensor([before], device=device)).past_key_values if before else None
        )
        for number, ids in enumerate(prompts):
            hidden = model.model(
                input_ids=torch.tensor([ids], device=device),
                past_key_values=copy.deepcopy(past),
                use_cache=past is not None,
            ).last_hidden_state
            logits = model.lm_head(hidden[0, -1]).float().cpu()
            parsed += int(logits.argmax()) in verdicts
            positive.append(float(torch.sigmoid(logits[verdicts[1]] - logits[verdicts[0]])))
            run.progress(number + 1, len(prompts), what)
    return np.array(positive), parsed / len(prompts)


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
