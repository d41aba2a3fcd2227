"""The demo __SLUG__ as a Gradio app. Run here: `python demos/__SLUG__/app.py`; importing only lays out the page."""

from __future__ import annotations

import sys
from pathlib import Path

import gradio as gr

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE if (HERE / "projects").is_dir() else HERE.parent.parent))

from projects.__PROJECT__.birthdays import answer  # noqa: E402

demo = gr.Interface(
    fn=answer,
    inputs=gr.Textbox(label="人数 · People", value="23"),
    outputs=gr.Textbox(label="概率 · Chance"),
    title="__SLUG__",
    api_name="answer",
    flagging_mode="never",
    analytics_enabled=False,
)

if __name__ == "__main__":
    demo.launch()
