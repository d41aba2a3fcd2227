"""A loopback server in front of an asker: foreign tools get the same kept replies and the same cap on cost.

Speaks the part of OpenAI's protocol that a plain chat client needs; answers one request at a time.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from projects.chat.errors import ChatError
from projects.prompting.ask import Asks
from projects.prompting.cost import CostLimit

PASSED_ON = ("response_format", "stop", "seed", "top_p")
DEFAULT_TOKENS = 64


@contextmanager
def serve_asker(asker: Asks) -> Iterator[str]:
    """The address (ends in `/v1`) under which `asker` answers, while the context lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            try:
                body = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)))
                status, content = 200, _complete(asker, body)
            except CostLimit as error:
                status, content = 402, _fault(str(error), "cost_limit")
            except ChatError as error:
                status, content = 502, _fault(str(error), "model_error")
            except (ValueError, KeyError, TypeError) as error:
                status, content = 400, _fault(f"not a chat request: {error!r}", "invalid_request_error")
            sent = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _complete(asker: Asks, body: dict[str, Any]) -> dict[str, Any]:
    """One reply in OpenAI's form."""
    reply = asker.ask(
        [{"role": one["role"], "content": one["content"]} for one in body["messages"]],
        max_tokens=int(body.get("max_tokens") or DEFAULT_TOKENS),
        temperature=float(body.get("temperature") or 0),
        **{name: body[name] for name in PASSED_ON if name in body},
    )
    usage = {"prompt_tokens": reply.prompt_tokens, "completion_tokens": reply.completion_tokens,
             "total_tokens": reply.prompt_tokens + reply.completion_tokens}  # fmt: skip
    message = {"role": "assistant", "content": reply.text}
    return {
        "id": "kept", "object": "chat.completion", "created": 0, "model": str(body.get("model", "")),
        "choices": [{"index": 0, "message": message, "finish_reason": reply.finish}], "usage": usage,
    }  # fmt: skip


def _fault(message: str, kind: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind}}
