"""What the demo shows without a visitor's click: real answers of the published file, in two precisions, and how they were made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from projects.sentiment import metrics
from projects.sentiment.data import sample
from projects.sentiment.inference import load_classifier
from projects.small_llm.chat import SYSTEM, LocalChat
from projects.small_llm.held_out import VERDICTS, shorten
from projects.small_llm.instructions import QUOTE, read_answer
from projects.small_llm.loading import load_halves

if TYPE_CHECKING:
    from verifolio.record import Run

REVIEW = "Film review: {}\n\nIs this review positive or negative? {}"
ONE_WORD = "Answer with one word."
WRITTEN = [
    ("Two hours of wooden dialogue and a plot that gives up halfway. The music is loud. Avoid it.", 0),
    ("A warm, funny film with a cast that clearly loved making it. I left the cinema smiling.", 1),
    ("Oh great, another sequel nobody asked for.", 0),
]
GENERAL = ["What is the capital of France?", "Write a short poem about rain.", "Why is the sky blue?"]
KINDS = {
    "review": {"zh": "一条评论，要求引文", "en": "a review, with a quotation"},
    "general": {"zh": "与训练无关的问题", "en": "a question unlike the training"},
}


def run_examples(run: Run) -> None:
    """Quotations checked on unseen reviews; then the recorded conversation, each turn by both files."""
    params = run.params
    chosen = sample(
        load_halves(run.input("imdb"), params["limit"]).test, params["reviews"], seed=run.seed + 1
    )
    classifier = load_classifier(run.derived_of("sentiment.export", "classifier.onnx").parent)
    path = run.derived_of("export", "model-q8_0.gguf")
    with LocalChat(path, n_ctx=1024, threads=params["threads"]) as chat:
        counts = {"verdict": 0, "right": 0, "quoted": 0, "verbatim": 0, "agrees": 0}
        for number, (text, label) in enumerate(zip(chosen.texts, chosen.labels, strict=True), 1):
            short = shorten(text, params["words"])
            said, quote = read_answer(answer_of(chat, REVIEW.format(short, QUOTE), params["answer"])["text"])
            counts["verdict"] += said is not None
            counts["right"] += said == int(label)
            counts["quoted"] += bool(quote)
            if quote and quote.strip(" .") in short:
                counts["verbatim"] += 1
                negative, positive = classifier.logits([quote])[0]
                counts["agrees"] += said is not None and (positive > negative) == bool(said)
            run.progress(number, len(chosen), "asking for quotations")
        _record_reasons(run, counts, len(chosen))
        rows = [_row(chat, *one, params["answer"]) for one in _asked(params)]
    with LocalChat(
        run.derived_of("export", "model-q4_1.gguf"), n_ctx=1024, threads=params["threads"]
    ) as chat:
        others = [_row(chat, *one, params["answer"]) for one in _asked(params)]
    _record_rows(run, rows, others)


def answer_of(chat: LocalChat, question: str, most: int) -> dict[str, Any]:
    """The whole answer with its tokens per second."""
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question}]
    pieces = list(chat.stream(messages, max_tokens=most))
    span = pieces[-1].seconds - pieces[0].seconds if len(pieces) > 1 else 0.0
    return {"text": "".join(one.text for one in pieces).strip(), "speed": (len(pieces) - 1) / span if span else None,
            "first": pieces[0].seconds if pieces else None}  # fmt: skip


def _asked(params: dict[str, Any]) -> list[tuple[str, str, str]]:
    reviews = [(REVIEW.format(text, QUOTE), "review", VERDICTS[label]) for text, label in WRITTEN]
    return reviews[: params["shown"]] + [(text, "general", "") for text in GENERAL[: params["shown"]]]


def _row(chat: LocalChat, question: str, kind: str, truth: str, most: int) -> dict[str, Any]:
    found = answer_of(chat, question, most)
    return {"question": question, "kind": KINDS[kind], "truth": truth, **found}


def _record_reasons(run: Run, counts: dict[str, int], n: int) -> None:
    for key, of, zh, en in (
        ("verdict", n, "要求引文时以裁决词开头", "starts with a verdict when asked to quote"),
        ("right", n, "要求引文时的准确率", "accuracy when asked to quote"),
        ("quoted", n, "给出引文", "gives a quotation"),
        ("verbatim", max(1, counts["quoted"]), "引文逐字出自评论", "quotation stands in the review word for word"),
        ("agrees", max(1, counts["verbatim"]), "情感分类器对引文的判断与裁决一致", "the sentiment classifier judges the quotation as the verdict says"),
    ):  # fmt: skip
        share = counts[key] / of
        run.metric(f"reason_{key}", share, unit="ratio", better="higher", n=of, ci=metrics.wilson(share, of),
                   ci_method="Wilson 95 %", label={"zh": zh, "en": en})  # fmt: skip


def _record_rows(run: Run, rows: list[dict[str, Any]], others: list[dict[str, Any]]) -> None:
    run.table(
        "recorded",
        columns=[
            {"key": "question", "label": {"zh": "问题", "en": "question"}},
            {"key": "answer", "label": {"zh": "Q8_0 的回答", "en": "Q8_0 answers"}},
            {"key": "other", "label": {"zh": "Q4_1 的回答", "en": "Q4_1 answers"}},
            {"key": "kind", "label": {"zh": "类别", "en": "kind"}},
            {"key": "truth", "label": {"zh": "应为", "en": "should be"}},
            {"key": "speed", "label": {"zh": "Q8_0 解码", "en": "Q8_0 decoding"}, "unit": "tokens_per_s"},
            {"key": "other_speed", "label": {"zh": "Q4_1 解码", "en": "Q4_1 decoding"}, "unit": "tokens_per_s"},
        ],
        rows=[
            {"question": one["question"], "answer": one["text"] or "—", "other": other["text"] or "—", "kind": one["kind"],
             "truth": one["truth"], "speed": one["speed"], "other_speed": other["speed"]}
            for one, other in zip(rows, others, strict=True)
        ],
    )  # fmt: skip
