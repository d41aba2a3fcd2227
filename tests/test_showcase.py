"""A submission fits the competition's format, or says what does not."""

from __future__ import annotations

import math

import numpy as np
import pytest

from projects.showcase import predict
from projects.showcase.kaggle import (
    FormatError,
    check_submission,
    read_reviews,
    write_reviews,
    write_submission,
)
from projects.showcase.scores import auc_difference

ROWS = [("12311_10", 'He said "watch it". So I did.'), ("8348_2", "Dull,\nlong.")]


class Counting:
    """Stands in for the classifier: longer reviews are the better ones."""

    def logits(self, texts: list[str]) -> list[tuple[float, float]]:
        return [(0.0, len(text) / 10) for text in texts]


def test_reviews_survive_the_way_out_and_back(tmp_path):
    path = tmp_path / "testData.tsv"
    path.write_text(write_reviews(ROWS), encoding="utf-8")
    assert path.read_text().startswith('id\treview\n"12311_10"\t"He said \\"watch it\\".')
    assert read_reviews(path) == [ROWS[0], ("8348_2", "Dull, long.")]


def test_the_training_file_of_the_competition_can_be_read_too(tmp_path):
    path = tmp_path / "labeledTrainData.tsv"
    path.write_bytes(b'id\tsentiment\treview\r\n"5814_8"\t1\t"With all\tthis stuff"\r\n')
    assert read_reviews(path) == [("5814_8", "With all\tthis stuff")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("id,review\n1,a\n", "testData.tsv:1: the columns are"),
        ("id\treview\n1\n", "testData.tsv:2: 1 columns, expected 2"),
        ("id\treview\n1\ta\n1\tb\n", "testData.tsv:3: id 1 occurs twice"),
    ],
)
def test_a_file_in_another_format_is_named_with_its_line(tmp_path, text, words):
    path = tmp_path / "testData.tsv"
    path.write_text(text)
    with pytest.raises(FormatError, match=words):
        read_reviews(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the header is missing"),
        ("id,label\na,1\n", "the header is id,label"),
        ("id,sentiment\na,1,2\nb,0\n", ":2: 3 columns"),
        ("id,sentiment\na,1\nb,good\n", ":3: sentiment is 'good'"),
        ("id,sentiment\na,1\nb,1.2\n", ":3: sentiment is '1.2'"),
        ("id,sentiment\na,1\nb,nan\n", ":3: sentiment is 'nan'"),
        ("id,sentiment\na,1\na,0\n", "id a occurs twice"),
        ("id,sentiment\na,1\n", "id b is missing"),
        ("id,sentiment\na,1\nb,0\nc,0\n", "id c was not asked for"),
    ],
)
def test_a_submission_that_the_competition_would_refuse_is_refused(text, words):
    with pytest.raises(FormatError, match=words):
        check_submission(text, ["a", "b"])


def test_reviews_are_judged_in_the_order_given(tmp_path, monkeypatch, capsys):
    source, target = tmp_path / "testData.tsv", tmp_path / "submission.csv"
    rows = [(f"id_{n}", "good " * (n * 7 % 40 + 1)) for n in range(40)]
    source.write_text(write_reviews(rows))
    monkeypatch.setattr(predict, "load_classifier", lambda folder: Counting())
    assert predict.main([str(source), str(target)]) == 0
    check_submission(target.read_text(), [name for name, _ in rows])
    expected = write_submission((name, 1 / (1 + math.exp(-len(text.strip()) / 10))) for name, text in rows)
    assert target.read_text() == expected


def test_a_missing_file_is_told_and_nothing_written(tmp_path, capsys):
    assert predict.main([str(tmp_path / "no.tsv"), str(tmp_path / "s.csv")]) == 2
    assert "no.tsv" in capsys.readouterr().err
    assert not (tmp_path / "s.csv").exists()


def test_the_interval_holds_the_area():
    from projects.showcase.submission import auc_interval

    draw = np.random.default_rng(0)
    labels = draw.integers(0, 2, 400)
    scores = labels + draw.normal(0, 1, 400)
    auc, low, high = auc_interval(labels, scores, rounds=200, seed=0)
    pairs = scores[labels == 1][:, None] > scores[labels == 0][None, :]
    assert auc == pytest.approx(pairs.mean())
    assert low < auc < high < 1
    assert auc_interval(labels, labels.astype(float), rounds=20, seed=0) == (1, 1, 1)


def test_the_difference_of_two_areas_is_paired_and_knows_its_sign():
    labels = np.array([0, 1] * 40)
    good = labels + np.linspace(0, 0.5, 80)
    coin = np.random.default_rng(0).random(80)
    gain, low, high = auc_difference(labels, good, coin, rounds=100, seed=0)
    assert low < gain < high
    assert low > 0
    assert auc_difference(labels, good, good, rounds=20, seed=0) == (0, 0, 0)
