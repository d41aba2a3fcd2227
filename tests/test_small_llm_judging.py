"""Verdicts in batches equal verdicts one by one, precision follows the processor, sizes count each tensor once."""

from __future__ import annotations

import importlib.util
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

if importlib.util.find_spec("transformers") is None:
    pytest.skip("torch and transformers are not installed", allow_module_level=True)

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from projects.sentiment.data import Reviews
from projects.small_llm import judging
from projects.small_llm.precision import compute_dtype
from projects.small_llm.runtime_worker import bytes_of
from projects.small_llm.sweep import title_of

RUN: Any = SimpleNamespace(progress=lambda *_: None)


@pytest.fixture(scope="module")
def model() -> Any:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, tie_word_embeddings=True,
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


@pytest.mark.parametrize("before", [(), (9, 8, 7)])
def test_padding_and_kept_examples_do_not_change_a_verdict(
    model: Any, before: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "has_bf16", lambda: False)
    prompts = [[1, 2, 3, 4, 5, 6], [7], [5, 4, 3], [11, 12]]
    found, parsed = judging.judge(model, prompts, (20, 21), RUN, "", before=before, batch=3)
    alone, likeliest = [], 0
    with torch.inference_mode():
        for ids in prompts:
            logits = model(input_ids=torch.tensor([[*before, *ids]])).logits[0, -1]
            alone.append(float(torch.sigmoid(logits[21] - logits[20])))
            likeliest += int(logits.argmax()) in (20, 21)
    assert found == pytest.approx(alone, abs=1e-6)
    assert parsed == likeliest / len(prompts)


def test_solved_examples_are_turns_of_the_conversation() -> None:
    reviews = Reviews(["good film", "bad film"], np.array([1, 0]), np.arange(2))
    said = judging.few_shot(reviews, words=5)
    assert said.count("<|im_start|>user\n") == said.count("<|im_start|>assistant\n") == 2
    assert said.index("good film") < said.index("Positive<|im_end|>") < said.index("bad film")
    assert said.endswith("Negative<|im_end|>\n")


@pytest.mark.parametrize(
    ("found", "dtype"),
    [({"avx2": True, "avx512_bf16": False}, torch.float32), ({"avx512_bf16": True}, torch.bfloat16), ({"amx_bf16": True}, torch.bfloat16)],
)  # fmt: skip
def test_bf16_is_taken_only_where_the_processor_has_it(
    found: dict[str, bool], dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found)
    assert compute_dtype() is dtype


@pytest.mark.filterwarnings("ignore")  # PyTorch says that its own quantisation will move to another package
def test_a_shared_matrix_counts_once_and_packed_weights_count(model: Any) -> None:
    whole = sum(one.numel() for one in model.parameters())  # parameters() names a tied matrix once
    assert bytes_of(model) == 4 * whole
    packed = torch.ao.quantization.quantize_dynamic(model, {torch.nn.Linear}, dtype=torch.qint8)
    linear = sum(one.weight.numel() for one in model.modules() if isinstance(one, torch.nn.Linear))
    embedding = model.get_input_embeddings().weight.numel()
    assert linear < bytes_of(packed) - 4 * embedding < linear + 4 * whole - 4 * (linear - embedding)


def test_settings_are_named_alike_in_both_languages() -> None:
    every = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    assert (
        title_of({"rank": 8, "targets": ["q_proj", "v_proj"], "learning_rate": 0.001}) == "r = 8 · q v · 1e-3"
    )
    assert title_of({"rank": 2, "targets": every, "learning_rate": 0.0003}) == "r = 2 · all linear · 3e-4"
