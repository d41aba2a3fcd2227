"""The classifier as a Gradio app: text in, verdict and the words that moved it out.

Run here: `make serve` (or `python demos/classifier/app.py`). On a Space the folder stands alone: the
project's inference module lies beside this file and the weights in `model/`. Importing does nothing but
lay out the page; the model loads with the first text.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import gradio as gr

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
if (HERE / "inference.py").exists():
    from inference import InputError, Verdict, load_classifier
else:
    sys.path.insert(0, str(ROOT))
    from projects.sentiment.inference import InputError, Verdict, load_classifier

LABELS = {"positive": "正面 positive", "negative": "负面 negative"}
ERRORS = {
    "empty": "请先输入一段英文影评。 Please type a film review first.",
    "too long": "文本太长：最多 20,000 个字符。 Too long: 20,000 characters at most.",
}
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
    """(label → probability, (word, effect) in the order of the text)."""
    try:
        classifier = load_classifier(model_folder())
        verdict = classifier.classify(text)
        effects = classifier.word_effects(text)
    except InputError as error:
        raise gr.Error(ERRORS[str(error)], duration=8) from None
    except FileNotFoundError as error:
        raise gr.Error(str(error), duration=None) from None
    return probabilities(verdict), scaled(effects)


def probabilities(verdict: Verdict) -> dict[str, float]:
    """Both classes with their probabilities."""
    other = "negative" if verdict.label == "positive" else "positive"
    return {LABELS[verdict.label]: verdict.probability, LABELS[other]: 1 - verdict.probability}


def scaled(effects: list[tuple[str, float]]) -> list[tuple[str, float | None]]:
    """Effects in -1..1 for colouring; words that hardly matter stay plain."""
    largest = max((abs(effect) for _, effect in effects), default=0.0) or 1.0
    return [
        (f"{word} ", effect / largest if abs(effect) > 0.1 * largest else None) for word, effect in effects
    ]


with gr.Blocks(title="影评情感分类器 · Film review classifier") as demo:
    gr.Markdown(
        "### 影评情感分类器 · Film review classifier\n"
        "英文影评 → 正面或负面。不擅长反讽与双重否定。 Film reviews in English; bad at irony and double negation."
    )
    with gr.Row():
        with gr.Column():
            text = gr.Textbox(
                label="影评 · Review", lines=6, max_lines=14, max_length=20_000, autofocus=False
            )
            button = gr.Button("判断 · Classify", variant="primary")
            gr.Examples(EXAMPLES, inputs=text, label="例子 · Examples")
        with gr.Column():
            verdict = gr.Label(label="判断 · Verdict", num_top_classes=2)
            words = gr.HighlightedText(
                label="左右判断的词（前 60 个）· Words that moved it (first 60)",
                show_legend=False,
                combine_adjacent=False,
            )
    gr.on([button.click, text.submit], classify, inputs=text, outputs=[verdict, words], api_name="classify")


if __name__ == "__main__":
    demo.launch(
        server_name=os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1"),
        server_port=int(os.environ.get("GRADIO_SERVER_PORT", "7860")),
    )
