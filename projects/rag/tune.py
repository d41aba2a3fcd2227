"""`python -m projects.rag.tune`: tunes the e5 encoder on the training questions and writes adapter.npz; `fit` comes after it.

Three losses on batches of passages and the questions that belong to them: a question lies nearer to its passage than to
the others of the batch (InfoNCE, van den Oord et al. 2018), a pair's closeness tells by itself whether it belongs
together (the sigmoid loss of Zhai et al. 2023), and the question's vector tells whether the documents are silent on it.
Neighbours in a document share a batch, which makes the other passages hard ones.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from projects.rag.base import DOCUMENTS, HOME
from projects.rag.e5_file import Encoder, Quantised, read_encoder
from projects.rag.e5_tokens import Tokenizer, tokenizer_json
from projects.rag.embedded import embedded_texts
from projects.rag.gold import Question, load_questions
from projects.rag.ingest import ingest, load_passages
from projects.rag.rankers import bm25_scorer
from projects.rag.records import Passage
from projects.rag.scoring import holds_all
from projects.rag.tuned import ADAPTER, Adapter, base_file, token_ids, write_adapter

if TYPE_CHECKING:
    import torch

LORA_RANK, LORA_ALPHA, DROPOUT = 16, 32, 0.05
EPOCHS, LEARNING_RATE, WARM_UP = 6, 5e-4, 0.1
PASSAGES, RUN = 14, 8
"""Passages of a batch, and how many neighbours in a document stay together in it."""
TEMPERATURE = 0.05
SILENT_WEIGHT, SILENT_SCALE = 2.0, 20.0
LAYERS = {
    "q": "attention.self.query", "k": "attention.self.key", "v": "attention.self.value",
    "ao": "attention.output.dense", "fi": "intermediate.dense", "fo": "output.dense",
}  # fmt: skip
NORMS = {"aln": "attention.output.LayerNorm", "oln": "output.LayerNorm"}


@dataclass(frozen=True)
class Known:
    """A training question with the passages that it belongs to, and those of which nobody knows."""

    question: Question
    ids: list[int]
    gold: frozenset[int]
    unsure: frozenset[int]
    """Not named as gold, yet the expected answer stands in them."""
    home: int
    """Its passage; of a question on which the documents are silent, the one that shares most words with it."""


def learn(
    passages: Sequence[Passage], questions: Sequence[Question], *, epochs: int, seed: int = 0
) -> Adapter:
    """Tune and give the adapter; about two minutes an epoch on two cores."""
    import torch
    from torch.nn import functional

    torch.manual_seed(seed)
    draw = random.Random(seed)
    encoder = read_encoder(base_file())
    tokenizer = Tokenizer(tokenizer_json(encoder, np.arange(len(encoder.pieces))))
    texts = [token_ids(tokenizer, "passage: ", text) for text in embedded_texts(passages)]
    words = bm25_scorer(passages)
    known = [_known(one, passages, tokenizer, words) for one in questions]
    model = _with_lora(load_bert(encoder))
    silent = torch.nn.Linear(encoder.width, 1)
    slope = torch.nn.Parameter(torch.tensor([math.log(20.0), -8.0]))  # of a pair's logit in its cosine
    tuned = [one for one in model.parameters() if one.requires_grad]
    optimizer = torch.optim.AdamW(
        [{"params": tuned}, {"params": [*silent.parameters(), slope], "lr": 20 * LEARNING_RATE}],
        lr=LEARNING_RATE,
        weight_decay=0.01,
    )
    steps = epochs * sum(1 for _ in _batches(known, passages, random.Random(seed)))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda at: min(1, (at + 1) / (WARM_UP * steps)) * max(0, 1 - at / steps)
    )
    start = time.perf_counter()
    for epoch in range(epochs):
        model.train()
        total, count = 0.0, 0
        for rows, asked in _batches(known, passages, draw):
            said = functional.normalize(_vectors(model, [texts[at] for at in rows]), dim=1)
            meant = functional.normalize(_vectors(model, [one.ids for one in asked]), dim=1)
            gold = torch.tensor([[at in one.gold for at in rows] for one in asked])
            unsure = torch.tensor([[at in one.unsure for at in rows] for one in asked])
            quiet = torch.tensor([float(not one.question.answerable) for one in asked])
            loss = _order_loss(meant @ said.T, gold, unsure) + _pair_loss(meant @ said.T, gold, unsure, slope)
            loss = loss + SILENT_WEIGHT * functional.binary_cross_entropy_with_logits(
                silent(SILENT_SCALE * meant)[:, 0], quiet
            )
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(tuned, 1.0)
            optimizer.step()
            schedule.step()
            total, count = total + loss.item(), count + 1
        click.echo(
            f"epoch {epoch + 1} of {epochs}: loss {total / count:.3f}, {time.perf_counter() - start:.0f} s"
        )
    head = torch.cat([SILENT_SCALE * silent.weight[0], silent.bias]).detach().numpy()
    return _adapter_of(model, head)


def load_bert(encoder: Encoder) -> Any:
    """The encoder as Transformers' BERT, its 4-bit weights as float32."""
    import torch
    from transformers import BertConfig, BertModel

    kept = encoder.tensors
    positions = kept["emb.pos"].reshape(-1, encoder.width)
    model = BertModel(
        BertConfig(
            vocab_size=len(encoder.words.scales), hidden_size=encoder.width, num_hidden_layers=encoder.layers,
            num_attention_heads=encoder.heads, intermediate_size=encoder.inner, layer_norm_eps=encoder.epsilon,
            max_position_embeddings=len(positions), type_vocab_size=kept["emb.type"].size // encoder.width,
        ),
        add_pooling_layer=False,
    )  # fmt: skip
    arrays = {
        "embeddings.word_embeddings.weight": encoder.words.plain(),
        "embeddings.position_embeddings.weight": positions,
        "embeddings.token_type_embeddings.weight": kept["emb.type"].reshape(-1, encoder.width),
        "embeddings.LayerNorm.weight": kept["emb.ln.w"],
        "embeddings.LayerNorm.bias": kept["emb.ln.b"],
    }
    for at in range(encoder.layers):
        for short, long in LAYERS.items():
            matrix = encoder.matrices[f"l{at}.{short}.w"]
            arrays[f"encoder.layer.{at}.{long}.weight"] = (
                matrix.plain() if isinstance(matrix, Quantised) else matrix
            )
            arrays[f"encoder.layer.{at}.{long}.bias"] = kept[f"l{at}.{short}.b"]
        for short, long in NORMS.items():
            arrays[f"encoder.layer.{at}.{long}.weight"] = kept[f"l{at}.{short}.w"]
            arrays[f"encoder.layer.{at}.{long}.bias"] = kept[f"l{at}.{short}.b"]
    model.load_state_dict({name: torch.tensor(np.array(value)) for name, value in arrays.items()})
    return model


