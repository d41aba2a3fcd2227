"""The classifier as a Gradio app: text in, verdict and the words that moved it out.

Run here: `make serve` (or `python demos/classifier/app.py`). On a Space the folder stands alone: the
project's pure modules lie beside this file under their own names and the weights in `model/`. Importing does nothing but
lay out the page; the model loads with the first text.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import gradio as gr

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE if (HERE / "projects").is_dir() else ROOT))

from projects.sentiment.inference import Verdict, WordEffect, load_classifier  # noqa: E402
from projects.sentiment.text import clean  # noqa: E402

LABELS = {"positive": "正面 positive", "negative": "负面 negative"}
MAX_CHARACTERS = 20_000
EMPTY = "请先输入一段英文影评。 Please type a film review first."
TOO_LONG = f"文本太长：最多 {MAX_CHARACTERS:,} 个字符。 Too long: {MAX_CHARACTERS:,} characters at most."
EXAMPLES = [
    "A warm, funny film with a cast that clearly loved making it. I left the cinema smiling.",
    "Two hours of wooden dialogue and a plot that gives up halfway. Avoid.",
    "The first half drags, but the last twenty minutes are worth the ticket.",
    "Oh great, another sequel nobody asked for.",
]


def model_folder() -> Path:
    """The weights: beside this file on a Space, in the build folder here."""
    return HERE / "model" if (HERE / "model").is_dir() else ROOT / "build" / "derived" / "sentiment"


def classify(text: str) -> tuple[dict[str, float], list[tuple[str, float | None]]]:
    """(label → probability, the text in pieces with the effect of each)."""
    text = clean(text or "")
    if not text:
        raise gr.Error(EMPTY, duration=8)
    if len(text) > MAX_CHARACTERS:
        raise gr.Error(TOO_LONG, duration=8)
    try:
        classifier = load_classifier(model_folder())
    except FileNotFoundError as error:
        raise gr.Error(str(error), duration=None) from None
    return probabilities(classifier.classify(text)), pieces(text, classifier.word_effects(text))


def probabilities(verdict: Verdict) -> dict[str, float]:
    """Both classes with their probabilities."""
    return {LABELS["positive"]: verdict.positive, LABELS["negative"]: 1 - verdict.positive}


def pieces(text: str, effects: list[WordEffect]) -> list[tuple[str, float | None]]:
    """The text cut at its words; effects scaled to -1..1, words that hardly matter stay plain."""
    largest = max((abs(one.effect) for one in effects), default=0.0) or 1.0
    parts: list[tuple[str, float | None]] = []
    at = 0
    for one in effects:
        parts.append((text[at : one.start], None))
        share = one.effect / largest
        parts.append((one.word, share if abs(share) > 0.1 else None))
        at = one.end
    return [part for part in [*parts, (text[at:], None)] if part[0]]


with gr.Blocks(title="影评情感分类器 · Film review classifier", analytics_enabled=False) as demo:
    gr.Markdown(
        "### 影评情感分类器 · Film review classifier\n"
        "英文影评 → 正面或负面。不擅长反讽与双重否定。 Film reviews in English; bad at irony and double negation."
    )
    with gr.Row():
        with gr.Column():
            text = gr.Textbox(
                label="影评 · Review", lines=6, max_lines=14, max_length=MAX_CHARACTERS, autofocus=False
            )
            button = gr.Button("判断 · Classify", variant="primary")
            gr.Examples(EXAMPLES, inputs=text, label="例子 · Examples")
        with gr.Column():
            verdict = gr.Label(label="判断 · Verdict", num_top_classes=2)
            words = gr.HighlightedText(
                label="左右判断的词 · Words that moved it (＋ positive, − negative)",
                show_legend=False,
                combine_adjacent=False,
            )
    gr.on([button.click, text.submit], classify, inputs=text, outputs=[verdict, words], api_name="classify")


if __name__ == "__main__":
    demo.launch(
        server_name=os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1"),
        server_port=int(os.environ.get("GRADIO_SERVER_PORT", "7860")),
    )
