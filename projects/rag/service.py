"""The bot over HTTP: answers (JSON or server-sent events), sessions, uploads behind a key, health and metrics."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Header, Request, UploadFile
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse, StreamingResponse
from langchain_core.messages import AIMessage, HumanMessage
from prometheus_client import generate_latest
from pydantic import BaseModel, ConfigDict, Field, field_validator
from starlette.exceptions import HTTPException
from starlette.types import Scope

from projects.chat.client import Endpoint
from projects.rag.answer import MAX_QUESTION, Answer, Answerer
from projects.rag.conversation import Sessions, UnknownSession
from projects.rag.guards import MAX_BYTES, DocumentError
from projects.rag.ingest import StoreError
from projects.rag.library import Library, is_full
from projects.rag.limits import Buckets, Limits
from projects.rag.search import Filter
from projects.rag.telemetry import Metrics, RequestLog, log

SMALL_BODY = 64 * 1024
FORM_MARGIN = 16 * 1024  # a multipart body is somewhat larger than its file
UPLOADS_PATH = "/v1/documents"
STATUS_OF = {"too_large": 413, "unsupported": 415, "bad_name": 400}  # every other DocumentError: 422


@dataclass(frozen=True)
class Settings:
    """What the operator decides."""

    upload_key: str = ""
    """Empty: uploads are switched off."""
    requests_per_s: float = 2.0
    burst: int = 30
    quiet: bool = False


class Ask(BaseModel):
    """A question, in a conversation or alone."""

    model_config = ConfigDict(extra="forbid")
    question: str = Field(
        min_length=1, max_length=MAX_QUESTION, examples=["How long can I return an article?"]
    )
    session: str | None = Field(default=None, max_length=64, description="From POST /v1/sessions")

    documents: list[Annotated[str, Field(min_length=1, max_length=200)]] = Field(
        default_factory=list,
        max_length=20,
        description="Answer from these only: names or patterns such as en/*.pdf",
    )

    @field_validator("question")
    @classmethod
    def _says_something(cls, text: str) -> str:
        text.encode("utf-8")  # a lone surrogate is a UnicodeEncodeError, which is a ValueError
        if not text.strip() or "\x00" in text:
            raise ValueError("the question is blank, or holds a NUL")
        return text.strip()


class Fault(BaseModel):
    """Why a request was refused: `code` for programs, `message` for people."""

    error: dict[str, Any]


def _faults(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": Fault} for status in (400, 429, 413, *statuses)}


def create_app(
    library: Library, sessions: Sessions, endpoint: Endpoint | None, settings: Settings | None = None
) -> FastAPI:
    """The application over an opened library and a model (none: answers are quoted)."""
    settings = settings or Settings()
    metrics = Metrics()
    app = FastAPI(title="Heronholm answers", version="1", docs_url="/docs", redoc_url=None)
    state: dict[str, Any] = {"base": None}

    def answerer() -> Answerer:
        if state["base"] is not library.base:  # an upload has put a new one in place
            base = library.base
            state["answerer"], state["base"] = Answerer(base, endpoint), base
            metrics.passages.set(len(base.passages))
        return state["answerer"]  # type: ignore[no-any-return]

    @app.get("/health", tags=["operation"], responses=_faults())
    async def health() -> dict[str, Any]:
        """Whether the service can answer, over how many passages and with which model.

        Needs none of the threads in which answers wait for a model.
        """
        model = endpoint.model if endpoint else "none: answers are quoted"
        return {"status": "ok", "passages": len(library.base.passages), "model": model}

    @app.get("/metrics", tags=["operation"], response_class=PlainTextResponse, responses=_faults())
    async def numbers() -> PlainTextResponse:
        """Prometheus metrics."""
        return PlainTextResponse(generate_latest(metrics.registry), media_type="text/plain; version=0.0.4")

    @app.post("/v1/sessions", status_code=201, tags=["answers"], responses=_faults())
    def start_session() -> dict[str, str]:
        """Start a conversation; follow-up questions are understood within it."""
        return {"session": sessions.create()}

    @app.delete("/v1/sessions/{session}", status_code=204, tags=["answers"], responses=_faults(404, 422))
    def end_session(session: str) -> None:
        """Forget a conversation."""
        sessions.delete(session)

    @app.post(
        "/v1/answers", tags=["answers"], responses=_faults(404, 422)
        | {200: {"content": {"application/json": {}, "text/event-stream": {}}, "description": "The answer"}},
    )  # fmt: skip
    def give_answer(ask: Ask, accept: Annotated[str, Header()] = "application/json") -> Any:
        """Answer a question: as JSON, or with `Accept: text/event-stream` as `sentence` events and one `answer` event."""
        history = sessions.history(ask.session) if ask.session is not None else None
        turns = (
            [("user" if one.type == "human" else "assistant", str(one.content)) for one in history.messages]
            if history is not None
            else []
        )

        where = Filter(tuple(ask.documents)) if ask.documents else None

        def events() -> Iterator[tuple[str, dict[str, Any]]]:
            for one in answerer().stream(ask.question, turns, where):
                if not isinstance(one, Answer):
                    yield "sentence", {"text": one.text, "citations": list(one.citations)}
                    continue
                if history is not None:
                    # As it was understood, unless follow-ups upon follow-ups have made it longer than any question.
                    understood = one.question if len(one.question) <= MAX_QUESTION else ask.question
                    history.add_messages([HumanMessage(understood), AIMessage(one.text)])
                _count(metrics, one)
                # What a model's provider says in an error is the operator's business.
                yield "answer", one.as_json() | {"reason": one.reason.partition(":")[0]}

        if "text/event-stream" in accept:
            return StreamingResponse(_sent(events()), media_type="text/event-stream", headers={"cache-control": "no-store"})  # fmt: skip
        *_, (_, body) = events()
        return JSONResponse(body)

    @app.post(
        UPLOADS_PATH, status_code=201, tags=["documents"], responses=_faults(401, 403, 409, 415, 422, 507)
    )
    def add_document(file: UploadFile, x_api_key: Annotated[str, Header()] = "") -> dict[str, Any]:
        """Upload a PDF, XLSX, DOCX, Markdown or HTML file; answers rest on it once this returns."""
        if not settings.upload_key:
            raise HTTPException(
                403, "uploads are switched off: the operator sets RAG_UPLOAD_KEY to allow them"
            )
        if not secrets.compare_digest(x_api_key.encode(), settings.upload_key.encode()):
            raise HTTPException(401, "expected the upload key in the header X-API-Key")
        report, warnings = library.add(file.filename or "", file.file)
        metrics.uploads.labels("taken").inc()
        return {"document": f"uploads/{file.filename}", "warnings": warnings, "passages": report.passages}

    @app.get(
        "/v1/documents/{document:path}",
        tags=["documents"],
        response_class=FileResponse,
        responses=_faults(404, 422),
    )
    def show_document(document: str) -> FileResponse:
        """The file that a citation names."""
        path = library.path_of(document)
        if path is None or not path.is_file():
            raise HTTPException(404, "no such document in the base")
        # As a download: an uploaded HTML file must not run in the service's own name.
        return FileResponse(path, filename=path.name, headers={"x-content-type-options": "nosniff"})

    _handle_faults(app, metrics)

    def limit_of(scope: Scope) -> int:
        """Much is read of an upload only from who has the key: the body comes before the answer to it."""
        if scope["path"] != UPLOADS_PATH or not settings.upload_key:
            return SMALL_BODY
        key = dict(scope["headers"]).get(b"x-api-key", b"")
        allowed = secrets.compare_digest(key, settings.upload_key.encode())
        return MAX_BYTES + FORM_MARGIN if allowed else SMALL_BODY

    app.add_middleware(
        Limits, buckets=Buckets(settings.requests_per_s, settings.burst), limit_of=limit_of, free={"/health", "/metrics"}
    )  # fmt: skip
    app.add_middleware(RequestLog, metrics=metrics, quiet=settings.quiet)
    return app


def _sent(events: Iterator[tuple[str, dict[str, Any]]]) -> Iterator[str]:
    """Server-sent events; a fault in the middle is an event too, since the status is long gone."""
    try:
        for name, body in events:
            yield f"event: {name}\ndata: {json.dumps(body, ensure_ascii=False)}\n\n"
    except (UnknownSession, sqlite3.Error, StoreError) as error:
        body = {"code": "broken_off", "message": str(error)}
        yield f"event: error\ndata: {json.dumps(body, ensure_ascii=False)}\n\n"
    except Exception as error:
        log("fault", kind=type(error).__name__)
        body = {"code": "fault", "message": "the service failed; its operator finds the kind in the log"}
        yield f"event: error\ndata: {json.dumps(body)}\n\n"


def _count(metrics: Metrics, answer: Answer) -> None:
    metrics.answers.labels(answer.mode, answer.lang).inc()
    if answer.reason.startswith("model:"):
        log("model", reason=answer.reason)
    if answer.reason:
        metrics.quoted.labels(answer.reason.partition(":")[0]).inc()
    metrics.first.observe(answer.timings["first"] / 1000)
    metrics.total.observe(answer.timings["total"] / 1000)


def _handle_faults(app: FastAPI, metrics: Metrics) -> None:
    """One shape for every refusal; what is nobody's fault is logged by its kind and answered with 500."""

    def refuse(status: int, code: str, message: str, headers: Any = None) -> JSONResponse:
        return JSONResponse(
            {"error": {"code": code, "message": message}}, status_code=status, headers=headers
        )

    @app.exception_handler(HTTPException)
    def _http(_: Request, error: HTTPException) -> JSONResponse:
        return refuse(error.status_code, "refused", str(error.detail), error.headers)

    @app.exception_handler(RequestValidationError)
    def _invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        # Where and why, not what was sent: 100,000 characters are not sent back.
        said = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:5])
        return refuse(422, "invalid", said)

    @app.exception_handler(UnknownSession)
    def _unknown(_: Request, error: UnknownSession) -> JSONResponse:
        return refuse(404, "unknown_session", str(error))

    @app.exception_handler(DocumentError)
    def _document(_: Request, error: DocumentError) -> JSONResponse:
        metrics.uploads.labels(error.code).inc()
        return refuse(STATUS_OF.get(error.code, 422), error.code, error.message)

    @app.exception_handler(StoreError)
    def _store(_: Request, error: StoreError) -> JSONResponse:
        metrics.uploads.labels("store").inc()
        busy = "another ingest" in str(error)
        return refuse(409 if busy else 507, "busy" if busy else "storage", _without_folder(str(error)))

    @app.exception_handler(sqlite3.Error)
    def _conversations(_: Request, error: sqlite3.Error) -> JSONResponse:
        name = getattr(error, "sqlite_errorname", "")
        log("fault", kind=type(error).__name__, name=name)
        full = name.startswith(("SQLITE_FULL", "SQLITE_IOERR"))
        message = "conversations cannot be kept at the moment; ask without a session"
        return refuse(507 if full else 503, "storage", message)

    @app.exception_handler(OSError)
    def _system(_: Request, error: OSError) -> JSONResponse:
        log("fault", kind=type(error).__name__, errno=error.errno)
        if is_full(error):
            return refuse(507, "storage", "the disk is full; the documents and the index are as they were")
        return refuse(
            500, "fault", "the service could not read or write; its operator finds the kind in the log"
        )


def _without_folder(said: str) -> str:
    """The message without the server's folders, which are no client's business."""
    return (
        said
        if ": " not in said or not Path(said.partition(": ")[0]).is_absolute()
        else said.partition(": ")[2]
    )
