"""The quantised small LLaMA as a Gradio app: one question, two precisions side by side, speed and memory as they come.

Run here: `python demos/quantized/app.py`. Importing lays out the page and does nothing else; a model loads with its
first question. Both are llama.cpp's server on a loopback port of this machine.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import gradio as gr

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE if (HERE / "projects").is_dir() else ROOT))

from projects.chat.errors import ChatError  # noqa: E402
from projects.small_llm.chat import SYSTEM, LocalChat, resident_bytes  # noqa: E402

FILES = {"Q8_0": "model-q8_0.gguf", "Q4_1": "model-q4_1.gguf", "F16": "model-f16.gguf"}
MAX_CHARACTERS, MAX_TOKENS, CONTEXT = 1500, 160, 1024
EMPTY = "请先输入问题。 Please type a question first."
TOO_LONG = f"最多 {MAX_CHARACTERS:,} 个字符。 At most {MAX_CHARACTERS:,} characters."
EXAMPLES = [
    "Film review: Two hours of wooden dialogue and a plot that gives up halfway. Avoid it.\n\n"
    "Is this review positive or negative? Answer with one word.",
    "What is the capital of France?",
    "Write a short poem about rain.",
]
_OPEN = ExitStack()


def model_folder() -> Path:
    """The GGUF files: beside this file on a Space, in the build folder here, or where QUANTIZED_MODELS says."""
    if named := os.environ.get("QUANTIZED_MODELS"):
        return Path(named)
    return HERE / "model" if (HERE / "model").is_dir() else ROOT / "build" / "derived" / "small_llm"


# A bundle need not carry all of them.
NAMES = [name for name, file in FILES.items() if (model_folder() / file).is_file()] or list(FILES)


@functools.cache
def chat_with(name: str) -> LocalChat:
    """The server of one precision, started once."""
    path = model_folder() / FILES[name]
    if not path.is_file():
        raise gr.Error(
            f"{path.name} 不在。 {path.name} is missing: verifolio derive small_llm.export", duration=None
        )
    return _OPEN.enter_context(LocalChat(path, n_ctx=CONTEXT, threads=min(2, os.cpu_count() or 1)))


def answer(question: str, first: str, second: str, tokens: int) -> Iterator[tuple[str, str, str, str]]:
    """(text, cost, text, cost) of both precisions, one after the other, as the words come."""
    question = (question or "").strip()
    if not question:
        raise gr.Error(EMPTY, duration=8)
    if len(question) > MAX_CHARACTERS:
        raise gr.Error(TOO_LONG, duration=8)
    shown = ["", "", "", ""]
    for place, name in ((0, first), (2, second)):
        if name not in FILES:
            continue
        shown[place + 1] = "正在载入模型 · loading the model"
        yield shown[0], shown[1], shown[2], shown[3]
        for text, cost in stream(question, name, tokens):
            shown[place], shown[place + 1] = text, cost
            yield shown[0], shown[1], shown[2], shown[3]


def stream(question: str, name: str, tokens: int) -> Iterator[tuple[str, str]]:
    """(the text so far, what it cost so far); closing the iterator stops the model."""
    text, first = "", 0.0
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question}]
    try:
        for piece in chat_with(name).stream(messages, max_tokens=min(int(tokens), MAX_TOKENS)):
            text, first = text + piece.text, first or piece.seconds
            span = piece.seconds - first
            speed = f"{(piece.tokens - 1) / span:.0f} 词元/秒 tokens/s" if span else "…"
            yield text, f"{speed} · 首词元 first token {first:.2f} s · {resident_bytes() / 1e6:.0f} MB"
    except ChatError as error:
        raise gr.Error(str(error), duration=None) from None


with gr.Blocks(title="量化小模型 · Quantised small model", analytics_enabled=False) as demo:
    gr.Markdown(
        "### 量化小模型 · Quantised small model\n"
        "1.35 亿参数，只懂英文，为判断影评微调过；同一个问题由两种精度先后回答。 "
        "135 million parameters, English only, fine-tuned to judge film reviews; two precisions answer in turn. "
        "内存是整个进程的。 Memory is the whole process's."
    )
    question = gr.Textbox(
        label="问题 · Question", lines=3, max_lines=8, max_length=MAX_CHARACTERS, autofocus=False
    )
    with gr.Row():
        go = gr.Button("提问 · Ask", variant="primary")
        stop = gr.Button("停 · Stop", elem_id="stop")
    with gr.Row():
        with gr.Column(min_width=220):
            first = gr.Dropdown(NAMES, value=NAMES[0], label="精度 · Precision")
            left = gr.Textbox(label="回答 · Answer", lines=6, interactive=False, elem_id="left")
            left_cost = gr.Textbox(label="代价 · Cost", interactive=False, elem_id="left-cost")
        with gr.Column(min_width=220):
            second = gr.Dropdown(
                ["—", *NAMES], value=NAMES[1] if len(NAMES) > 1 else "—", label="对照 · Beside it"
            )
            right = gr.Textbox(label="回答 · Answer", lines=6, interactive=False, elem_id="right")
            right_cost = gr.Textbox(label="代价 · Cost", interactive=False, elem_id="right-cost")
    tokens = gr.Slider(16, MAX_TOKENS, value=64, step=16, label="最多词元 · Tokens at most", elem_id="tokens")
    gr.Examples(EXAMPLES, inputs=question, label="例子 · Examples")
    running = gr.on(
        [go.click, question.submit], answer, inputs=[question, first, second, tokens],
        outputs=[left, left_cost, right, right_cost], api_name="ask", concurrency_limit=1,
    )  # fmt: skip
    stop.click(None, cancels=[running])


if __name__ == "__main__":
    with _OPEN:
        demo.launch(
            server_name=os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1"),
            server_port=int(os.environ.get("GRADIO_SERVER_PORT", "7860")),
        )
