"""The model that an experiment's input names: SmolLM2 from its GGUF, or any LLaMA as the hub stores it, on a GPU if there is one."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from projects.sentiment.data import Split, load_split
from projects.small_llm.gguf_files import read_weights
from projects.small_llm.model import load_tokenizer
from projects.small_llm.reference import build_llama

if TYPE_CHECKING:
    from tokenizers import Tokenizer


def device() -> str:
    """`cuda` where PyTorch finds one, else `cpu`."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def load_model(path: Path, layers: int = 0) -> Any:
    """In float32, on `device()`; a folder is a model of the hub, a file is a GGUF. `layers` keeps the first so many."""
    if path.is_dir():
        import torch
        from transformers import AutoModelForCausalLM

        model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
        if model.config.model_type != "llama":
            raise ValueError(
                f"{path} holds a {model.config.model_type!r} model; LoRA by hand is for the LLaMA family"
            )
        if layers:
            model.model.layers = model.model.layers[:layers]
            model.config.num_hidden_layers = layers
        return model.eval().to(device())
    return build_llama(path, read_weights(path, layers)).to(device())


def load_words(path: Path) -> Tokenizer:
    """The model's tokenizer, from the hub's tokenizer.json or from inside the GGUF."""
    if path.is_dir():
        from tokenizers import Tokenizer

        return Tokenizer.from_file(str(path / "tokenizer.json"))
    return load_tokenizer(path)


@functools.lru_cache(
    maxsize=2
)  # reading 25,000 reviews takes seconds, and several experiments may share a process
def load_halves(path: Path, limit: int = 0) -> Split:
    """The sentiment project's split, which every experiment here uses."""
    return load_split(path, limit=limit)
