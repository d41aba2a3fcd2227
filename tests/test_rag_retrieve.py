"""Ranking passages: terms, BM25, embedding models by name, and what becomes of bad input."""

from __future__ import annotations

import numpy as np
import pytest

from projects.rag.embedders import EmbedderError, load_embedder
from projects.rag.rankers import bm25_scorer, dense_scorer, indexed_text, rank, terms
from projects.rag.records import Passage, passage_id

TEXTS = (
    ("zh", "自签收之日起 7 天内可以无理由退货"),
    ("zh", "货号: HH-K101 | 名称: 电热水壶 | 功率: 1800 W"),
    ("zh", "发票在确认收货后开具"),
    ("en", "You may return goods within 30 days of delivery"),
    ("en", "SKU: HH-K101 | Article: Kettle | Power: 1800 W"),
    ("en", "Invoices are issued when the parcel is delivered"),
)
PASSAGES = [Passage(passage_id("a.md", "", text), text, "a.md", "", lang, "prose") for lang, text in TEXTS]


@pytest.fixture(scope="module")
def wordllama():
    return load_embedder("wordllama")


def test_terms_are_chinese_words_and_english_stems_without_function_words():
    assert terms("请问保修期是多久") == terms("保修期多久")
    assert "保修期" in terms("请问保修期是多久")
    assert terms("Returning the Kettles") == terms("return kettle")
    assert terms("of the and") == []


@pytest.mark.parametrize(
    ("question", "best"),
    [("电热水壶的功率", 1), ("怎么开发票", 2), ("power of the kettle", 4), ("invoices?", 5)],
)
def test_bm25_finds_the_passage_in_the_language_of_the_question(question, best):
    assert rank(bm25_scorer(PASSAGES), PASSAGES, question, 1) == [PASSAGES[best]]


@pytest.mark.parametrize("question", ["电热水壶的功率", "kettle power", "HH-K101 invoices delivered"])
def test_bm25_scores_are_those_of_the_library(question):
    import bm25s

    index = bm25s.BM25(method="lucene")
    index.index([terms(indexed_text(one)) for one in PASSAGES], show_progress=False)
    expected = index.get_scores(terms(question))
    assert expected.max() > 0
    np.testing.assert_allclose(bm25_scorer(PASSAGES)(question), expected, rtol=1e-6)


@pytest.mark.parametrize("question", ["", "？！", "zzzunknown", "退货" * 50_000])
def test_any_question_gets_as_many_passages_as_asked(question, wordllama):
    for scorer in (bm25_scorer(PASSAGES), dense_scorer(PASSAGES, wordllama)):
        scores = scorer(question)
        assert scores.shape == (len(PASSAGES),)
        assert np.isfinite(scores).all()
        assert len(rank(scorer, PASSAGES, question, 3)) == 3


def test_vectors_are_rows_of_length_one_and_none_for_no_text(wordllama):
    vectors = wordllama.encode_passages(["a kettle", "un\x00seen", "退货"])
    assert vectors.dtype == np.float32
    assert vectors.shape == (3, wordllama.dimensions)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    assert wordllama.encode_queries([]).shape == (0, wordllama.dimensions)


@pytest.mark.parametrize("name", ["use_m3", "e5_small"])
def test_the_multilingual_models_find_the_meaning_without_a_shared_word(name):
    model = load_embedder(name)
    scorer = dense_scorer(PASSAGES, model)
    assert model.encode_queries(["x"]).shape == (1, model.dimensions)
    assert rank(scorer, PASSAGES, "买了又后悔，还能退掉吗", 1) == [PASSAGES[0]]
    assert rank(scorer, PASSAGES, "I changed my mind, can I send it back?", 1) == [PASSAGES[3]]


def test_an_unknown_model_is_named_with_those_there_are():
    with pytest.raises(
        EmbedderError,
        match=r"no embedding model ‘use_m33’: expected e5_plain, e5_small, e5_tuned, minilm, use_m3",
    ):
        load_embedder("use_m33")


def test_a_folder_without_a_model_says_what_to_do(tmp_path):
    with pytest.raises(EmbedderError, match="or use one that packages carry"):
        load_embedder(str(tmp_path))
