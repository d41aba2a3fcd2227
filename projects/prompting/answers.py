"""Experiment: answering from a context: without one, with the right passage, among distractors, by position and length."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from projects.prompting.ask import Asks, embedded, user
from projects.prompting.charts import record_dots
from projects.prompting.documents import SOURCES, Fact, load_facts, read_passages
from projects.prompting.scoring import exact, holds, word_f1
from projects.prompting.tables import column, record_points, record_share
from projects.sentiment.metrics import mcnemar

if TYPE_CHECKING:
    from verifolio.record import Run

SYSTEM = "Answer the customer's question in a few words. Use only the facts given."
CLOSED = "Answer the customer's question of the shop Heronholm in a few words."
CONDITIONS = {
    "closed": {"zh": "没有资料", "en": "no context"},
    "gold": {"zh": "只有正确的一段", "en": "the right passage alone"},
    "first": {"zh": "五段，正确的在最前", "en": "five passages, right one first"},
    "middle": {"zh": "五段，正确的在中间", "en": "five passages, right one in the middle"},
    "last": {"zh": "五段，正确的在最后", "en": "five passages, right one last"},
    "crowded": {"zh": "九段，正确的在中间", "en": "nine passages, right one in the middle"},
}
QUOTE = {
    "zh": "不用模型：照抄五段里最像问题的",
    "en": "no model: quote the most similar of five",
}


def run_answers(run: Run) -> None:
    """Ask the embedded model."""
    with embedded(run) as asker:
        measure_answers(run, asker)


def measure_answers(run: Run, asker: Asks) -> None:
    """Every question under every condition; distractors are drawn once and are the same for all."""
    facts = load_facts(run.root, "test")[: run.params["questions"] or None]
    passages = [one for path in sorted((run.root / SOURCES).glob("*.md")) for one in read_passages(path)]
    replies: dict[str, list[str]] = {key: [] for key in CONDITIONS}
    quoted, copied = [], []
    few, many = run.params["distractors"]
    for number, fact in enumerate(facts):
        others = distractors(fact, passages, many, seed=number)
        for key in CONDITIONS:
            replies[key].append(asker.ask(question_of(key, fact, others, few), max_tokens=24).text)
        copied.append(most_alike(fact.question, place(fact.passage, others[:few], few // 2)))
        quoted.append(holds(copied[-1], fact.answer))
        run.progress(number + 1, len(facts), "questions")
    right = {
        key: np.array([holds(text, fact.answer) for text, fact in zip(found, facts, strict=True)])
        for key, found in replies.items()
    }
    rows = []
    for key, name in CONDITIONS.items():
        record_share(run, key, right[key], f"答对：{name['zh']}", f"right: {name['en']}")
        pairs = list(zip(replies[key], facts, strict=True))
        rows.append(
            {
                "condition": name,
                "right": float(right[key].mean()),
                "exact": float(np.mean([exact(text, fact.answer) for text, fact in pairs])),
                "f1": float(np.mean([word_f1(text, fact.answer) for text, fact in pairs])),
            }
        )
    verbatim = float(np.mean([exact(text, fact.answer) for text, fact in zip(copied, facts, strict=True)]))
    rows.append({"condition": QUOTE, "right": float(np.mean(quoted)), "exact": verbatim, "f1": None})
    record_share(run, "quote", np.array(quoted), f"答对：{QUOTE['zh']}", f"right: {QUOTE['en']}")
    run.table(
        "conditions",
        columns=[
            column("condition", "条件", "condition"), column("right", "答案在回答里", "answer in the reply", "ratio"),
            column("exact", "逐字相等", "exact match", "ratio"), column("f1", "词 F1", "word F1", "score"),
        ],
        rows=rows,
    )  # fmt: skip
    for first, second, zh, en in (
        ("gold", "closed", "给正确的一段，比没有资料", "the right passage minus no context"),
        (
            "middle",
            "gold",
            "加四段干扰，比只有正确的一段",
            "four distractors added, minus the right passage alone",
        ),
        ("last", "first", "正确的在最后，比在最前", "right passage last minus first"),
        ("crowded", "middle", "九段比五段", "nine passages minus five"),
    ):
        record_points(run, f"{first}_minus_{second}", right[first].astype(float) - right[second], zh, en)
    places = np.mean([right[key] for key in ("first", "middle", "last")], axis=0)
    record_points(run, "five_minus_gold", places - right["gold"], "加四段干扰（三种位置平均），比只有正确的一段",
                  "four distractors added, mean of three places, minus the right passage alone")  # fmt: skip
    lost, won, p = mcnemar(right["gold"], right["middle"])
    for key, value, unit, zh, en in (
        ("middle_lost", lost, "count", "干扰后由对变错的问题（正确的在中间）", "questions lost to distractors, right one in the middle"),
        ("middle_won", won, "count", "干扰后由错变对的问题（正确的在中间）", "questions won with distractors, right one in the middle"),
        ("middle_p", p, "score", "同上，精确配对检验的 p", "the same, p of the exact paired test"),
    ):  # fmt: skip
        run.metric(key, value, unit=unit, n=len(facts), label={"zh": zh, "en": en})
    _record_failures(run, facts, replies["gold"], right["gold"])
    _record_kinds(run, facts, right, np.array(quoted))
    record_dots(
        run, "conditions", {**right, "quote": np.array(quoted)}, {**CONDITIONS, "quote": QUOTE},
        "答对的问题（%）", "questions answered (%)",
    )  # fmt: skip


def distractors(fact: Fact, passages: Sequence[str], count: int, *, seed: int) -> list[str]:
    """Other passages of the handbook that do not hold the answer."""
    draw = np.random.default_rng(seed)
    free = [one for one in passages if one != fact.passage and not holds(one, fact.answer)]
    return [free[i] for i in draw.permutation(len(free))[:count]]


def place(passage: str, others: Sequence[str], at: int) -> list[str]:
    """The right passage among the others, at a position."""
    return [*others[:at], passage, *others[at:]]


def question_of(condition: str, fact: Fact, others: Sequence[str], few: int) -> list[dict[str, str]]:
    """The messages of one condition; `few` of the others are shown, or all of them when it is crowded."""
    if condition == "closed":
        return user(f"Question: {fact.question}", CLOSED)
    shown = {
        "gold": [fact.passage],
        "first": place(fact.passage, others[:few], 0),
        "middle": place(fact.passage, others[:few], few // 2),
        "last": place(fact.passage, others[:few], few),
        "crowded": place(fact.passage, others, len(others) // 2),
    }[condition]
    facts = "\n".join(f"- {one}" for one in shown)
    return user(f"Facts:\n{facts}\n\nQuestion: {fact.question}", SYSTEM)


def most_alike(question: str, passages: Sequence[str]) -> str:
    """The passage that shares most words with the question."""
    asked = _words(question)
    return max(passages, key=lambda one: len(asked & _words(one)))


def _words(text: str) -> set[str]:
    return {word for word in re.findall(r"[a-z0-9]+", text.lower()) if len(word) > 2}


def _record_failures(run: Run, facts: Sequence[Fact], replies: Sequence[str], right: np.ndarray) -> None:
    """Some wrong replies although the right passage was there."""
    wrong = [i for i in range(len(facts)) if not right[i]][:5]
    run.table(
        "failures",
        columns=[
            column("question", "问题", "question"), column("answer", "应含", "should hold"),
            column("reply", "回答", "reply"),
        ],
        rows=[
            {"question": facts[i].question, "answer": facts[i].answer.split("|")[0],
             "reply": " ".join(replies[i].split())[:160]}
            for i in wrong
        ],
    )  # fmt: skip


def _record_kinds(run: Run, facts: Sequence[Fact], right: dict[str, np.ndarray], quoted: np.ndarray) -> None:
    """Questions whose answer holds a number against those answered by words alone."""
    number = np.array([any(letter.isdigit() for letter in fact.answer) for fact in facts])
    rows = []
    for key, mask, zh, en in (
        ("numbers", number, "答案含数字", "answer holds a number"),
        ("words", ~number, "答案只是词", "answer is words alone"),
    ):
        rows.append(
            {"kind": {"zh": zh, "en": en}, "n": int(mask.sum()),
             **{way: float(values[mask].mean()) if mask.any() else None
                for way, values in (("gold", right["gold"]), ("crowded", right["crowded"]), ("quote", quoted))}}
        )  # fmt: skip
        if mask.any():
            record_share(
                run,
                f"gold_{key}",
                right["gold"][mask],
                f"只给正确的一段，{zh}",
                f"the right passage alone, {en}",
            )
    run.table(
        "kinds",
        columns=[
            column("kind", "答案的种类", "kind of answer"), column("n", "问题数", "questions", "count"),
            column("gold", "只有正确的一段", "the right passage alone", "ratio"),
            column("crowded", "九段", "nine passages", "ratio"), column("quote", "照抄", "quoted", "ratio"),
        ],
        rows=rows,
    )  # fmt: skip
