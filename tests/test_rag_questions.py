"""The questions can be trusted: their gold stands in the documents, and the splits are kept apart."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from projects.rag.embedded import CELLS
from projects.rag.embedders import load_embedder
from projects.rag.gold import CANARIES, KINDS, SPLITS, load_questions, squeeze
from projects.rag.ingest import ingest, load_passages
from projects.rag.injection import is_dictated
from projects.rag.wording import sentences, words

DOCUMENTS = Path(__file__).parent.parent / "projects/rag/knowledge/documents"
QUESTIONS = [question for split in (*SPLITS, "more", "training") for question in load_questions(split)]


@pytest.fixture(scope="module")
def passages(tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    ingest(DOCUMENTS, store)
    return load_passages(store)


def test_every_gold_place_is_one_passage(passages):
    wrong = []
    for question in QUESTIONS:
        for places in question.gold:
            for place in places:
                found = [one for one in passages if place.holds(one)]
                if len(found) != 1:
                    wrong.append((question.id, place, len(found)))
    assert not wrong


def test_every_expected_answer_stands_in_a_gold_passage(passages):
    wrong = []
    for question in QUESTIONS:
        text = squeeze(" ".join(one.text for one in passages if question.relevant(one)))
        for variants in question.answers:
            if question.gold and not any(squeeze(variant) in text for variant in variants):
                wrong.append((question.id, question.question, variants))
    # Judgements, worked out from what the passages say instead of copied from it.
    worked_out = {"不适用无理由退货", "不支持", "铸铁煎锅", "1,000点"}
    assert not [one for one in wrong if not worked_out & set(map(squeeze, one[2]))]


def test_there_are_enough_of_every_kind_in_both_languages():
    assert len(QUESTIONS) >= 220
    for lang in ("zh", "en"):
        kinds = Counter(question.kind for question in QUESTIONS if question.lang == lang)
        assert min(kinds[kind] for kind in KINDS) >= 10
        assert abs(sum(kinds.values()) / len(QUESTIONS) - 0.5) < 0.03
    for split in SPLITS:
        some = [question for question in QUESTIONS if question.split == split]
        assert sum(not question.answerable for question in some) >= 0.2 * len(some)


def test_questions_are_not_repeated_and_follow_ups_have_a_conversation():
    assert max(Counter((q.question, q.history) for q in QUESTIONS).values()) == 1
    assert max(Counter(q.id for q in QUESTIONS).values()) == 1
    assert all(bool(q.history) == (q.kind == "followup") for q in QUESTIONS)
    assert all(q.answerable or not q.answers for q in QUESTIONS)


def test_development_and_test_ask_for_different_passages(passages):
    asked = {
        split: {
            one.id
            for question in QUESTIONS
            if (question.split == "test") == (split == "test")
            for one in passages
            if question.relevant(one)
        }
        for split in SPLITS
    }
    shared = asked["development"] & asked["test"]
    assert len(shared) <= 0.15 * len(asked["test"])


def test_training_keeps_away_from_the_test(passages):
    """What the encoder is tuned on neither asks for a passage of the test nor nearly repeats a question of it."""
    test, training = load_questions("test"), load_questions("training")
    of_test = {one.id for question in test for one in passages if question.relevant(one)}
    assert not [q.id for q in training for one in passages if one.id in of_test and q.relevant(one)]
    encoder = load_embedder("use_m3")
    said = [encoder.encode_queries([one.question for one in some]) for some in (training, test)]
    assert float((said[0] @ said[1].T).max()) <= 0.8


def test_the_hidden_instructions_are_in_the_base_and_in_no_question_nor_answer(passages):
    for canary in CANARIES:
        assert sum(canary in one.text for one in passages) == 1
        assert not any(canary in question.question + str(question.answers) for question in QUESTIONS)


def test_of_the_shops_own_lines_only_the_planted_ones_are_taken_for_dictated(passages):
    """A filter that is too eager would lose cells and sentences that customers ask about."""
    lines = [
        line
        for one in passages
        for line in (CELLS.split(one.text) if one.kind == "row" else sentences(one.text))
    ]
    caught = [line for line in lines if is_dictated(line)]
    signs = [sign for sign in map(squeeze, CANARIES) if any(sign in squeeze(line) for line in caught)]
    assert len(caught) == 4
    assert len(signs) >= 3  # the English terms name their code in the sentence after


def test_no_question_for_choosing_is_almost_one_of_the_test():
    bags = [(one.split, one.question, set(words(one.question))) for one in QUESTIONS]
    tests = [bag for split, _, bag in bags if split == "test" and bag]
    close = [
        question
        for split, question, bag in bags
        if split != "test" and any(len(bag & one) > 0.6 * len(bag | one) for one in tests)
    ]
    assert not close
