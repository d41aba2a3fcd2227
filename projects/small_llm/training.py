"""The training loop by hand: loss on the answer alone, schedule, accumulation, clipping, bf16, exact resume."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from projects.small_llm.lora import trainable

IGNORED = -100  # a label that the loss leaves out


@dataclass(frozen=True)
class Settings:
    """How to train; `batch` examples make a forward pass, `accumulate` of them one update."""

    learning_rate: float
    steps: int
    batch: int
    accumulate: int = 1
    warmup: int = 0
    clip: float = 1.0
    bf16: bool = False
    seed: int = 0
    save_every: int = 0


def collate(examples: list[tuple[list[int], list[int]]], pad: int) -> dict[str, torch.Tensor]:
    """(prompt, answer) ids → tensors (batch, longest); labels are the answer's tokens and nothing else."""
    longest = max(len(prompt) + len(answer) for prompt, answer in examples)
    ids = torch.full((len(examples), longest), pad)
    labels, mask = torch.full_like(ids, IGNORED), torch.zeros_like(ids)
    for row, (prompt, answer) in enumerate(examples):
        start, end = len(prompt), len(prompt) + len(answer)
        ids[row, :end] = torch.tensor(prompt + answer)
        labels[row, start:end] = torch.tensor(answer)
        mask[row, :end] = 1
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def answer_loss(model: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Mean cross-entropy in nats of the answers' tokens; the vocabulary is multiplied out only where it counts."""
    hidden = model.model(
        input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]
    ).last_hidden_state
    labels = batch["labels"][:, 1:]  # position t predicts token t + 1
    counted = labels != IGNORED
    logits = model.lm_head(hidden[:, :-1][counted])  # (answer tokens, vocabulary)
    return functional.cross_entropy(logits.float(), labels[counted])


def learning_rate_at(step: int, settings: Settings) -> float:
    """Linear warm-up, then half a cosine down to zero."""
    if step < settings.warmup:
        return settings.learning_rate * (step + 1) / settings.warmup
    share = (step - settings.warmup) / max(1, settings.steps - settings.warmup)
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * share))


def train(
    model: Any, examples: list[tuple[list[int], list[int]]], settings: Settings, *, pad: int,
    checkpoint: Path | None = None, tell: Callable[[int, int, float], None] | None = None,
) -> list[float]:  # fmt: skip
    """Train in place; the loss of each update. Goes on from `checkpoint` if that file is there."""
    model.train()
    optimizer = torch.optim.AdamW(trainable(model), lr=settings.learning_rate, weight_decay=0.0)
    torch.manual_seed(settings.seed)
    losses = resume(checkpoint, model, optimizer, settings) if checkpoint and checkpoint.exists() else []
    for step in range(len(losses), settings.steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate_at(step, settings)
        losses.append(update(model, optimizer, examples, settings, step, pad))
        if tell:
            tell(step + 1, settings.steps, losses[-1])
        if checkpoint and settings.save_every and (step + 1) % settings.save_every == 0:
            save_checkpoint(checkpoint, model, optimizer, losses, settings)
    return losses


def update(model: Any, optimizer: Any, examples: list[Any], settings: Settings, step: int, pad: int) -> float:
    """One optimiser step over `accumulate` batches; returns their mean loss."""
    device, total = next(model.parameters()).device, 0.0
    for part in range(settings.accumulate):
        chosen = draw(len(examples), step * settings.accumulate + part, settings)
        batch = {name: one.to(device) for name, one in collate([examples[i] for i in chosen], pad).items()}
        with torch.autocast(device.type, torch.bfloat16) if settings.bf16 else contextlib.nullcontext():
            loss = answer_loss(model, batch) / settings.accumulate
        loss.backward()
        total += loss.item()
    torch.nn.utils.clip_grad_norm_(trainable(model), settings.clip)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return total


def draw(count: int, number: int, settings: Settings) -> list[int]:
    """Which examples batch `number` holds: a function of the seed alone, so nothing of the order needs saving."""
    first, chosen = number * settings.batch, []
    for place in range(first, first + settings.batch):
        order = torch.randperm(count, generator=torch.Generator().manual_seed(settings.seed + place // count))
        chosen.append(int(order[place % count]))
    return chosen


def save_checkpoint(path: Path, model: Any, optimizer: Any, losses: list[float], settings: Settings) -> None:
    """All that the next step depends on: trained weights, the optimiser's moments, the random state, the losses."""
    state = {
        "weights": trainable(model), "optimizer": optimizer.state_dict(), "random": torch.get_rng_state(),
        "losses": losses, "settings": vars(settings),
    }  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state, path.with_suffix(".part"))
    os.replace(path.with_suffix(".part"), path)


def resume(path: Path, model: Any, optimizer: Any, settings: Settings) -> list[float]:
    """Put everything back as `save_checkpoint` found it; the losses so far."""
    try:
        state = torch.load(path, weights_only=True)
    except Exception as error:  # torch raises many kinds for a damaged file
        raise ValueError(
            f"{path} is a damaged checkpoint ({type(error).__name__}): delete it to start over"
        ) from error
    if state["settings"] != vars(settings):
        raise ValueError(
            f"{path} was made with {state['settings']}, this run has {vars(settings)}: delete it to start over"
        )
    with torch.no_grad():
        for parameter, saved in zip(trainable(model), state["weights"], strict=True):
            parameter.copy_(saved)
    optimizer.load_state_dict(state["optimizer"])
    torch.set_rng_state(state["random"])
    return list(state["losses"])
