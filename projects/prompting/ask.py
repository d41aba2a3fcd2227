"""One way to ask a chat model: kept replies first, then the cap, then the server. The same for GPT-4 and 135 M."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from projects.chat.client import Endpoint, open_chat
from projects.chat.errors import explain
from projects.prompting.cache import Messages, Reply, ReplyCache, key_of
from projects.prompting.cost import Budget, Price
from verifolio.files import sha256_of

if TYPE_CHECKING:
    from verifolio.record import Run

REPLIES = "build/replies.sqlite"
PATIENCE_S = 900.0  # one core of a busy machine may take long over a prompt


def user(text: str, system: str = "") -> list[dict[str, str]]:
    """A conversation of one question, with a system message if there is one."""
    head = [{"role": "system", "content": system}] if system else []
    return [*head, {"role": "user", "content": text}]


class Asker:
    """Asks one model. `model` is what the replies are kept under: the hash of the weights, or server and name."""

    def __init__(
        self, endpoint: Endpoint, model: str, cache: ReplyCache, budget: Budget | None = None
    ) -> None:
        self._endpoint, self._model, self._cache, self._budget = endpoint, model, cache, budget
        self._client = endpoint.openai()
        self.asked = self.kept = 0

    def ask(self, messages: Messages, *, max_tokens: int, temperature: float = 0.0, **options: Any) -> Reply:
        """A reply; raises `CostLimit` before an unaffordable request and `ChatError` when the server fails."""
        settings = {"max_tokens": max_tokens, "temperature": temperature, **options}
        key = key_of(self._model, messages, settings)
        if (kept := self._cache.get(key)) is not None:
            self.kept += 1
            return kept
        if self._budget:
            self._budget.check(messages, max_tokens)
        reply = self._send(messages, settings)
        self.asked += 1
        if self._budget:
            self._budget.charge(reply.prompt_tokens, reply.completion_tokens)
        self._cache.put(key, reply)
        return reply

    def _send(self, messages: Messages, settings: Mapping[str, Any]) -> Reply:
        try:
            done = self._client.chat.completions.create(
                model=self._endpoint.model, messages=[dict(one) for one in messages], **settings
            )
        except Exception as error:
            raise explain(error) from error
        choice, usage = done.choices[0], done.usage
        return Reply(
            text=choice.message.content or "",
            prompt_tokens=usage.prompt_tokens if usage else 0,
            completion_tokens=usage.completion_tokens if usage else 0,
            finish=choice.finish_reason or "stop",
        )


class Rehearsal:
    """Sends nothing: adds up what the requests can cost at most. Replies that are kept cost nothing."""

    def __init__(self, model: str, cache: ReplyCache, price: Price) -> None:
        self._model, self._cache, self._price = model, cache, price
        self.asked = self.kept = 0
        self.cost = 0.0

    def ask(self, messages: Messages, *, max_tokens: int, temperature: float = 0.0, **options: Any) -> Reply:
        """A stand-in of full length, so that requests built on it are not underestimated."""
        settings = {"max_tokens": max_tokens, "temperature": temperature, **options}
        if (kept := self._cache.get(key_of(self._model, messages, settings))) is not None:
            self.kept += 1
            return kept
        self.asked += 1
        self.cost += self._price.at_most(messages, max_tokens)
        return Reply("word " * max_tokens, 0, max_tokens, "length")


Asks = Asker | Rehearsal


def open_server(endpoint: Endpoint, cache: ReplyCache, budget: Budget) -> Asker:
    """An asker for a configured server."""
    return Asker(endpoint, server_model(endpoint), cache, budget)


def server_model(endpoint: Endpoint) -> str:
    """What the replies of a server are kept under."""
    return f"{endpoint.base_url} {endpoint.model}"


@contextmanager
def embedded(run: Run) -> Iterator[Asker]:
    """The embedded model of a run's input `smollm2`, its replies kept under the hash of its weights."""
    gguf = run.input("smollm2")
    cache = cache_of(run.root)
    with open_chat(gguf=gguf, n_ctx=run.params["n_ctx"], threads=run.params["threads"]) as endpoint:
        patient = dataclasses.replace(endpoint, timeout_s=PATIENCE_S)
        asker = Asker(patient, f"sha256:{sha256_of(gguf)}", cache)
        yield asker
        run.say(f"{asker.asked} replies asked for, {asker.kept} kept from before")


def cache_of(root: Path) -> ReplyCache:
    """The kept replies of a checkout."""
    return ReplyCache(root / REPLIES)
