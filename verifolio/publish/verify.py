"""A published demo is not published until it answers: waits for it, sends a recorded input, compares.

An answer with classes must give the recorded label and score; a text must open like the recorded one.
"""

from __future__ import annotations

import hashlib
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from verifolio.errors import AuthorError
from verifolio.publish.declare import Ask
from verifolio.publish.redaction import redact
from verifolio.results import Cell, Table

if TYPE_CHECKING:
    from verifolio.recorded import Recorded

Say = Callable[[str], None]


class Place(Protocol):
    """A Space or a Studio."""

    repo_id: str

    def state(self) -> tuple[str, str]: ...

    def app_url(self) -> str: ...


@dataclass(frozen=True)
class Expected:
    """A recorded input and what came out."""

    given: str
    labels: tuple[str, ...] = ()  # the same label in each language
    score: float | None = None
    text: str = ""


def expected_of(roles: Recorded, table: Table) -> Expected:
    """The first recorded row."""
    row = table.rows[0]
    given = _words(row[roles.input])[0]
    if roles.output:
        return Expected(given, text=_words(row[roles.output])[0])
    score = row[roles.score]
    assert isinstance(score, int | float)
    return Expected(given, labels=_words(row[roles.label]), score=float(score))


def wait(place: Place, say: Say, *, limit_s: float, pause_s: float = 5.0) -> None:
    """Wait until the app runs; says every change of state."""
    started, last = time.monotonic(), ""
    while True:
        state, word = place.state()
        if word != last:
            say(f"{place.repo_id}: {word} after {time.monotonic() - started:.0f} s")
            last = word
        if state == "running":
            return
        if state == "broken":
            raise AuthorError(
                f"{place.repo_id} was published but does not run: {word}",
                hint="its page shows the log; mend what it names and publish again",
            )
        if time.monotonic() - started > limit_s:
            raise AuthorError(
                f"{place.repo_id} was published but did not run within {limit_s:.0f} s (last: {word})",
                hint="it may still come: verify later with the same command, or give --wait SECONDS",
            )
        time.sleep(pause_s)


def check_answer(url: str, ask: Ask, expected: Expected, *, timeout_s: float = 120.0) -> str:
    """Send the recorded input to a Gradio app; returns what agreed, raises on what did not."""
    answer = call(url, ask.api, [expected.given, *ask.extra], timeout_s=timeout_s)
    if ask.output >= len(answer):
        raise _wrong(url, f"gave {len(answer)} outputs, output {ask.output} was asked for")
    return compare(url, ask, expected, answer[ask.output])


def compare(url: str, ask: Ask, expected: Expected, got: Any) -> str:
    """Compare one output with the recorded one."""
    if expected.labels:
        label, score = _verdict(got)
        if not any(one.lower() in label.lower() for one in expected.labels):
            raise _wrong(url, f"answers ‘{label}’, recorded is ‘{expected.labels[-1]}’")
        assert expected.score is not None
        if not abs(score - expected.score) <= ask.tolerance:  # also for what is no number
            raise _wrong(url, f"answers {score:.4f}, recorded is {expected.score:.4f} ± {ask.tolerance}")
        return f"{label} {score:.4f}, recorded {expected.score:.4f}"
    text = _text(got)
    opening = " ".join(expected.text.split())[: ask.opening]
    if not " ".join(text.split()).startswith(opening):
        raise _wrong(url, f"answers ‘{text[: ask.opening]}’, recorded is ‘{opening}’")
    return f"opens with the recorded {len(opening)} characters"


def check_static(url: str, digests: dict[str, str], *, timeout_s: float = 60.0) -> str:
    """Fetch every file of a static bundle and compare it; the page must carry the isolation headers."""
    headers: dict[str, str] = {}
    for name, digest in digests.items():
        body, found = fetch(f"{url.rstrip('/')}/{name}", timeout_s=timeout_s)
        if hashlib.sha256(body).hexdigest() != digest:
            raise _wrong(url, f"serves other bytes for {name}")
        if name == "index.html":
            headers = found
    wanted = ("cross-origin-embedder-policy", "cross-origin-opener-policy")
    threads = all(headers.get(name) for name in wanted)
    return f"{len(digests)} files as here; " + (
        "threads allowed" if threads else "no isolation headers: one thread"
    )


def call(url: str, api: str, data: list[Any], *, timeout_s: float) -> list[Any]:
    """Ask an endpoint of a Gradio app over its HTTP interface; waits for the complete answer."""
    base = f"{url.rstrip('/')}/gradio_api/call/{api.lstrip('/')}"
    payload = json.dumps({"data": data}).encode()
    body, _ = fetch(base, payload, timeout_s=timeout_s)
    try:
        event = json.loads(body)["event_id"]
    except (ValueError, KeyError, TypeError):
        raise _wrong(url, "is no Gradio app: it gave no event for the call") from None
    stream, _ = fetch(f"{base}/{event}", timeout_s=timeout_s)
    name = ""
    for line in stream.decode("utf-8", errors="replace").splitlines():
        if line.startswith("event:"):
            name = line.removeprefix("event:").strip()
        elif line.startswith("data:") and name in ("complete", "error"):
            try:
                found = json.loads(line.removeprefix("data:"))
            except ValueError:
                found = None
            if name == "error" or not isinstance(found, list):
                raise _wrong(url, f"fails on the recorded input: {redact(str(found))[:200]}")
            return found
    raise _wrong(url, "ended its answer before it was complete")


def fetch(url: str, payload: bytes | None = None, *, timeout_s: float) -> tuple[bytes, dict[str, str]]:
    """(body, headers) of an address; a clear error for all that can go wrong."""
    headers = {"User-Agent": "verifolio", **({"Content-Type": "application/json"} if payload else {})}
    request = urllib.request.Request(url, data=payload, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as response:
            return response.read(), {key.lower(): value for key, value in response.headers.items()}
    except urllib.error.HTTPError as error:
        raise _wrong(url, f"answers {error.code}") from None
    except (OSError, ValueError) as error:
        raise _wrong(url, f"does not answer ({getattr(error, 'reason', error)})") from None


def _wrong(url: str, what: str) -> AuthorError:
    return AuthorError(
        f"published, but not as recorded: {url} {what}", hint="look at its log and publish again"
    )


def _verdict(got: Any) -> tuple[str, float]:
    """(top label, its score) of gr.Label's output or of a plain mapping."""
    if isinstance(got, dict) and isinstance(got.get("confidences"), list) and got["confidences"]:
        top = max(got["confidences"], key=lambda one: one["confidence"])
        return str(top["label"]), float(top["confidence"])
    if isinstance(got, dict) and got and all(isinstance(one, int | float) for one in got.values()):
        label = max(got, key=lambda one: float(got[one]))
        return str(label), float(got[label])
    return str(got), float("nan")


def _text(got: Any) -> str:
    """The text of an answer: as it is, or of the last message of a chat."""
    if isinstance(got, list) and got:
        return _text(got[-1])
    if isinstance(got, dict):
        return _text(got.get("content", got.get("text", "")))
    return str(got or "")


def _words(cell: Cell) -> tuple[str, ...]:
    return tuple(cell.values()) if isinstance(cell, dict) else (str(cell),)
