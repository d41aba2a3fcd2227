"""`python -m projects.rag`: ingest a folder, ask a question, serve the interface."""

from __future__ import annotations

import json
import os
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import click

from projects.chat.client import Endpoint, open_chat
from projects.chat.errors import ChatError
from projects.rag.answer import MAX_QUESTION, Answer, Answerer
from projects.rag.base import DOCUMENTS, HOME, home_of, load_base, update_base
from projects.rag.embedders import EmbedderError
from projects.rag.ingest import Report, StoreError
from projects.rag.search import Filter

REMOTE_S = 20.0  # a configured server's time for one request of the service; the client tries three times
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


class Main(click.Group):
    """Prints a user's fault as one line, without a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except (StoreError, ChatError, EmbedderError) as error:
            raise click.ClickException(str(error)) from None


@click.group(cls=Main)
def main() -> None:
    """Answers from your documents, every sentence with its source.

    \b
    python -m projects.rag ask "How long can I return an article?"
    python -m projects.rag ingest my-documents
    python -m projects.rag ask --folder my-documents "…"
    python -m projects.rag serve

    OPENAI_API_KEY, OPENAI_BASE_URL and OPENAI_MODEL name a large model; without them a small one runs in this
    process (English), and Chinese answers are quoted from the documents.
    """


@main.command()
@click.argument("folder", type=FOLDER)
def ingest(folder: Path) -> None:
    """Read the PDF, XLSX, DOCX, Markdown and HTML files below FOLDER; only what changed is read again."""
    report = update_base(folder, home_of(folder), progress=_progress)
    _show(report)
    click.echo(f'Ask: python -m projects.rag ask --folder "{folder}" "your question"')


@main.command()
@click.argument("question")
@click.option(
    "--folder", type=FOLDER, default=DOCUMENTS, help="Documents to answer from; the shop's own by default."
)
@click.option(
    "--only", multiple=True, help="Answer from documents that fit this pattern only, such as 'en/*.pdf'."
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.option("--quote", is_flag=True, help="Quote the documents; use no model.")
def ask(question: str, folder: Path, only: tuple[str, ...], as_json: bool, quote: bool) -> None:  # noqa: FBT001
    """Answer QUESTION with citations; the first time the documents are read and indexed."""
    question = question.strip()
    if not question or len(question) > MAX_QUESTION:
        raise click.ClickException(
            f"expected a question of 1 to {MAX_QUESTION} characters, got {len(question):,}"
        )
    home, where = home_of(folder), Filter(only) if only else None
    update_base(folder, home, progress=_progress)
    with ExitStack() as stack:
        endpoint: Endpoint | None = None if quote else stack.enter_context(open_chat())
        # One question needs no haste: the model gets the time it takes.
        answerer = Answerer(load_base(home), endpoint, first_sentence_s=None)
        if as_json:
            click.echo(
                json.dumps(answerer.answer(question, where=where).as_json(), ensure_ascii=False, indent=1)
            )
            return
        for one in answerer.stream(question, where=where):
            if not isinstance(one, Answer):
                click.echo(str(one))
                continue
            click.echo()
            for source in one.citations:
                place = source.passage.place(one.lang)
                click.echo(f"[{source.number}] {source.passage.document}{f', {place}' if place else ''}")
            if one.note:
                click.echo(f"({one.note.rstrip(':：')})")


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True)
@click.option("--folder", type=FOLDER, default=DOCUMENTS, help="Documents to start with; copied once.")
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), default=HOME / "service",
              help="Where documents, index and conversations are kept.")  # fmt: skip
@click.option("--rate", default=2.0, show_default=True, help="Requests a second that one address may make.")
@click.option(
    "--slots", default=2, show_default=True, help="Questions that the embedded model takes at one time."
)
@click.option("--threads", default=1, show_default=True, help="Threads of the embedded model.")
def serve(host: str, port: int, folder: Path, data: Path, rate: float, slots: int, threads: int) -> None:
    """Serve the HTTP interface; its description is at /docs. RAG_UPLOAD_KEY allows uploads to whoever has it.

    Behind a proxy on another machine, FORWARDED_ALLOW_IPS names its address: else all visitors count as one.
    """
    import uvicorn

    from projects.rag.conversation import Sessions
    from projects.rag.library import Library
    from projects.rag.service import Settings, create_app

    library = Library(data, folder, progress=_progress)
    settings = Settings(
        os.environ.get("RAG_UPLOAD_KEY", ""), requests_per_s=rate, burst=max(30, int(10 * rate))
    )
    with open_chat(slots=slots, threads=threads) as endpoint:
        if (
            not endpoint.embedded
        ):  # a customer does not wait longer, and a server that hangs holds no thread for minutes
            endpoint = replace(endpoint, timeout_s=REMOTE_S)
        app = create_app(library, Sessions(data / "conversations.sqlite"), endpoint, settings)
        click.echo(f"http://{host}:{port}  (docs: /docs; stop: Ctrl-C)", err=True)
        uvicorn.run(app, host=host, port=port, access_log=False, log_level="warning", timeout_keep_alive=15)


def _progress(done: int, total: int, what: str) -> None:
    if not sys.stderr.isatty():
        if done == total and total:
            click.echo(f"{total} of {total}", err=True)
        return
    click.echo(f"\r\033[K{done}/{total} {what}", nl=done == total, err=True)


def _show(report: Report) -> None:
    for name, error in report.unreadable.items():
        click.echo(f"not read: {name}: {error.message}", err=True)
    for name, warnings in report.warnings.items():
        for warning in warnings:
            click.echo(f"in part: {name}: {warning}", err=True)
    counts = {
        "added": report.added,
        "changed": report.changed,
        "removed": report.removed,
        "unchanged": report.unchanged,
    }
    click.echo(
        ", ".join(f"{len(names)} {what}" for what, names in counts.items()) + f"; {report.passages} passages"
    )


if __name__ == "__main__":
    main(prog_name="python -m projects.rag")
