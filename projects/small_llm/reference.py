"""The same weights in Transformers: a LlamaForCausalLM built from a GGUF's own numbers. The yardstick for every other format."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from projects.small_llm.gguf_files import open_gguf

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM


def llama_config(path: Path, layers: int) -> Any:
    """Transformers' configuration of the model in a GGUF, of which `layers` layers are kept."""
    from transformers import LlamaConfig

    fields = open_gguf(path).fields

    def get(key: str) -> Any:
        return fields[key].contents()

    return LlamaConfig(
        vocab_size=get("llama.vocab_size"),
        hidden_size=get("llama.embedding_length"),
        intermediate_size=get("llama.feed_forward_length"),
        num_hidden_layers=layers,
        num_attention_heads=get("llama.attention.head_count"),
        num_key_value_heads=get("llama.attention.head_count_kv"),
        max_position_embeddings=get("llama.context_length"),
        rms_norm_eps=get("llama.attention.layer_norm_rms_epsilon"),
        rope_parameters={"rope_type": "default", "rope_theta": get("llama.rope.freq_base")},
        tie_word_embeddings="output.weight" not in {tensor.name for tensor in open_gguf(path).tensors},
        bos_token_id=get("tokenizer.ggml.bos_token_id"),
        eos_token_id=get("tokenizer.ggml.eos_token_id"),
    )


def build_llama(path: Path, weights: dict[str, np.ndarray]) -> LlamaForCausalLM:
    """The model in float32, with `weights` (Hugging Face name → array) and the shape that the GGUF at `path` tells."""
    import torch
    from transformers import LlamaForCausalLM
    from transformers.initialization import no_init_weights

    layers = sum(name.endswith("input_layernorm.weight") for name in weights)
    with no_init_weights():
        model = LlamaForCausalLM(llama_config(path, layers))
    missing, unexpected = model.load_state_dict(
        {name: torch.from_numpy(weight) for name, weight in weights.items()}, strict=False
    )
    if unexpected or [name for name in missing if name != "lm_head.weight"]:
        raise ValueError(f"{path}: weights do not fit: missing {missing[:3]}, unexpected {unexpected[:3]}")
    model.tie_weights()
    return model.eval()


def logits_of(model: Any, ids: list[int]) -> np.ndarray:
    """(len(ids), vocabulary) float32."""
    import torch

    with torch.inference_mode():
        found: np.ndarray = model(input_ids=torch.tensor([ids])).logits[0].float().numpy()
    return found


def greedy_ids(model: Any, ids: list[int], count: int, stop: int = -1) -> list[int]:
    """The `count` likeliest next tokens, one after the other; ends before `stop`."""
    import torch

    found: list[int] = []
    past, step = None, torch.tensor([ids])
    with torch.inference_mode():
        for _ in range(count):
            out = model(input_ids=step, past_key_values=past, use_cache=True)
            past, best = out.past_key_values, int(out.logits[0, -1].float().argmax())
            if best == stop:
                break
            found.append(best)
            step = torch.tensor([[best]])
    return found
