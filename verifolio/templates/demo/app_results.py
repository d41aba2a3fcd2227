"""The demo __SLUG__ as a Gradio app: looks up what the project measured, until its own model stands here.

Run here: `python demos/__SLUG__/app.py`; importing only lays out the page.
"""

from __future__ import annotations

import json
from pathlib import Path

import gradio as gr

RESULTS = Path(__file__).resolve().parents[2] / "projects" / "__PROJECT__" / "results"


def answer(text: str) -> str:
    """The metrics whose key or label holds the text; replace this by what your project can do."""
    found = []
    for path in sorted(RESULTS.glob("*.json")):
        for key, metric in json.loads(path.read_text(encoding="utf-8"))["metrics"].items():
            names = [f"{path.stem}.{key}", *metric["label"].values()]
            if any(text.lower() in name.lower() for name in names):
                found.append(f"{' · '.join(names)}: {metric['value']:g} {metric['unit']}")
    return "\n".join(found) or "没有找到 · nothing found"


demo = gr.Interface(
    fn=answer,
    inputs=gr.Textbox(label="指标 · Metric"),
    outputs=gr.Textbox(label="测到的值 · Measured", lines=8),
    title="__SLUG__",
    api_name="answer",
    flagging_mode="never",
    analytics_enabled=False,
)

if __name__ == "__main__":
    demo.launch()
