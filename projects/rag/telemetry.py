"""What the service tells its operators: Prometheus metrics and one JSON line a request, neither with a visitor's words."""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime

import psutil
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.7, 1, 2.5, 5, 10, 30)


class Metrics:
    """The numbers of one service; a registry of its own, so that two services in one process do not meet."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "rag_requests", "Requests by route and status", ["route", "status"], registry=self.registry
        )
        self.answers = Counter(
            "rag_answers", "Answers by mode and language", ["mode", "lang"], registry=self.registry
        )
        self.quoted = Counter(
            "rag_not_generated", "Why nothing was generated", ["reason"], registry=self.registry
        )
        self.first = Histogram(
            "rag_first_sentence_seconds", "To the first sentence", buckets=SECONDS, registry=self.registry
        )
        self.total = Histogram(
            "rag_answer_seconds", "To the whole answer", buckets=SECONDS, registry=self.registry
        )
        self.uploads = Counter("rag_uploads", "Uploads by outcome", ["outcome"], registry=self.registry)
        self.passages = Gauge("rag_passages", "Passages of the base", registry=self.registry)
        memory = Gauge("rag_resident_bytes", "Resident memory of the process", registry=self.registry)
        memory.set_function(lambda: float(psutil.Process().memory_info().rss))


class RequestLog:
    """ASGI middleware: counts and logs a request by its route, status, time and size; no address, no text."""

    def __init__(self, app: ASGIApp, metrics: Metrics, *, quiet: bool = False) -> None:
        self._app, self._metrics, self._quiet = app, metrics, quiet

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, then note."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status, size = time.perf_counter(), 500, 0

        async def watched(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
            size += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            # The template, not the path: a session's id or a file's name is nobody's business.
            route = getattr(scope.get("route"), "path", "other")
            self._metrics.requests.labels(route, str(status)).inc()
            if not self._quiet:
                log("request", method=scope["method"], route=route, status=status, bytes=size,
                    ms=round(1000 * (time.perf_counter() - start), 1))  # fmt: skip


def log(event: str, **fields: object) -> None:
    """One line of JSON on standard output."""
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    print(json.dumps({"at": at, "event": event, **fields}), file=sys.stdout, flush=True)
