"""LoRA by hand against PEFT on the real model: outputs, gradients and a few training steps, in float32."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from projects.sentiment.data import load_split, sample
from projects.small_llm import training
from projects.small_llm.adapter_file import save_adapter
from projects.small_llm.gguf_files import read_weights
from projects.small_llm.lora import inject, lora_layers, trainable
from projects.small_llm.model import load_tokenizer
from projects.small_llm.reference import build_llama
from projects.small_llm.verdicts import encode

if TYPE_CHECKING:
    from verifolio.record import Run

TARGETS = ["q_proj", "v_proj"]


def run_parity(run: Run) -> None:
    """The largest absolute difference of each; PEFT's model starts from the adapter file that we wrote."""
    import torch
    from peft import PeftModel

    torch.set_num_threads(min(2, os.cpu_count() or 1))
    torch.manual_seed(run.seed)
    params, source = run.params, run.input("smollm2")
    reviews = sample(load_split(run.input("imdb"), limit=params["limit"]).train, 4, seed=run.seed)
    examples = encode(load_tokenizer(source), reviews, params["words"])
    weights = read_weights(source, params["layers"])
    mine = inject(build_llama(source, weights), TARGETS, rank=8, alpha=16)
    for parameter in trainable(mine):  # B is no longer zero, so that every gradient counts
        torch.nn.init.normal_(parameter, std=0.02)
    save_adapter(mine, run.work, rank=8, alpha=16, dropout=0.0, targets=TARGETS, base="SmolLM2-135M-Instruct")
    peft = PeftModel.from_pretrained(build_llama(source, weights), str(run.work), is_trainable=True)
    batch = training.collate(examples, pad=2)
    with torch.no_grad():
        ours, theirs = (
            one(batch["input_ids"], attention_mask=batch["attention_mask"]).logits for one in (mine, peft)
        )
    kept = batch["attention_mask"].bool()
    _record(run, "outputs", float((ours - theirs)[kept].abs().max()), int(kept.sum()), "logit", "logits")
    training.answer_loss(mine, batch).backward()
    peft(**batch).loss.backward()  # Transformers' own loss
    pairs = _pairs(mine, peft)
    _record(
        run,
        "gradients",
        max(float((a.grad - b.grad).abs().max()) for a, b in pairs),
        len(pairs),
        "梯度",
        "gradients",
    )
    _record(
        run,
        "trajectory",
        _train_both(mine, peft, batch, params["steps"]),
        params["steps"],
        "训练损失",
        "training losses",
    )
    apart = max(float((a - b).detach().abs().max()) for a, b in pairs)
    _record(run, "weights", apart, len(pairs), "训练后的权重", "weights after training")


def _pairs(mine: Any, peft: Any) -> list[tuple[Any, Any]]:
    theirs = dict(peft.named_parameters())
    return [
        (getattr(layer, f"lora_{side}"), theirs[f"base_model.model.{name}.lora_{side}.default.weight"])
        for name, layer in lora_layers(mine)
        for side in "AB"
    ]


def _train_both(mine: Any, peft: Any, batch: dict[str, Any], steps: int) -> float:
    """The same optimiser on both; the largest difference of their losses."""
    import torch

    sides = [(trainable(mine), lambda: training.answer_loss(mine, batch)),
             ([p for p in peft.parameters() if p.requires_grad], lambda: peft(**batch).loss)]  # fmt: skip
    paths: list[list[float]] = []
    for parameters, loss_of in sides:
        optimizer, losses = torch.optim.AdamW(parameters, lr=1e-3, weight_decay=0.0), []
        for _ in range(steps):
            optimizer.zero_grad()
            loss = loss_of()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            losses.append(loss.item())
        paths.append(losses)
    return max(abs(a - b) for a, b in zip(*paths, strict=True))


def _record(run: Run, key: str, apart: float, n: int, zh: str, en: str) -> None:
    run.say(f"{key}: {apart:.2e}")
    run.metric(
        f"{key}_apart", apart, unit="score", better="lower", n=n,
        label={"zh": f"与 PEFT 的最大绝对差：{zh}", "en": f"largest absolute difference from PEFT: {en}"},
    )  # fmt: skip
