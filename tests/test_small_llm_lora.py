"""LoRA by hand: the same numbers as PEFT, files both ways, exact resume, and damaged files refused."""

from __future__ import annotations

import copy
import importlib.util
from pathlib import Path
from typing import Any

import pytest

if importlib.util.find_spec("peft") is None:
    pytest.skip("torch and peft are not installed", allow_module_level=True)

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

from projects.small_llm import training
from projects.small_llm.adapter_file import AdapterError, load_adapter, save_adapter
from projects.small_llm.lora import count_trainable, inject, lora_layers, trainable
from projects.small_llm.model import chat_prompt, check_length

TARGETS = ["q_proj", "v_proj"]
EXAMPLES = [([1, 5 + i, 9, 20 + i], [30 + i % 7, 2]) for i in range(10)]
SETTINGS = training.Settings(0.01, steps=6, batch=2, accumulate=2, warmup=2, seed=3, save_every=1)


def tiny(hidden: int = 32) -> Any:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=64, hidden_size=hidden, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64, tie_word_embeddings=True,
    )  # fmt: skip
    return LlamaForCausalLM(config)


def ours(rank: int = 4, dropout: float = 0.0, hidden: int = 32) -> Any:
    model = inject(tiny(hidden), TARGETS, rank=rank, alpha=8, dropout=dropout)
    for parameter in trainable(model):  # B is no longer zero, so every gradient counts
        torch.nn.init.normal_(parameter, std=0.1)
    return model


def save(model: Any, folder: Path, rank: int = 4) -> Path:
    save_adapter(model, folder, rank=rank, alpha=8, dropout=0.0, targets=TARGETS, base="tiny")
    return folder


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Any, Any]:
    """Our model, and PEFT's with the adapter that we saved."""
    model = ours()
    folder = save(model, tmp_path)
    return model, PeftModel.from_pretrained(tiny(), str(folder), is_trainable=True)


def pairs_of_parameters(mine: Any, peft: Any) -> list[tuple[torch.Tensor, torch.Tensor]]:
    theirs = dict(peft.named_parameters())
    return [
        (getattr(layer, f"lora_{side}"), theirs[f"base_model.model.{name}.lora_{side}.default.weight"])
        for name, layer in lora_layers(mine)
        for side in "AB"
    ]


def test_outputs_and_gradients_equal_pefts(pair: tuple[Any, Any]) -> None:
    mine, peft = pair
    batch = training.collate(EXAMPLES[:4], pad=0)
    assert torch.allclose(mine(batch["input_ids"]).logits, peft(batch["input_ids"]).logits, atol=1e-6)
    training.answer_loss(mine, batch).backward()
    peft(**batch).loss.backward()  # Transformers' own loss: checks the collation too
    for one, other in pairs_of_parameters(mine, peft):
        assert one.grad.abs().max() > 0
        assert torch.allclose(one.grad, other.grad, atol=1e-6)


def test_training_takes_pefts_path(pair: tuple[Any, Any]) -> None:
    mine, peft = pair
    losses = training.train(mine, EXAMPLES, SETTINGS, pad=0)
    optimizer = torch.optim.AdamW([p for p in peft.parameters() if p.requires_grad], weight_decay=0.0)
    theirs = []
    for step in range(SETTINGS.steps):
        optimizer.param_groups[0]["lr"] = training.learning_rate_at(step, SETTINGS)
        total = 0.0
        for part in range(SETTINGS.accumulate):
            chosen = training.draw(len(EXAMPLES), step * SETTINGS.accumulate + part, SETTINGS)
            loss = peft(**training.collate([EXAMPLES[i] for i in chosen], pad=0)).loss / SETTINGS.accumulate
            loss.backward()
            total += loss.item()
        torch.nn.utils.clip_grad_norm_([p for p in peft.parameters() if p.requires_grad], SETTINGS.clip)
        optimizer.step()
        optimizer.zero_grad()
        theirs.append(total)
    assert losses == pytest.approx(theirs, abs=1e-5)
    for one, other in pairs_of_parameters(mine, peft):
        assert torch.allclose(one, other, atol=1e-5)


def test_an_adapter_of_pefts_loads_here(tmp_path: Path) -> None:
    config = LoraConfig(
        r=4, lora_alpha=8, target_modules=TARGETS, init_lora_weights=False, task_type="CAUSAL_LM"
    )
    peft = get_peft_model(tiny(), config)
    peft.save_pretrained(str(tmp_path))
    mine, ids = load_adapter(tiny(), tmp_path).eval(), torch.tensor([[1, 7, 9, 11]])
    assert torch.allclose(mine(ids).logits, peft.eval()(ids).logits, atol=1e-6)


