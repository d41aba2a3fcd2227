"""What the service takes from a client: how much at once (bytes) and how often (a token bucket for each address)."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_CLIENTS = 10_000


class Buckets:
    """Allows `rate` requests a second to each client in the long run, `burst` at once."""

    def __init__(self, rate: float, burst: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._clients: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens left, and when
        self._lock = threading.Lock()

    def wait(self, client: str) -> float:
        """Take a token: 0, or the seconds until there is one. The longest unseen clients are forgotten."""
        with self._lock:
            now = self._clock()
            tokens, seen = self._clients.pop(client, (float(self._burst), now))
            tokens = min(self._burst, tokens + (now - seen) * self._rate)
            allowed = tokens >= 1
            self._clients[client] = (tokens - 1 if allowed else tokens, now)
            while len(self._clients) > MOST_CLIENTS:
                self._clients.popitem(last=False)
            return 0.0 if allowed else (1 - tokens) / self._rate


class TooLarge(Exception):
    """The body went over its limit while it was read."""


class Limits:
    """ASGI middleware: 413 for a body over its limit, declared or not; 429 for a client that asks too often."""

    def __init__(
        self, app: ASGIApp, buckets: Buckets, limit_of: Callable[[Scope], int], free: set[str]
    ) -> None:
        self._app, self._buckets, self._limit_of, self._free = app, buckets, limit_of, free

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, or refuse."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        client = _network((scope.get("client") or ("unknown",))[0])
        if scope["path"] not in self._free and (wait := self._buckets.wait(client)):
            refusal = _refuse(429, "too_many_requests", f"too many requests: try again in {wait:.1f} s")
            refusal.headers["retry-after"] = str(int(wait) + 1)
            await refusal(scope, receive, send)
            return
        limit = self._limit_of(scope)
        said = f"the body is over {limit:,} bytes, the most that is taken here"
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > limit:
            await _refuse(413, "too_large", said)(scope, receive, send)
            return
        read, started, over = 0, False, False

        async def counted() -> Message:
            nonlocal read, over
            message = await receive()
            read += len(message.get("body", b""))
            if read > limit:
                over = True
                raise TooLarge
            return message

        async def watched(message: Message) -> None:
            nonlocal started
            if over and not started:
                return  # FastAPI takes `TooLarge` for a body that it cannot parse
            started = started or message["type"] == "http.response.start"
            await send(message)

        with suppress(TooLarge):
            await self._app(scope, counted, watched)
        if over and not started:
            await _refuse(413, "too_large", said)(scope, receive, send)


def _network(address: str) -> str:
    """What one customer has: an IPv4 address, but a whole /64 of IPv6."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((found, 64), strict=False)) if found.version == 6 else address


def _refuse(status: int, code: str, message: str) -> JSONResponse:
    body: dict[str, Any] = {"error": {"code": code, "message": message}}
    return JSONResponse(body, status_code=status)
