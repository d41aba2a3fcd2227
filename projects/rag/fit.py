"""`python -m projects.rag.fit`: the weights of the search and of answerability, from the development questions alone.

Writes weights.json and the committed vectors of the shop's own passages.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import click
import numpy as np
from sklearn.linear_model import LogisticRegression

from projects.rag.base import DOCUMENTS, HOME, Base, load_index, update_base
from projects.rag.embedders import load_embedder
from projects.rag.followup import Resolver
from projects.rag.gold import Question, load_questions
from projects.rag.search import FEATURES, SIGNALS, WEIGHTS, Candidates, Index, language_rows
from projects.rag.vectors import SHIPPED, read_vectors, write_vectors

FOLDS = 10
STRENGTH = (
    1.0  # inverse of the regularisation; from 0.1 to 1 nothing changed by more than one question in a hundred
)


@dataclass(frozen=True)
class Case:
    """A question with what was brought for it."""

    question: Question
    text: str
    found: Candidates
    gold: np.ndarray
    """Whether each candidate is a gold passage (c,)."""


def questions_for_choosing() -> list[Question]:
    """Give all questions but those of the test."""
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
    """Weights by which a gold passage comes before the others brought for its question: RankSVM's pairs, logistic loss."""
    columns = [FEATURES.index(name) for name in features]
    pairs, weight = [], []
    for case in cases:
        if not case.question.answerable or not case.gold.any():
            continue
        wanted, rest = case.found.features[case.gold][:, columns], case.found.features[~case.gold][:, columns]
        differences = (wanted[:, None, :] - rest[None, :, :]).reshape(-1, len(columns))
        pairs.append(differences)
        weight.append(np.full(len(differences), 1 / len(differences)))  # each question counts once
    x, w = np.concatenate(pairs), np.concatenate(weight)
    scale = x.std(axis=0) + 1e-9
    model = LogisticRegression(C=STRENGTH, fit_intercept=False, max_iter=1000)
    both = np.concatenate([x, -x]) / scale
    model.fit(both, np.r_[np.ones(len(x)), np.zeros(len(x))], sample_weight=np.r_[w, w])
    return {
        name: round(float(value), 5) for name, value in zip(features, model.coef_[0] / scale, strict=True)
    }


def fit_answer(cases: Sequence[Case], rank: dict[str, float]) -> dict[str, float]:
    """Logistic weights of the signals for whether the documents say, with a bias for each language."""
    x = np.array([_signals(case, rank) for case in cases])
    y = np.array([case.question.answerable for case in cases])
    english = np.array([case.question.lang == "en" for case in cases], dtype=float)
    mean, scale = x.mean(axis=0), x.std(axis=0)
    model = LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=1000)
    model.fit(np.column_stack([(x - mean) / scale, english]), y)
    weights = model.coef_[0][:-1] / scale
    bias = float(model.intercept_[0] - weights @ mean)
    found = dict(zip(SIGNALS, map(float, weights), strict=True))
    return found | {"zh": bias, "en": bias + float(model.coef_[0][-1])}


def _signals(case: Case, rank: dict[str, float]) -> np.ndarray:
    weights = np.array([rank.get(name, 0.0) for name in FEATURES])
    best = np.argsort(-(case.found.features @ weights), kind="stable")[:5]
    return case.found.absolute[best].max(axis=0)


def recalls(cases: Sequence[Case], index: Index, rank: dict[str, float], k: int = 5) -> np.ndarray:
    """Share of the passages needed that are among the first k, for each answerable question."""
    weights = np.array([rank.get(name, 0.0) for name in FEATURES])
    found = []
    for case in cases:
        if case.question.answerable:
            best = np.argsort(-(case.found.features @ weights), kind="stable")[:k]
            found.append(np.mean(case.question.found([index.passages[case.found.rows[at]] for at in best])))
    return np.array(found)


def held_out(cases: Sequence[Case], index: Index, features: Sequence[str] = FEATURES) -> dict[str, float]:
    """Recall@5 and F1 of refusal on development questions, each judged by weights that were fitted without it."""
    fold = np.random.default_rng(0).permutation(len(cases)) % FOLDS
    recall, refused, should = [], [], []
    for at in range(FOLDS):
        rest = [case for case, of in zip(cases, fold, strict=True) if of != at]
        own = [case for case, of in zip(cases, fold, strict=True) if of == at]
        rank = fit_rank(rest, features)
        recall += recalls(own, index, rank).tolist()
        answer = fit_answer(rest, rank)
        for case in own:
            logit = answer[case.question.lang] + sum(
                answer[n] * v for n, v in zip(SIGNALS, _signals(case, rank), strict=True)
            )
            refused.append(logit < 0)
            should.append(not case.question.answerable)
    hit = float(np.sum(np.array(refused) & np.array(should)))
    return {"recall5": float(np.mean(recall)), "refusal_f1": 2 * hit / (sum(refused) + sum(should))}


@click.command()
def main() -> None:
    """Fit and write."""
    home = HOME / "shop"
    update_base(DOCUMENTS, home)
    index = load_index(home)
    cases = cases_of(index, questions_for_choosing())
    click.echo(f"held out, {FOLDS} folds: {held_out(cases, index)}")
    rank = fit_rank(cases)
    weights = {
        "rank": rank,
        "answer": {name: round(value, 5) for name, value in fit_answer(cases, rank).items()},
    }
    WEIGHTS.write_text(json.dumps(weights, indent=1) + "\n", "utf-8")
    vectors = read_vectors(home, "e5_small")
    write_vectors(SHIPPED, "e5_small", dict(sorted(vectors.items())), load_embedder("e5_small").dimensions)
    Base(index)  # the file can be read
    click.echo(json.dumps(weights))


if __name__ == "__main__":
    main()
