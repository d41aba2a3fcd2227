"""Chat with a GGUF through llama.cpp's own server, light: xllamacpp and the standard library, no torch, no numpy.

Shared by the demo, the bundle for small devices and the measurements. Importing loads nothing.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from projects.chat.embedded import Serving, serve_gguf
from projects.chat.errors import ChatError, ModelFileError, PromptTooLong, ServerError

ROLES = ("system", "user", "assistant")
TIMEOUT_S = 600.0
SYSTEM = "You are a helpful assistant."  # without one the template names the model, and in four bits it then rambles


class MessageError(ChatError):
    """A message that no model can be given: an unknown role, or bytes that are no text."""


@dataclass(frozen=True)
class Piece:
    """A piece of an answer as it comes, with the seconds since the request and the tokens so far."""

    text: str
    tokens: int
    seconds: float


class LocalChat:
    """A model served in this process until `close`; several questions may be asked one after the other."""

    def __init__(self, path: Path, *, n_ctx: int = 2048, threads: int = 0) -> None:
        self._stack = ExitStack()
        self.serving: Serving = self._stack.enter_context(_serve(path, n_ctx=n_ctx, threads=threads))
        self.path = path

    def __enter__(self) -> LocalChat:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the server and free the model."""
        self._stack.close()

    def stream(self, messages: list[dict[str, str]], *, max_tokens: int = 256) -> Iterator[Piece]:
        """The likeliest answer, piece by piece; closing the iterator early stops the model."""
        check_messages(messages)
        body = {"messages": messages, "max_tokens": max_tokens}
        yield from self._post("/v1/chat/completions", body)

    def complete(self, ids: list[int], *, max_tokens: int) -> Iterator[Piece]:
        """What follows these token ids, past any end of text: for measuring."""
        yield from self._post("/completion", {"prompt": ids, "n_predict": max_tokens, "ignore_eos": True})

    def _post(self, path: str, body: dict[str, Any]) -> Iterator[Piece]:
        greedy = {"stream": True, "temperature": 0, "top_k": 1, "cache_prompt": False}
        connection = http.client.HTTPConnection(urlsplit(self.serving.base_url).netloc, timeout=TIMEOUT_S)
        started, tokens = time.perf_counter(), 0
        try:
            connection.request("POST", path, json.dumps(body | greedy), {"Content-Type": "application/json"})
            response = connection.getresponse()
            if response.status != 200:
                raise _refusal(response.status, response.read())
            for line in response:
                if not line.startswith(b"data: ") or line.startswith(b"data: [DONE]"):
                    continue
                text = _text_of(json.loads(line[6:]))
                tokens += bool(text)
                if text:
                    yield Piece(text, tokens, time.perf_counter() - started)
        except (OSError, http.client.HTTPException) as error:
            raise ServerError(f"the model server broke off: {error or type(error).__name__}") from error
        finally:
            connection.close()  # the server notices and ends the task


def check_messages(messages: list[dict[str, str]]) -> None:
    """Roles that the chat template knows, contents that are text in UTF-8."""
    if not messages:
        raise MessageError("no messages: expected at least one of the role user")
    for number, message in enumerate(messages, 1):
        role, content = message.get("role"), message.get("content")
        if role not in ROLES:
            raise MessageError(f"message {number}: unknown role {role!r}; known roles: {', '.join(ROLES)}")
        if not isinstance(content, str):
            raise MessageError(f"message {number}: content should be text, not {type(content).__name__}")
        try:
            content.encode("utf-8")
        except UnicodeEncodeError as error:
            raise MessageError(
                f"message {number}: character {error.start + 1} is half of a surrogate pair, no character; "
                "the text was cut or decoded wrongly"
            ) from None


def decode_prompt(data: bytes) -> str:
    """Bytes of a file or a terminal as text."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MessageError(
            f"the prompt is no UTF-8: byte {error.start + 1} is 0x{data[error.start]:02x}; "
            "convert it first, for example with iconv -t utf-8"
        ) from None


def _serve(path: Path, *, n_ctx: int, threads: int) -> Any:
    return _Explained(serve_gguf(path, n_ctx=n_ctx, threads=threads), path)


class _Explained:
    """A context manager whose start fails with words also where the `gguf` package is not installed."""

    def __init__(self, inner: Any, path: Path) -> None:
        self._inner, self._path = inner, path

    def __enter__(self) -> Serving:
        try:
            serving: Serving = self._inner.__enter__()
        except (
            ImportError
        ):  # the reader that would tell damage from want of memory is absent, or finds no memory either
            raise ModelFileError(
                f"{self._path}: llama.cpp cannot load it. Is the file whole (sha256sum -c SHA256SUMS)? "
                "Is there memory for it (a smaller --context, a smaller format)?"
            ) from None
        except MemoryError:
            raise ServerError(
                f"{self._path}: not enough memory to load it; take a smaller format or context"
            ) from None
        return serving

    def __exit__(self, *error: Any) -> Any:
        return self._inner.__exit__(*error)


def _text_of(event: dict[str, Any]) -> str:
    if "error" in event:
        raise ServerError(f"the model server broke off: {event['error'].get('message', event['error'])}")
    if "choices" in event:
        return "".join(choice.get("delta", {}).get("content") or "" for choice in event["choices"])
    return str(event.get("content") or "")


def _refusal(status: int, body: bytes) -> ChatError:
    try:
        error = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError):
        return ServerError(f"the model server refused (HTTP {status})")
    if error.get("type") == "exceed_context_size_error":
        return PromptTooLong(
            f"the prompt is too long: {error.get('n_prompt_tokens')} tokens, the context holds {error.get('n_ctx')}; "
            "shorten it or take a larger context"
        )
    return ServerError(f"the model server refused (HTTP {status}): {error.get('message')}")


def resident_bytes() -> int:
    """What this process holds in RAM now; 0 where the system does not tell (Linux does)."""
    return _status("VmRSS:")


def peak_bytes() -> int:
    """Most memory that this process has had in RAM; 0 where the system does not tell."""
    return _status("VmHWM:")


def _status(field: str) -> int:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(field)), 0)
