"""Training with `Trainer`: batches of like length, resumable, with the loss curve."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from projects.sentiment.encoder import pad

Tell = Callable[[float, float, str], None]


def train(
    model: Any,
    ids: list[list[int]],
    labels: np.ndarray,
    *,
    work: Path,
    learning_rate: float,
    epochs: float,
    batch: int,
    seed: int,
    smoothing: float = 0.0,
    weight_decay: float = 0.01,
    warmup: float = 0.1,
    bucketed: bool = True,
    pad_to: int = 0,
    save_steps: int = 100,
    tell: Tell | None = None,
) -> list[dict[str, float]]:
    """Train in place; the loss curve as rows of step, epoch, loss.

    `work` holds the checkpoints: a killed run goes on from the last one. `pad_to` pads every batch to
    that many tokens, as plain scripts do.
    """
    from datasets import Dataset
    from transformers import Trainer, TrainingArguments

    keep_memory()
    table = Dataset.from_dict(
        {"input_ids": ids, "labels": labels.tolist(), "length": [len(one) for one in ids]}
    )
    steps = -(-len(ids) // batch) * epochs
    arguments = TrainingArguments(
        output_dir=str(work / "checkpoints"),
        per_device_train_batch_size=batch,
        num_train_epochs=epochs,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        warmup_steps=int(steps * warmup),
        lr_scheduler_type="linear",
        label_smoothing_factor=smoothing,
        train_sampling_strategy="group_by_length" if bucketed else "random",
        length_column_name="length",
        logging_steps=max(1, int(steps // 40)),
        save_strategy="steps",
        save_steps=save_steps,
        save_total_limit=1,
        remove_unused_columns=False,
        disable_tqdm=True,
        report_to=[],
        seed=seed,
        dataloader_pin_memory=False,
    )

    def collate(rows: list[dict[str, Any]]) -> dict[str, Any]:
        import torch

        tokens, mask = pad([row["input_ids"] for row in rows])
        if pad_to > tokens.shape[1]:
            extra = (0, pad_to - tokens.shape[1])
            tokens = torch.nn.functional.pad(tokens, extra)
            mask = torch.nn.functional.pad(mask, extra)
        return {
            "input_ids": tokens,
            "attention_mask": mask,
            "labels": torch.tensor([row["labels"] for row in rows]),
        }

    callbacks = [_progress(tell)] if tell else []
    trainer = Trainer(
        model=model, args=arguments, train_dataset=table, data_collator=collate, callbacks=callbacks
    )
    for callback in ("PrinterCallback", "ProgressCallback"):
        for known in [c for c in trainer.callback_handler.callbacks if type(c).__name__ == callback]:
            trainer.remove_callback(known)
    saved = sorted((work / "checkpoints").glob("checkpoint-*/trainer_state.json"))
    trainer.train(resume_from_checkpoint=str(saved[-1].parent) if saved else None)
    return [
        {"step": row["step"], "epoch": row["epoch"], "loss": row["loss"]}
        for row in trainer.state.log_history
        if "loss" in row
    ]


def trainable_parameters(model: Any) -> int:
    """How many numbers the optimizer may change."""
    return sum(one.numel() for one in model.parameters() if one.requires_grad)


def keep_memory() -> None:
    """Tell glibc to keep freed memory: giving back and taking again costs half the time of a step."""
    try:
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(-3, 1 << 30)  # M_MMAP_THRESHOLD
        libc.mallopt(-1, (1 << 31) - 1)  # M_TRIM_THRESHOLD
    except (OSError, AttributeError):
        return


def _progress(tell: Tell) -> Any:
    from transformers import TrainerCallback

    class Progress(TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            last = state.log_history[-1].get("loss") if state.log_history else None
            tell(state.global_step, state.max_steps, f"training, loss {last:.3f}" if last else "training")

    return Progress()
