"""Experiment: follow-up questions: how much of the conversation to show, and what rewriting the question gains."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from projects.prompting.ask import Asks, embedded, user
from projects.prompting.charts import record_dots
from projects.prompting.scoring import holds
from projects.prompting.tables import column, record_mean, record_points, record_share

if TYPE_CHECKING:
    from verifolio.record import Run

CONVERSATIONS = Path(__file__).with_name("conversations.yml")
SYSTEM = "You are the assistant of a shop. Answer the customer's last question in one short sentence."
RECALL = "Answer the question in one short sentence. Use only what was said before."
Turns = Sequence[tuple[str, str]]
NAMES = {
    "none": {"zh": "不给历史", "en": "no history"},
    "window": {"zh": "只给最近两轮", "en": "the last two turns"},
    "full": {"zh": "完整历史", "en": "full history"},
    "summary": {"zh": "历史的摘要", "en": "a summary of the history"},
    "rewrite": {
        "zh": "模型改写问题，再找出相关的一轮",
        "en": "question rewritten by the model, then one turn recalled",
    },
    "byhand": {
        "zh": "人改写问题，再找出相关的一轮",
        "en": "question rewritten by hand, then one turn recalled",
    },
}


def none(asker: Asks, said: Turns, asked: dict[str, str]) -> str:
    """The question alone."""
    return _chat(asker, [], asked["ask"])


def window(asker: Asks, said: Turns, asked: dict[str, str]) -> str:
    """The last two turns."""
    return _chat(asker, said[-2:], asked["ask"])


def full(asker: Asks, said: Turns, asked: dict[str, str]) -> str:
    """All turns."""
    return _chat(asker, said, asked["ask"])


def summary(asker: Asks, said: Turns, asked: dict[str, str]) -> str:
    """All but the last turn as a summary by the model, then the last turn."""
    short = asker.ask(
        user(
            f"{transcript(said[:-1])}\n\nSummarise the conversation in two sentences. Keep numbers and names."
        ),
        max_tokens=64,
    ).text
    return _chat(asker, said[-1:], asked["ask"], system=f"{SYSTEM} So far: {short}")


def rewrite(asker: Asks, said: Turns, asked: dict[str, str]) -> str:
    """The model makes the question stand alone; the turn most like it is recalled."""
    return _recalled(asker, said, rewritten(asker, said, asked["ask"]))


def rewritten(asker: Asks, said: Turns, question: str) -> str:
    """The question as the model puts it so that it can be understood alone."""
    return asker.ask(
        user(
            f"{transcript(said)}\n\nRewrite the customer's next question so that it can be understood alone.\n"
            f"Question: {question}\nRewritten:"
        ),
        max_tokens=32,
    ).text


def byhand(asker: Asks, said: Turns, asked: dict[str, str]) -> str:
    """What rewriting could gain if it were done well."""
    return _recalled(asker, said, asked["whole"])


STRATEGIES: dict[str, Callable[[Asks, Turns, dict[str, str]], str]] = {
    "none": none, "window": window, "full": full, "summary": summary, "rewrite": rewrite, "byhand": byhand,
}  # fmt: skip


def transcript(said: Turns) -> str:
    """A conversation as text."""
    return "\n".join(f"Customer: {question}\nShop: {answer}" for question, answer in said)


def recall(question: str, said: Turns) -> tuple[str, str]:
    """The turn that shares most words with the question; of equals the latest."""
    wanted = _words(question)
    return max(reversed(said), key=lambda turn: len(wanted & _words(" ".join(turn))))


def _words(text: str) -> set[str]:
    return {word for word in re.findall(r"[a-z0-9]+", text.lower()) if len(word) > 2}


def _recalled(asker: Asks, said: Turns, question: str) -> str:
    shown = transcript([recall(question, said)])
    return asker.ask(user(f"{shown}\n\nQuestion: {question}", RECALL), max_tokens=32).text


def _chat(asker: Asks, said: Turns, question: str, *, system: str = SYSTEM) -> str:
    messages = [{"role": "system", "content": system}]
    for asked, answered in said:
        messages += [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
    return asker.ask([*messages, {"role": "user", "content": question}], max_tokens=32).text


def run_followups(run: Run) -> None:
    """Ask the embedded model."""
    with embedded(run) as asker:
        measure_followups(run, asker)


def measure_followups(run: Run, asker: Asks) -> None:
    """Every follow-up under every strategy."""
    talks = yaml.safe_load(CONVERSATIONS.read_text("utf-8"))[: run.params["talks"] or None]
    pairs: list[tuple[Turns, dict[str, str]]] = [
        ([tuple(turn) for turn in talk["said"]], asked) for talk in talks for asked in talk["asked"]
    ][: run.params["asked"] or None]
    replies: dict[str, list[str]] = {}
    for key, strategy in STRATEGIES.items():
        replies[key] = [strategy(asker, said, asked) for said, asked in pairs]
        run.progress(len(replies), len(STRATEGIES), "strategies")
    right = {
        key: np.array([holds(text, asked["answer"]) for text, (_, asked) in zip(found, pairs, strict=True)])
        for key, found in replies.items()
    }
    rows: list[dict[str, Any]] = []
    for key, name in NAMES.items():
        record_share(run, key, right[key], f"答对：{name['zh']}", f"right: {name['en']}")
        rows.append({"strategy": name, "right": float(right[key].mean()),
                     "example": " ".join(replies[key][0].split())[:140]})  # fmt: skip
    run.table(
        "strategies",
        columns=[
            column("strategy", "做法", "strategy"), column("right", "答对", "right", "ratio"),
            column("example", "对第一问的回答", "reply to the first question"),
        ],
        rows=rows,
    )  # fmt: skip
    for first, second, zh, en in (
        ("full", "window", "完整历史比最近两轮", "full history minus the last two turns"),
        ("summary", "full", "摘要比完整历史", "summary minus full history"),
        ("rewrite", "full", "模型改写比完整历史", "rewritten by the model minus full history"),
        ("byhand", "rewrite", "人改写比模型改写", "rewritten by hand minus by the model"),
    ):
        record_points(run, f"{first}_minus_{second}", right[first].astype(float) - right[second], zh, en)
    _record_rewrites(run, asker, pairs, right)
    record_dots(run, "strategies", right, NAMES, "答对的追问（%）", "follow-ups answered (%)")


def _record_rewrites(
    run: Run, asker: Asks, pairs: list[tuple[Turns, dict[str, str]]], right: dict[str, np.ndarray]
) -> None:
    """Where rewriting fails: how often the recalled turn holds the answer, and what the model wrote."""
    model = [rewritten(asker, said, asked["ask"]) for said, asked in pairs]
    found = {
        way: np.array([holds(" ".join(recall(question, said)), asked["answer"])
                       for question, (said, asked) in zip(questions, pairs, strict=True)])
        for way, questions in (("byhand", [asked["whole"] for _, asked in pairs]), ("rewrite", model),
                               ("asked", [asked["ask"] for _, asked in pairs]))
    }  # fmt: skip
    for key, way, zh, en in (
        ("recalled", "byhand", "人改写后，找出的一轮含答案", "the recalled turn holds the answer, rewritten by hand"),
        ("recalled_model", "rewrite", "模型改写后，找出的一轮含答案", "the recalled turn holds the answer, rewritten by the model"),
        ("recalled_asked", "asked", "不改写，找出的一轮含答案", "the recalled turn holds the answer, not rewritten"),
    ):  # fmt: skip
        record_mean(run, key, found[way], zh, en)
    yes, no = {"zh": "是", "en": "yes"}, {"zh": "否", "en": "no"}
    run.table(
        "rewrites",
        columns=[
            column("ask", "追问", "follow-up"), column("byhand", "人改写", "rewritten by hand"),
            column("model", "模型改写", "rewritten by the model"), column("recalled", "找对了那一轮", "right turn recalled"),
            column("right", "答对", "right"),
        ],
        rows=[
            {"ask": asked["ask"], "byhand": asked["whole"], "model": " ".join(model[i].split())[:120],
             "recalled": yes if found["rewrite"][i] else no, "right": yes if right["rewrite"][i] else no}
            for i, (_, asked) in enumerate(pairs)
        ],
    )  # fmt: skip