def test_the_start_is_the_base_model_and_only_the_adapter_is_trained() -> None:
    model, ids = inject(tiny(), TARGETS, rank=4, alpha=8), torch.tensor([[1, 2, 3]])
    assert torch.equal(model(ids).logits, tiny()(ids).logits)
    assert count_trainable(model) == 2 * (4 * (32 + 32) + 4 * (32 + 16))


def test_merging_keeps_the_outputs_and_unmerging_the_weights() -> None:
    model, ids = ours().eval(), torch.tensor([[1, 2, 3]])
    before, first = model(ids).logits, [layer.base.weight.clone() for _, layer in lora_layers(model)]
    for _, layer in lora_layers(model):
        layer.merge()
        layer.merge()  # a second time changes nothing
    assert torch.allclose(model(ids).logits, before, atol=1e-5)
    for (_, layer), weight in zip(lora_layers(model), first, strict=True):
        assert not torch.equal(layer.base.weight, weight)
        layer.unmerge()
        assert torch.allclose(layer.base.weight, weight, atol=1e-6)


def test_labels_hold_the_answer_alone() -> None:
    batch = training.collate([([1, 2, 3], [4, 5]), ([1], [6])], pad=0)
    assert batch["labels"].tolist() == [[-100, -100, -100, 4, 5], [-100, 6, -100, -100, -100]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]]


def test_every_example_comes_once_an_epoch() -> None:
    seen = [i for number in range(5) for i in training.draw(10, number, SETTINGS)]
    assert sorted(seen) == list(range(10))


def test_a_killed_run_goes_on_bit_for_bit(tmp_path: Path) -> None:
    whole = ours(dropout=0.2)
    killed, again = copy.deepcopy(whole), copy.deepcopy(whole)
    losses = training.train(whole, EXAMPLES, SETTINGS, pad=0)

    def kill(step: int, _total: int, _loss: float) -> None:
        if step == 4:  # after update 4 and before its checkpoint: that update is lost
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        training.train(killed, EXAMPLES, SETTINGS, pad=0, checkpoint=tmp_path / "c.pt", tell=kill)
    torch.rand(5)  # another process has another random state
    assert training.train(again, EXAMPLES, SETTINGS, pad=0, checkpoint=tmp_path / "c.pt") == losses
    assert all(torch.equal(a, b) for a, b in zip(trainable(whole), trainable(again), strict=True))


def test_a_damaged_or_foreign_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.pt"
    training.train(ours(), EXAMPLES, SETTINGS, pad=0, checkpoint=path)
    with pytest.raises(ValueError, match="was made with"):
        training.train(ours(), EXAMPLES, training.Settings(0.5, steps=6, batch=2), pad=0, checkpoint=path)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ValueError, match="damaged checkpoint"):
        training.train(ours(), EXAMPLES, SETTINGS, pad=0, checkpoint=path)


@pytest.mark.parametrize("keep", [0, 4, 200, -1])
def test_a_truncated_adapter_is_refused(tmp_path: Path, keep: int) -> None:
    file = save(ours(), tmp_path) / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(AdapterError, match="truncated or corrupt"):
        load_adapter(tiny(), tmp_path)


def test_an_adapter_of_another_model_or_rank_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AdapterError, match="another model or rank"):
        load_adapter(tiny(hidden=64), save(ours(), tmp_path))
    config = save(ours(), tmp_path) / "adapter_config.json"
    config.write_text(config.read_text().replace('"r": 4', '"r": 8'))
    with pytest.raises(AdapterError, match="another model or rank"):
        load_adapter(tiny(), tmp_path)


def test_wrong_settings_say_what_would_be_right() -> None:
    with pytest.raises(ValueError, match="this model has"):
        inject(tiny(), ["query"], rank=4, alpha=8)
    with pytest.raises(ValueError, match="rank 99"):
        inject(tiny(), TARGETS, rank=99, alpha=8)
    with pytest.raises(ValueError, match="roles are system, user, assistant"):
        chat_prompt([{"role": "wizard", "content": "hello"}])
    with pytest.raises(ValueError, match="the context holds 8"):
        check_length(list(range(9)), 8)
