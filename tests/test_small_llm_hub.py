"""A model as the hub stores it loads by its folder, is cut to few layers, and another family is refused."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

if importlib.util.find_spec("transformers") is None:
    pytest.skip("torch and transformers are not installed", allow_module_level=True)

import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from projects.small_llm.loading import load_model


def tiny() -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2,
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


def test_a_folder_of_the_hub_is_the_model_that_was_saved(tmp_path: Path) -> None:
    tiny().save_pretrained(tmp_path)
    ids = torch.tensor([[1, 2, 3]])
    assert torch.equal(load_model(tmp_path)(ids).logits.cpu(), tiny()(ids).logits)
    assert len(load_model(tmp_path, layers=1).model.layers) == 1


def test_another_family_is_refused(tmp_path: Path) -> None:
    GPT2LMHeadModel(GPT2Config(vocab_size=64, n_embd=32, n_layer=1, n_head=2)).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="'gpt2' model; LoRA by hand is for the LLaMA family"):
        load_model(tmp_path)
