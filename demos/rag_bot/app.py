"""The question-answering bot as a Gradio app: a chat whose every answer names file and page or cells.

Run here: `python demos/rag_bot/app.py`. Importing lays out the page and does nothing else; documents are indexed and the
model starts with the first question.
"""

from __future__ import annotations

import functools
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from html import escape, unescape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradio as gr

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE if (HERE / "projects").is_dir() else ROOT))

from projects.chat.client import open_chat  # noqa: E402
from projects.chat.errors import ChatError  # noqa: E402
from projects.rag.answer import Answer, Answerer, Citation  # noqa: E402
from projects.rag.base import DOCUMENTS  # noqa: E402
from projects.rag.guards import MAX_BYTES, DocumentError  # noqa: E402
from projects.rag.ingest import StoreError  # noqa: E402
from projects.rag.library import Library  # noqa: E402

MAX_CHARACTERS = 500
MAX_UPLOAD = 5 * 2**20  # less than the service takes: an upload is indexed while its visitor waits
DATA = Path(os.environ.get("RAG_DEMO_DATA", "") or tempfile.gettempdir()) / "verifolio-rag-demo"
UPLOADS = DATA / "documents" / "uploads"
_OPEN = ExitStack()
_OPENING = threading.Lock()
EXAMPLES = [
    "Do gold members get longer for returns?",
    "How much is the Market Tote?",
    "How much is postage to Norway?",
    "Who founded the company?",
    "黑卡会员可以几天退货？",
    "铸铁煎锅多少钱？",
]
MODES = {
    "generated": "模型生成，逐句核对过 · Generated, each sentence checked",
    "extractive": "原文摘录 · Quoted from the documents",
    "refused": "资料里没有 · Not in the documents",
}


def library() -> Library:
    """The documents and their index, opened once, also when two visitors come first."""
    with _OPENING:
        return _library()


@functools.cache
def _library() -> Library:
    return Library(DATA, DOCUMENTS)


def endpoint() -> Any:
    """What words the answers, started once."""
    with _OPENING:
        return _endpoint()


@functools.cache
def _endpoint() -> Any:
    """The configured server, or the embedded model for as long as the app runs; where there is neither, none: it quotes."""
    try:
        return _OPEN.enter_context(open_chat(slots=2, threads=1))
    except ChatError as error:
        print(f"no model, so answers are quotations: {error}", file=sys.stderr)
        return None


def respond(question: str, history: list[dict[str, Any]]) -> Iterator[tuple[list[dict[str, Any]], str, str]]:
    """(the chat, the emptied box, the sources) after each checked sentence."""
    question = (question or "").strip()
    if not question:
        raise gr.Error("请先输入问题。 Please type a question first.", duration=8)
    if len(question) > MAX_CHARACTERS:
        raise gr.Error(f"最多 {MAX_CHARACTERS} 个字符。 At most {MAX_CHARACTERS} characters.", duration=8)
    turns = [(one["role"], _plain(one["content"])) for one in history]
    chat = [*history, {"role": "user", "content": _shown(question)}, {"role": "assistant", "content": "…"}]
    yield chat, "", ""
    said: list[str] = []
    try:
        for one in Answerer(library().base, endpoint()).stream(question, turns):
            if isinstance(one, Answer):
                chat[-1]["content"] = _shown(f"{one.text}\n\n{MODES[one.mode]}")
                yield chat, "", sources(one)
                return
            said.append(str(one))
            chat[-1]["content"] = _shown(" ".join(said))
            yield chat, "", ""
    except (ChatError, StoreError) as error:
        raise gr.Error(str(error), duration=None) from None


def answer(question: str) -> str:
    """The whole answer to one question as text with the numbers of its sources."""
    question = (question or "").strip()[:MAX_CHARACTERS]
    return Answerer(library().base, endpoint()).answer(question).text if question else ""


def _shown(text: str) -> str:
    """Text for the chat, which takes it for HTML: a picture in a visitor's document would be fetched from anywhere."""
    return escape(text, quote=False)


def _plain(content: Any) -> str:
    """The words of a message without the line that names its mode; Gradio hands content as text or as parts."""
    parts = content if isinstance(content, list) else [content]
    text = unescape(" ".join(one.get("text", "") if isinstance(one, dict) else str(one) for one in parts))
    for mode in MODES.values():
        text = text.removesuffix(f"\n\n{mode}")
    return text


