"""Memory of one training step: LoRA against full fine-tuning, measured on the same batch."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from projects.sentiment.data import sample
from projects.small_llm.costs import measure_step, record_costs
from projects.small_llm.loading import device, load_halves, load_model, load_words
from projects.small_llm.lora import inject
from projects.small_llm.training import collate
from projects.small_llm.verdicts import encode

if TYPE_CHECKING:
    from verifolio.record import Run

NAMES = {
    "full": {"zh": "训练全部权重", "en": "every weight"},
    "lora": {"zh": "LoRA", "en": "LoRA"},
}


def run_memory(run: Run) -> None:
    """One AdamW step each way; the parts are tensors counted in bytes."""
    import torch

    torch.set_num_threads(min(2, os.cpu_count() or 1))
    torch.manual_seed(run.seed)
    params, source = run.params, run.input("smollm2")
    reviews = sample(load_halves(run.input("imdb"), params["limit"]).train, params["batch"], seed=run.seed)
    batch = collate(encode(load_words(source), reviews, params["words"]), pad=2)
    run.metric("batch_tokens", int(batch["attention_mask"].sum()), unit="count", label={"zh": "一批的词元数", "en": "tokens in the batch"})  # fmt: skip
    found = {}
    for way in NAMES:
        model = load_model(source, params["layers"])
        if way == "lora":
            inject(model, params["targets"], rank=params["rank"], alpha=params["alpha"]).to(device())
        else:
            model.requires_grad_(requires_grad=True)
        found[way] = measure_step(model, batch)
        run.say(f"{way}: { ({part: round(size / 1e6, 1) for part, size in found[way].items()}) } MB")
    record_costs(run, found, NAMES)
