"""`python -m projects.rag.fit`: the weights of passages, pieces and answerability, from the development questions.

The machines of topics learn from the training questions too, on which the encoder was tuned before (`tune`).
Writes weights.json, topics.npz and the committed vectors of the shop's own passages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import SVC

from projects.rag.answerable import SIGNALS
from projects.rag.base import DOCUMENTS, HOME, Base, load_index, update_base
from projects.rag.embedders import load_embedder
from projects.rag.evidence import SIGNS
from projects.rag.fitted import GAMMA, Topic, write_weights
from projects.rag.followup import Resolver
from projects.rag.gold import Question, load_questions
from projects.rag.scoring import holds_all
from projects.rag.search import FEATURES, Candidates, Index, language_rows, texts_of
from projects.rag.vectors import SHIPPED, embed, read_vectors, write_vectors

FOLDS = 5
STRENGTH = (
    1.0  # inverse of the regularisation; from 0.1 to 1 nothing changed by more than one question in a hundred
)
TOPIC_STRENGTH, ANSWER_STRENGTH = 3.0, 0.1
OTHERS = -1.5
"""Weight at most of that a rule is for customers whom the question does not mention: too few questions turn on it to fit it,
and down to here no development question is answered worse."""
SILENT = 0.24
"""Share of questions that the documents do not answer, in use; more of them were written to learn from."""


@dataclass(frozen=True)
class Case:
    """A question with what was brought for it."""

    question: Question
    text: str
    found: Candidates
    gold: np.ndarray
    """Whether each candidate is a gold passage (c,)."""


@dataclass(frozen=True)
class Heard:
    """Training questions as the machines of topics see them: many, and none of them put to the documents."""

    vectors: dict[str, np.ndarray]
    """By topic: (n, dimensions)."""
    silent: np.ndarray
    """Whether the documents do not answer each (n,)."""


def hear(index: Index, questions: Sequence[Question] | None = None) -> Heard:
    """Read questions for the machines; those of the training if none are given."""
    base, told = Base(index), load_questions("training") if questions is None else questions
    asked = [base.asked(one.question) for one in told]
    return Heard(
        {name: np.array([one[name] for one in asked]) for name in asked[0]},
        np.array([not one.answerable for one in told]),
    )


def questions_for_choosing() -> list[Question]:
    """Give the development questions: neither those of the test nor those that the encoder was tuned on."""
    return load_questions("development") + load_questions("more")


def cases_of(index: Index, questions: Sequence[Question]) -> list[Case]:
    """Search for each question, a follow-up made whole first."""
    resolver, cases = Resolver(index.passages), []
    for one in questions:
        text = resolver.resolve(one.question, one.history)
        found = index.candidates(text, language_rows(index, text, None))
        gold = np.array([one.relevant(index.passages[at]) for at in found.rows])
        cases.append(Case(one, text, found, gold))
    return cases


def fit_rank(cases: Sequence[Case], features: Sequence[str] = FEATURES) -> dict[str, float]:
    """Weights by which a gold passage comes before the others brought for its question."""
    columns = [FEATURES.index(name) for name in features]
    return _fit_order([(case.found.features[:, columns], case.gold) for case in cases], features)


def fit_pieces(cases: Sequence[Case], base: Base) -> dict[str, float]:
    """Weights by which a piece of a gold passage that holds an expected answer comes before the others found."""
    known = []
    for case in cases:
        pieces = base.weigh(case.text, base.ranked(case.found))
        if not pieces or not case.question.answers:
            continue
        signs = np.array([one.signs for one in pieces])
        signs[:, :3] -= signs[:, :3].max(axis=0)
        good = [
            case.question.relevant(one.passage)
            and any(holds_all(one.text, [a]) for a in case.question.answers)
            for one in pieces
        ]
        known.append((signs, np.array(good)))
    weights = _fit_order(known, SIGNS)
    return weights | {"others": min(weights["others"], OTHERS)}


def _fit_order(known: Sequence[tuple[np.ndarray, np.ndarray]], names: Sequence[str]) -> dict[str, float]:
    """Fit an order from (features, whether good) of each question: RankSVM's pairs, logistic loss."""
    pairs, weight = [], []
    for features, good in known:
        if not good.any() or good.all():
            continue
        differences = (features[good][:, None, :] - features[~good][None, :, :]).reshape(-1, len(names))
        pairs.append(differences)
        weight.append(np.full(len(differences), 1 / len(differences)))  # each question counts once
    x, w = np.concatenate(pairs), np.concatenate(weight)
    scale = x.std(axis=0) + 1e-9
    model = LogisticRegression(C=STRENGTH, fit_intercept=False, max_iter=1000)
    both = np.concatenate([x, -x]) / scale
    model.fit(both, np.r_[np.ones(len(x)), np.zeros(len(x))], sample_weight=np.r_[w, w])
    return {name: round(float(value), 5) for name, value in zip(names, model.coef_[0] / scale, strict=True)}