def sources(answer: Answer) -> str:
    """The citations as HTML: each opens its document, a PDF at its page."""
    return "".join(_source(one, answer.lang) for one in answer.citations)


def _source(one: Citation, lang: str) -> str:
    path = library().path_of(one.passage.document)
    if path and UPLOADS in path.parents:
        path = None  # somebody's own file, which another visitor should not be made to open
    page = f"#page={one.passage.page}" if one.passage.page else ""
    name = escape(one.passage.document)
    shown = (
        f'<a href="/gradio_api/file={quote(str(path))}{page}" target="_blank" rel="noopener">{name}</a>'
        if path
        else name
    )
    rows = (
        _row(one.passage.text)
        if one.passage.kind == "row"
        else f"<blockquote>{escape(one.quote)}</blockquote>"
    )
    return f"<p><strong>[{one.number}]</strong> {shown} · {escape(one.passage.place(lang))}</p>{rows}"


def _row(text: str) -> str:
    """A row of a sheet as a small table, so that it can be read without opening the workbook."""
    cells = [cell.partition(": ") for cell in text.split(" | ")]
    heads = "".join(f"<th>{escape(head if value else '')}</th>" for head, _, value in cells)
    values = "".join(f"<td>{escape(value or head)}</td>" for head, _, value in cells)
    return f'<div style="overflow-x:auto"><table><tr>{heads}</tr><tr>{values}</tr></table></div>'


def add(file: str | None) -> str:
    """Index an uploaded document; says what happened."""
    if not file:
        return ""
    path = Path(file)
    if path.stat().st_size > MAX_UPLOAD:
        return f"太大：最多 {MAX_UPLOAD // 2**20} MB。 Too large: {MAX_UPLOAD // 2**20} MB at most."
    try:
        with path.open("rb") as body:
            report, warnings = library().add(path.name, body)
    except DocumentError as error:
        return f"无法读取 · Not read: {error.message}"
    except (StoreError, OSError) as error:
        return f"无法保存 · Not stored: {error}"
    noted = " ".join(warnings)
    return f"已加入 · Added: {path.name} ({report.passages} 段 · passages). {noted}"


with gr.Blocks(title="行业问答机器人 · Question-answering bot", analytics_enabled=False) as demo:
    gr.Markdown(
        "### 行业问答机器人 · Question-answering bot\n"
        "向一家虚构商店（鹭洲 Heronholm）提问，中英文均可；每句话都注明文件与页码或单元格，没有依据就不回答。 "
        "Ask a fictional shop, in Chinese or English; every sentence names its file and page or cells."
    )
    chatbot = gr.Chatbot(
        label="对话 · Conversation",
        height=360,
        buttons=[],
        render_markdown=False,  # asterisks of a document are its own
        latex_delimiters=[],
    )
    question = gr.Textbox(
        label="问题 · Question", max_length=MAX_CHARACTERS, lines=1, autofocus=False, submit_btn="提问 · Ask"
    )
    shown = gr.HTML(label="出处 · Sources", elem_id="sources")
    gr.Examples(EXAMPLES, inputs=question, label="例子 · Examples")
    with gr.Accordion(
        f"加入文件 · Add a document (PDF, XLSX, DOCX, MD, HTML; {MAX_UPLOAD // 2**20} MB)", open=False
    ):
        file = gr.File(
            label="文件 · File", file_types=[".pdf", ".xlsx", ".docx", ".md", ".html"], type="filepath"
        )
        state = gr.Markdown()
        gr.Markdown(
            "文件会留在这台机器上，后来的访客也能问到。 What you add stays here and later visitors can ask about it."
        )
    question.submit(
        respond, [question, chatbot], [chatbot, question, shown], api_name="ask", concurrency_limit=2
    )
    gr.api(answer, api_name="answer", concurrency_limit=2)
    file.upload(add, file, state, api_name=False, concurrency_limit=1)


if __name__ == "__main__":
    assert MAX_UPLOAD <= MAX_BYTES
    with _OPEN:
        demo.launch(
            server_name=os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1"),
            server_port=int(os.environ.get("GRADIO_SERVER_PORT", "7860")),
            allowed_paths=[str(DATA / "documents")],
            blocked_paths=[str(UPLOADS)],  # Gradio would show an HTML page from here as one of its own
            max_file_size=MAX_UPLOAD,
        )
