"""The shipped search: filters, languages, weights, vectors kept by their text, and what no document can answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from projects.rag.answerable import SIGNALS
from projects.rag.base import DOCUMENTS, Base, load_base, update_base
from projects.rag.embedders import load_embedder
from projects.rag.evidence import SIGNS
from projects.rag.fitted import read_weights
from projects.rag.ingest import ingest, load_passages
from projects.rag.masking import Masker
from projects.rag.records import Passage
from projects.rag.retrieval import Without
from projects.rag.scope import is_outside
from projects.rag.search import FEATURES, Filter, language_rows, texts_of
from projects.rag.synonyms import expand
from projects.rag.vectors import SHIPPED, embed, key_of, read_vectors


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    folder = tmp_path_factory.mktemp("documents")
    (folder / "terms.md").write_text(
        "# Terms\n\n## Returns\n\nYou may return an article within 30 days.\n\n## Shipping\n\nPostage to Norway costs 11.90 EUR.\n",
        "utf-8",
    )
    (folder / "other.md").write_text("# Other\n\n## Returns\n\nOpened filters cannot be returned.\n", "utf-8")
    (folder / "条款.md").write_text(
        "# 条款\n\n## 退货\n\n签收后 7 天内可以退货。\n\n## 运费\n\n首重 12 元。\n", "utf-8"
    )
    home = tmp_path_factory.mktemp("home")
    update_base(folder, home)
    return load_base(home)


@pytest.mark.parametrize(
    ("question", "part"),
    [
        ("how much is it to send something to Norway", "11.90"),
        ("changed my mind, until when", "30 days"),
        ("买了后悔了最晚什么时候退", "7 天"),
    ],
)
def test_the_passage_is_found_in_the_language_of_the_question(base: Base, question: str, part: str) -> None:
    assert part in base.find(question).passages[0].text


@pytest.mark.parametrize(
    ("question", "says"),
    [
        ("how much is the postage to Norway", True),
        ("签收后几天内可以退货", True),
        ("who is the boss of your company", False),
        ("你们公司招不招人", False),
    ],
)
def test_it_knows_whether_the_documents_say(base: Base, question: str, says: object) -> None:
    found = base.find(question)
    assert base.says(question, found, base.weigh(question, found)) is says


def test_the_piece_that_answers_comes_first(base: Base) -> None:
    question = "until when can I return an article"
    assert base.weigh(question, base.find(question))[0].text == "You may return an article within 30 days."


def test_each_encoder_brings_what_it_finds_nearest(base: Base) -> None:
    question = "how much is the postage to Norway"
    rows = language_rows(base.index, question, None)
    found = base.index.candidates(question, rows).rows.tolist()
    for name, vectors in base.index.vectors.items():
        assert rows[np.argmax(vectors[rows] @ base.index.encode(name, question))] in found
    assert set(base.index.vectors) == {"e5", "plain", "use"}


def test_a_filter_limits_what_is_found(base: Base) -> None:
    found = base.find("can I return it", where=Filter(("other*",))).passages
    assert {one.document for one in found} == {"other.md"}
    assert not base.find("can I return it", where=Filter(("none/*",))).passages


def test_a_language_that_the_documents_lack_is_searched_in_the_other(base: Base) -> None:
    found = base.find("签收后多久可以退货", where=Filter(("terms.md",)))
    assert "30 days" in found.passages[0].text


def test_the_weights_name_what_there_is() -> None:
    weights = read_weights()
    assert set(weights["rank"]) == set(FEATURES)
    assert set(weights["piece"]) == set(SIGNS)
    assert set(weights["answer"]) == {*SIGNALS, "bias"}
    assert {one.vectors.shape[1] for one in weights["topics"].values()} == {
        load_embedder("use_m3").dimensions
    }


@pytest.mark.parametrize("name", ["e5_tuned", "e5_small"])
def test_the_committed_vectors_are_those_of_the_committed_documents(tmp_path: Path, name: str) -> None:
    ingest(DOCUMENTS, tmp_path)
    texts = texts_of(load_passages(tmp_path))["e5"]
    encoder = load_embedder(name)
    known = read_vectors(SHIPPED, encoder.name)
    assert {key_of(one) for one in texts} == set(known)
    some = texts[:: len(texts) // 5]
    made = encoder.encode_passages(some)
    for text, vector in zip(some, made, strict=True):
        assert float(known[key_of(text)].astype(np.float32) @ vector) > 0.999


def test_only_new_texts_are_embedded(tmp_path: Path) -> None:
    asked: list[str] = []

    class Counting:
        name, dimensions = "counting", 2

        def encode_queries(self, texts: list[str]) -> np.ndarray:
            return self.encode_passages(texts)

        def encode_passages(self, texts: list[str]) -> np.ndarray:
            asked.extend(texts)
            return np.tile(np.array([1.0, 0.0], dtype=np.float32), (len(texts), 1))

    embed(["a", "b"], Counting(), tmp_path)
    embed(["b", "c"], Counting(), tmp_path)
    assert asked == ["a", "b", "c"]
    assert set(read_vectors(tmp_path, "counting")) == {key_of("b"), key_of("c")}


@pytest.mark.parametrize(
    "question",
    [
        "where is my parcel", "status of my refund", "write an apology", "帮我查下我那单", "我的快递到哪了",
        "cancel the kettle I ordered", "how many points do I have", "我的积分还剩几分", "帮我改一下地址",
    ],
)  # fmt: skip
def test_what_no_document_can_answer_is_known(question: str) -> None:
    assert is_outside(question)


@pytest.mark.parametrize(
    "question",
    [
        "how do I return my parcel", "退款多久到账", "can you write on the mug",
        "can I cancel my order", "how do I change the address in my account", "积分怎么用",
    ],
)  # fmt: skip
def test_what_documents_can_answer_is_not_refused_by_rule(question: str) -> None:
    assert not is_outside(question)


def test_everyday_words_bring_the_documents_own() -> None:
    assert expand("is it loud") == "is it loud noise"
    assert "噪音" in expand("这个吵不吵")
    assert expand("退货") == "退货"


@pytest.mark.parametrize(
    ("question", "masked"),
    [
        ("how long is the cord of the Twin Slot Toaster?", "how long is the cord of the product ?"),
        ("铸铁煎锅是哪里产的", "它是哪里产的"),
        ("can I pay in bitcoin", "can I pay in bitcoin"),
    ],
)
def test_the_names_of_articles_are_masked(question: str, masked: str) -> None:
    rows = [
        Passage("1", "SKU: HH-K103 | Article: Twin Slot Toaster | Price: 9 EUR", "a", "A", "en", "row"),
        Passage("2", "货号: HH-C201 | 名称: 铸铁煎锅 | 售价: 239 元", "b", "B", "zh", "row"),
    ]
    assert Masker(rows).mask(question) == masked


def test_a_way_of_searching_that_is_left_out_brings_no_candidates(base: Base) -> None:
    question = "how much is the postage to Norway"
    rows = language_rows(base.index, question, None)
    whole = base.index.candidates(question, rows)
    assert len(whole.rows) == len(rows)  # so few passages that each way brings them all
    only_words = Without(base.index, ("e5", "plain", "use")).candidates(question, rows)
    assert 0 < len(only_words.rows) < len(rows)
    assert "Norway" in base.index.passages[only_words.rows[0]].text
    no_words = Without(base.index, ("bm25",)).candidates(question, rows)
    assert list(no_words.rows) == list(whole.rows)
    bm25 = FEATURES.index("bm25")
    assert not no_words.features[:, bm25].any()
    assert whole.features[:, bm25].any()  # the index itself is as it was