def fit_answer(cases: Sequence[Case], base: Base, heard: Heard) -> dict[str, Any]:
    """The machines of `topics`, and logistic weights of the signals for that the documents do not say.

    The machines learn from the training questions too. The signals that they give are taken from folds that they were
    not fitted on, or they would seem to know everything.
    """
    y = np.array([not case.question.answerable for case in cases])
    asked = [base.asked(case.text) for case in cases]
    topics, said = {}, []
    for name in asked[0]:
        vectors = np.array([one[name] for one in asked])
        machine = SVC(C=TOPIC_STRENGTH, gamma=GAMMA, class_weight="balanced")
        known, told = np.concatenate([heard.vectors[name], vectors]), np.r_[heard.silent, y]
        # The files stand in order of kind and language; the training questions are in no fold.
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(vectors, y)
        values = np.zeros(len(y))
        for rest, own in folds:
            some = np.r_[np.arange(len(heard.silent)), len(heard.silent) + rest]
            values[own] = machine.fit(known[some], told[some]).decision_function(vectors[own])
        said.append(values)
        machine.fit(known, told)
        topics[name] = Topic(
            machine.support_vectors_.astype(np.float16),
            machine.dual_coef_[0].astype(np.float32),
            float(machine.intercept_[0]),
        )
    x = np.array(
        [_signals(case, base, values) for case, values in zip(cases, zip(*said, strict=True), strict=True)]
    )
    mean, scale = x.mean(axis=0), x.std(axis=0) + 1e-9
    share = y.mean()
    weight = np.where(y, SILENT / share, (1 - SILENT) / (1 - share))
    model = LogisticRegression(C=ANSWER_STRENGTH, max_iter=1000).fit(
        (x - mean) / scale, y, sample_weight=weight
    )
    weights = model.coef_[0] / scale
    found = dict(zip(SIGNALS, (round(float(one), 5) for one in weights), strict=True))
    return {
        "answer": found | {"bias": round(float(model.intercept_[0] - weights @ mean), 5)},
        "topics": topics,
    }


def _signals(case: Case, base: Base, topics: Sequence[float]) -> np.ndarray:
    found = base.ranked(case.found)
    return base.signals(case.text, found, base.weigh(case.text, found), topics)


def fit(
    cases: Sequence[Case], index: Index, heard: Heard, features: Sequence[str] = FEATURES
) -> dict[str, Any]:
    """All weights, each fitted on top of the ones before."""
    weights: dict[str, Any] = {"rank": fit_rank(cases, features)}
    weights["piece"] = fit_pieces(cases, Base(index, weights))
    return weights | fit_answer(cases, Base(index, weights), heard)


def recalls(cases: Sequence[Case], base: Base, k: int = 5) -> np.ndarray:
    """Share of the passages needed that are among the first k, for each answerable question."""
    return np.array([
        np.mean(case.question.found(base.ranked(case.found, k).passages)) for case in cases if case.question.answerable
    ])  # fmt: skip


def held_out(cases: Sequence[Case], index: Index, heard: Heard) -> dict[str, float]:
    """Recall@5 and F1 of refusal on development questions, each judged by weights that were fitted without it.

    In the F1 the questions that the documents do not answer weigh as much as they do in use (`SILENT`).
    """
    fold = np.random.default_rng(0).permutation(len(cases)) % FOLDS
    recall: list[float] = []
    refused, should = [], []
    for at in range(FOLDS):
        rest = [case for case, of in zip(cases, fold, strict=True) if of != at]
        own = [case for case, of in zip(cases, fold, strict=True) if of == at]
        base = Base(index, fit(rest, index, heard))
        recall += recalls(own, base).tolist()
        for case in own:
            if not case.question.either:
                found = base.ranked(case.found)
                refused.append(not base.says(case.text, found, base.weigh(case.text, found)))
                should.append(not case.question.answerable)
    said, true = np.array(refused), np.array(should)
    weight = np.where(true, SILENT / true.mean(), (1 - SILENT) / (1 - true.mean()))
    hit = float((weight * (said & true)).sum())
    f1 = 2 * hit / float((weight * said).sum() + (weight * true).sum())
    return {"recall5": float(np.mean(recall)), "refusal_f1": f1}


@click.command()
def main() -> None:
    """Fit and write."""
    home = HOME / "shop"
    update_base(DOCUMENTS, home)
    index = load_index(home)
    cases = cases_of(index, questions_for_choosing())
    heard = hear(index)
    weights = fit(cases, index, heard)
    write_weights(weights)
    for name in ("e5_tuned", "e5_small"):  # the second for the browser and for comparisons
        encoder = load_embedder(name)
        embed(texts_of(index.passages)["e5"], encoder, home)
        vectors = read_vectors(home, encoder.name)
        for old in SHIPPED.glob(f"vectors-{name}-*.npz"):
            old.unlink()  # of another adapter
        write_vectors(SHIPPED, encoder.name, dict(sorted(vectors.items())), encoder.dimensions)
    Base(index)  # the files can be read
    click.echo({key: value for key, value in weights.items() if key != "topics"})
    click.echo(f"held out, {FOLDS} folds: {held_out(cases, index, heard)}")


if __name__ == "__main__":
    main()
