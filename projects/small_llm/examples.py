"""What the demo shows without a visitor's click: real answers of the published files, in two precisions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from projects.small_llm.chat import SYSTEM, LocalChat
from projects.small_llm.held_out import VERDICTS

if TYPE_CHECKING:
    from verifolio.record import Run

REVIEW = "Film review: {}\n\nIs this review positive or negative? Answer with one word."
WRITTEN = [
    ("Two hours of wooden dialogue and a plot that gives up halfway. The music is loud. Avoid it.", 0),
    ("A warm, funny film with a cast that clearly loved making it. I left the cinema smiling.", 1),
    ("Oh great, another sequel nobody asked for.", 0),
    ("The first half drags, but the last twenty minutes are worth the ticket.", 1),
]
GENERAL = [
    ("What is the capital of France?", "Paris"),
    ("Write a short poem about rain.", ""),
    ("Why is the sky blue?", ""),
    ("How much is 17 plus 25?", "42"),
]
KINDS = {
    "review": {"zh": "像训练那样的影评", "en": "a review, as in training"},
    "general": {"zh": "与训练无关的问题", "en": "a question unlike the training"},
}


def run_examples(run: Run) -> None:
    """The same questions to Q8_0 and Q4_1, as the demo asks them."""
    params = run.params
    asked = [(REVIEW.format(text), "review", VERDICTS[label]) for text, label in WRITTEN][: params["shown"]]
    asked += [(text, "general", truth) for text, truth in GENERAL][: params["shown"]]
    answers: dict[str, list[dict[str, Any]]] = {}
    for kind in ("q8_0", "q4_1"):
        path = run.derived_of("export", f"model-{kind}.gguf")
        with LocalChat(path, n_ctx=1024, threads=params["threads"]) as chat:
            answers[kind] = [answer_of(chat, question, params["answer"]) for question, _, _ in asked]
    rows = [
        {"question": question, "answer": one["text"], "other": other["text"], "kind": KINDS[kind], "truth": truth,
         "speed": one["speed"], "other_speed": other["speed"]}
        for (question, kind, truth), one, other in zip(asked, answers["q8_0"], answers["q4_1"], strict=True)
    ]  # fmt: skip
    right = sum(row["answer"].startswith(row["truth"]) for row in rows if row["kind"] == KINDS["review"])
    run.metric("reviews_right", right, unit="count", better="higher", n=len(asked) // 2,
               label={"zh": "四条自写影评中 Q8_0 判对的", "en": "of the reviews written for the demo, judged rightly by Q8_0"})  # fmt: skip
    run.metric("same_answers", sum(row["answer"] == row["other"] for row in rows), unit="count", n=len(rows),
               label={"zh": "两种精度一字不差的回答", "en": "answers equal word for word in both precisions"})  # fmt: skip
    run.table(
        "recorded",
        columns=[
            {"key": "question", "label": {"zh": "问题", "en": "question"}},
            {"key": "answer", "label": {"zh": "Q8_0 的回答", "en": "Q8_0 answers"}},
            {"key": "other", "label": {"zh": "Q4_1 的回答", "en": "Q4_1 answers"}},
            {"key": "kind", "label": {"zh": "类别", "en": "kind"}},
            {"key": "truth", "label": {"zh": "应为", "en": "should be"}},
            {"key": "speed", "label": {"zh": "Q8_0 解码", "en": "Q8_0 decoding"}, "unit": "tokens_per_s"},
            {
                "key": "other_speed",
                "label": {"zh": "Q4_1 解码", "en": "Q4_1 decoding"},
                "unit": "tokens_per_s",
            },
        ],
        rows=rows,
    )


def answer_of(chat: LocalChat, question: str, most: int) -> dict[str, Any]:
    """The whole answer with its tokens per second; none for an answer of one token."""
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question}]
    pieces = list(chat.stream(messages, max_tokens=most))
    span = pieces[-1].seconds - pieces[0].seconds if len(pieces) > 1 else 0.0
    text = "".join(one.text for one in pieces).strip()
    return {"text": text or "—", "speed": (len(pieces) - 1) / span if span else None}
