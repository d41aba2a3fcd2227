"""Where the classifier errs: slices of the held-out reviews, and its most confident mistakes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from projects.sentiment.data import load_split
from projects.sentiment.metrics import wilson
from projects.sentiment.report import read_probabilities

if TYPE_CHECKING:
    from verifolio.record import Run

PRAISE = {
    "great",
    "excellent",
    "wonderful",
    "best",
    "love",
    "loved",
    "brilliant",
    "superb",
    "perfect",
    "amazing",
    "beautiful",
    "enjoyed",
    "fun",
    "fantastic",
    "outstanding",
    "favorite",
    "masterpiece",
}
BLAME = {
    "bad",
    "worst",
    "awful",
    "terrible",
    "boring",
    "waste",
    "poor",
    "poorly",
    "stupid",
    "horrible",
    "dull",
    "lame",
    "annoying",
    "disappointing",
    "ridiculous",
    "crap",
    "mess",
}
TURNS = {"but", "however", "although", "though", "yet", "despite", "except", "unfortunately"}

SLICES = {
    "all": {"zh": "全部", "en": "all"},
    "short": {"zh": "短评（不到 120 词）", "en": "short (under 120 words)"},
    "long": {"zh": "长评（超过 350 词，中间被截去）", "en": "long (over 350 words, middle cut out)"},
    "turning": {"zh": "转折多（每百词 2 个以上）", "en": "many turns (over 2 per 100 words)"},
    "mixed": {"zh": "褒贬混杂（两类词各 2 个以上）", "en": "mixed (2 or more words of praise and of blame)"},
    "against": {"zh": "用词与立场相反", "en": "words against the verdict"},
    "plain": {"zh": "几乎没有评价词", "en": "hardly a judging word"},
    "rated": {"zh": "写明了分数", "en": "a mark is given in the text"},
}
_MARK = re.compile(r"\b\d{1,2}(?:\.\d)?\s*(?:/|out of)\s*\d{1,2}\b", re.IGNORECASE)


def slices_of(text: str, label: int) -> set[str]:
    """The slices a review belongs to; a rough, countable reading, not an understanding."""
    words = re.findall(r"[a-z']+", text.lower())
    praise = sum(word in PRAISE for word in words)
    blame = sum(word in BLAME for word in words)
    turns = sum(word in TURNS for word in words)
    found = {"all"}
    if len(words) < 120:
        found.add("short")
    if len(words) > 350:
        found.add("long")
    if turns > 0.02 * len(words):
        found.add("turning")
    if praise >= 2 and blame >= 2:
        found.add("mixed")
    if (praise - blame >= 2 and label == 0) or (blame - praise >= 2 and label == 1):
        found.add("against")
    if praise + blame == 0:
        found.add("plain")
    if _MARK.search(text):
        found.add("rated")
    return found


def run_errors(run: Run) -> None:
    """Accuracy by slice for LoRA and TF-IDF; the mistakes made with most confidence."""
    split = load_split(run.input("imdb"), limit=run.params["limit"])
    labels, texts = split.test.labels, split.test.texts
    positive = {key: read_probabilities(run.product_of(key, f"{key}/test.json")) for key in ("lora", "tfidf")}
    right = {key: (share >= 0.5) == (labels == 1) for key, share in positive.items()}
    member = [slices_of(text, int(label)) for text, label in zip(texts, labels, strict=True)]
    rows = []
    for key, name in SLICES.items():
        inside = np.array([key in one for one in member])
        if not inside.any():
            continue
        lora, tfidf = float(right["lora"][inside].mean()), float(right["tfidf"][inside].mean())
        low, high = wilson(lora, int(inside.sum()))
        rows.append(
            {
                "slice": name,
                "reviews": int(inside.sum()),
                "lora": lora,
                "low": low,
                "high": high,
                "tfidf": tfidf,
            }
        )
        run.metric(
            f"{key}_accuracy", lora, unit="ratio", better="higher", n=int(inside.sum()), ci=(low, high),
            ci_method="Wilson 95 %",
            label={"zh": f"LoRA 准确率：{name['zh']}", "en": f"LoRA accuracy: {name['en']}"},
        )  # fmt: skip
    run.table(
        "slices",
        columns=[
            {"key": "slice", "label": {"zh": "哪些评论", "en": "which reviews"}},
            {"key": "reviews", "label": {"zh": "数量", "en": "reviews"}, "unit": "count"},
            {"key": "lora", "label": {"zh": "LoRA", "en": "LoRA"}, "unit": "ratio"},
            {"key": "low", "label": {"zh": "区间下限", "en": "interval from"}, "unit": "ratio"},
            {"key": "high", "label": {"zh": "区间上限", "en": "to"}, "unit": "ratio"},
            {"key": "tfidf", "label": {"zh": "TF-IDF", "en": "TF-IDF"}, "unit": "ratio"},
        ],
        rows=rows,
    )
    confidence = np.maximum(positive["lora"], 1 - positive["lora"])
    wrong = ~right["lora"]
    run.metric(
        "confident_errors", int((wrong & (confidence >= 0.9)).sum()), unit="count", better="lower",
        n=int(wrong.sum()), label={"zh": "十拿九稳却判错", "en": "wrong at 90 % confidence or more"},
    )  # fmt: skip
    run.metric(
        "errors_shared", int((wrong & ~right["tfidf"]).sum()), unit="count", n=int(wrong.sum()),
        label={"zh": "TF-IDF 也判错的", "en": "also wrong in TF-IDF"},
    )  # fmt: skip
    _record_examples(run, texts, labels, positive["lora"], wrong, member)


def _record_examples(run: Run, texts, labels, positive, wrong, member) -> None:
    sides = ({"zh": "差评", "en": "negative"}, {"zh": "好评", "en": "positive"})
    order = [i for i in np.argsort(-np.abs(positive - 0.5)) if wrong[i]]
    chosen = [i for side in (0, 1) for i in [j for j in order if labels[j] == side][: run.params["examples"]]]
    rows = []
    for number, i in enumerate(chosen, 1):
        tags = [SLICES[key] for key in SLICES if key in member[i] and key != "all"]
        rows.append(
            {
                "number": str(number),
                "excerpt": excerpt(texts[i]),
                "truth": sides[int(labels[i])],
                "confidence": float(max(positive[i], 1 - positive[i])),
                "slices": {
                    "zh": "；".join(tag["zh"] for tag in tags) or "—",
                    "en": "; ".join(tag["en"] for tag in tags) or "—",
                },
            }
        )
    run.table(
        "mistakes",
        columns=[
            {"key": "number", "label": {"zh": "序号", "en": "no."}},
            {"key": "excerpt", "label": {"zh": "评论的结尾", "en": "how the review ends"}},
            {"key": "truth", "label": {"zh": "其实是", "en": "it is"}},
            {
                "key": "confidence",
                "label": {"zh": "判错时的把握", "en": "confidence in the error"},
                "unit": "ratio",
            },
            {"key": "slices", "label": {"zh": "特征", "en": "marks"}},
        ],
        rows=rows,
    )


def excerpt(text: str, words: int = 32) -> str:
    """The last words: a short quotation from where reviewers judge."""
    parts = text.split()
    return text if len(parts) <= words else "… " + " ".join(parts[-words:])