def _with_lora(model: Any) -> Any:
    from peft import LoraConfig, get_peft_model

    targets = sorted({name.rsplit(".", 1)[1] for name in LAYERS.values()})
    return get_peft_model(
        model,
        LoraConfig(r=LORA_RANK, lora_alpha=LORA_ALPHA, lora_dropout=DROPOUT, target_modules=targets),
    )


def _adapter_of(model: Any, silent: np.ndarray) -> Adapter:
    state = {
        name: value.detach().float().numpy() for name, value in model.state_dict().items() if "lora_" in name
    }
    down, up = {}, {}
    for at in range(model.config.num_hidden_layers):
        for short, long in LAYERS.items():
            prefix = f"base_model.model.encoder.layer.{at}.{long}"
            down[f"l{at}.{short}.w"] = state[f"{prefix}.lora_A.default.weight"]
            up[f"l{at}.{short}.w"] = state[f"{prefix}.lora_B.default.weight"]
    return Adapter(LORA_ALPHA / LORA_RANK, down, up, silent)


def _known(one: Question, passages: Sequence[Passage], tokenizer: Tokenizer, words: Any) -> Known:
    gold = frozenset(at for at, passage in enumerate(passages) if one.relevant(passage))
    scores = words(one.question)
    own = [at for at, passage in enumerate(passages) if passage.lang == one.lang]
    near = sorted(own, key=lambda at: -scores[at])[:40]
    unsure = frozenset(
        at for at in near if one.answers and holds_all(passages[at].text, one.answers)
    ) - gold  # fmt: skip
    return Known(one, token_ids(tokenizer, "query: ", one.question), gold, unsure, min(gold, default=near[0]))


def _batches(
    known: Sequence[Known], passages: Sequence[Passage], draw: random.Random
) -> Iterator[tuple[list[int], list[Known]]]:
    """Passages of one language, in shuffled runs of neighbours, with their questions."""
    homes: dict[int, list[Known]] = {}
    for one in known:
        homes.setdefault(one.home, []).append(one)
    batches = []
    for lang in sorted({passage.lang for passage in passages}):
        rows = sorted(at for at in homes if passages[at].lang == lang)
        shift = draw.randrange(RUN)
        runs = [rows[max(0, at) : at + RUN] for at in range(-shift, len(rows), RUN)]
        draw.shuffle(runs)
        flat = [at for run in runs for at in run]
        batches += [flat[at : at + PASSAGES] for at in range(0, len(flat), PASSAGES)]
    draw.shuffle(batches)
    for rows in batches:
        yield rows, [one for at in rows for one in homes[at]]


def _vectors(model: Any, rows: Sequence[list[int]]) -> torch.Tensor:
    """Mean over the tokens of each text: (texts, width)."""
    import torch

    width = max(map(len, rows))
    ids = torch.ones(len(rows), width, dtype=torch.long)
    mask = torch.zeros(len(rows), width)
    for at, row in enumerate(rows):
        ids[at, : len(row)], mask[at, : len(row)] = torch.tensor(row), 1
    with torch.autocast("cpu", torch.bfloat16):
        hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state
    return (hidden.float() * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)


def _order_loss(closeness: torch.Tensor, gold: torch.Tensor, unsure: torch.Tensor) -> torch.Tensor:
    logits = (closeness / TEMPERATURE).masked_fill(unsure, -1e4)
    asked = gold.any(1)
    if not asked.any():
        return closeness.sum() * 0
    right = logits.masked_fill(~gold, -1e4).logsumexp(1)
    return (logits.logsumexp(1) - right)[asked].mean()


def _pair_loss(
    closeness: torch.Tensor, gold: torch.Tensor, unsure: torch.Tensor, slope: torch.Tensor
) -> torch.Tensor:
    from torch.nn import functional

    logits = slope[0].exp() * closeness + slope[1]
    each = functional.binary_cross_entropy_with_logits(logits, gold.float(), reduction="none")
    weight = (~unsure).float() * (1 + 3 * gold.float())
    return (each * weight).sum() / len(closeness) / 4


@click.command()
@click.option("--epochs", default=EPOCHS, show_default=True, type=click.IntRange(min=1))
def main(epochs: int) -> None:
    """Tune and write."""
    home = HOME / "shop" / "store"
    ingest(DOCUMENTS, home)
    write_adapter(ADAPTER, learn(load_passages(home), load_questions("training"), epochs=epochs))
    click.echo(f"{ADAPTER}: {ADAPTER.stat().st_size / 1e6:.1f} MB; now `python -m projects.rag.fit`")


if __name__ == "__main__":
    main()
