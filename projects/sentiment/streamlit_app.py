"""A second face of the classifier: `streamlit run projects/sentiment/streamlit_app.py`."""

from __future__ import annotations

import html
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODEL_FOLDER = ROOT / "build" / "derived" / "sentiment"


def main() -> None:
    """Text in; label, probability and the words that moved it out."""
    import streamlit

    sys.path.insert(0, str(ROOT))
    from projects.sentiment.inference import load_classifier

    streamlit.set_page_config(page_title="Verifolio · 情感分类 / Sentiment")
    streamlit.title("情感分类 / Sentiment")
    text = streamlit.text_area(
        "英文影评 / A film review in English", "A slow start, but the ending is wonderful.", max_chars=5000
    )
    if not text.strip():
        streamlit.info("请输入一段影评。/ Type a review.")
        return
    try:
        classifier = load_classifier(MODEL_FOLDER)
    except FileNotFoundError as error:
        streamlit.error(f"还没有模型 / No model yet: {error}")
        return
    found = classifier.classify(text)
    names = {"positive": "好评 / positive", "negative": "差评 / negative"}
    streamlit.metric(names[found.label], f"{found.probability:.1%}")
    streamlit.progress(found.positive, "好评概率 / probability of positive")
    streamlit.markdown(_marked(text, classifier.word_effects(text)), unsafe_allow_html=True)


def _marked(text: str, effects) -> str:
    """The text with each word tinted by its effect: blue towards positive, orange towards negative."""
    from projects.sentiment.text import clean

    text, parts, end = clean(text), [], 0
    largest = max((abs(one.effect) for one in effects), default=0) or 1
    for one in effects:
        tint = "0,114,178" if one.effect > 0 else "213,94,0"
        strength = 0.6 * abs(one.effect) / largest
        parts.append(html.escape(text[end : one.start]))
        parts.append(
            f'<span style="background:rgba({tint},{strength:.2f})" title="{one.effect:+.2f}">'
            f"{html.escape(one.word)}</span>"
        )
        end = one.end
    return "".join(parts) + html.escape(text[end:])


if __name__ == "__main__":
    main()
