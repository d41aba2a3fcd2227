"""From a question to a cited answer: found, chosen, said by a model where that holds, quoted where it does not.

Every sentence is checked before it is given on, so that what was streamed is never taken back.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from langchain_core.output_parsers import StrOutputParser
from langchain_core.runnables import Runnable

from projects.chat.client import Endpoint
from projects.chat.errors import ChatError, ServerError, explain
from projects.rag import prompts
from projects.rag.checks import check_sentence, without_marks
from projects.rag.evidence import Piece, Weights, choose_pieces
from projects.rag.followup import Resolver, Turn
from projects.rag.injection import is_instruction
from projects.rag.records import Passage
from projects.rag.scope import is_outside
from projects.rag.search import Filter
from projects.rag.wording import CHINESE, language_of, sentences

Mode = Literal["generated", "extractive", "refused"]
FIRST_SENTENCE_S = (
    0.55  # the embedded model's time for a first checked sentence; then the documents are quoted
)
ABANDON_S = 2.0
"""Silence after which a read from the embedded model is given up, lest a sentence that nobody waits for keeps its place."""
MAX_QUESTION = 2000
REFUSAL = {
    "zh": "抱歉，现有资料里没有找到这个问题的答案。请换个说法，或联系人工客服。",
    "en": "Sorry, the documents do not say. Please put it another way, or ask a person of our service.",
}
QUOTED = {"zh": "以下为资料原文摘录，未经改写：", "en": "Quoted from the documents, word for word:"}


class Found(Protocol):
    """What a search gives: passages, the best first."""

    passages: list[Passage]


class Finder(Protocol):
    """Retrieval as answering needs it."""

    passages: Sequence[Passage]

    def find(self, question: str, *, where: Filter | None = None) -> Any:
        """Search for a question that stands alone; gives a `Found`."""
        ...

    def weigh(self, question: str, found: Any) -> list[Piece]:
        """The pieces of the passages found that may be quoted, the best first."""
        ...

    def says(self, question: str, found: Any, pieces: Sequence[Piece]) -> bool:
        """Whether the documents are likely to answer the question."""
        ...


@dataclass(frozen=True)
class Citation:
    """A numbered source: the passage, and what of it was quoted or relied upon."""

    number: int
    passage: Passage
    quote: str

    def as_json(self, lang: str) -> dict[str, Any]:
        """Document, place and quote for a reader of `lang`; page, sheet and cells for a program."""
        one = self.passage
        return {
            "number": self.number, "document": one.document, "title": one.title, "place": one.place(lang),
            "page": one.page, "sheet": one.sheet, "cells": one.cells, "quote": self.quote, "passage": one.id,
        }  # fmt: skip


@dataclass(frozen=True)
class Sentence:
    """A sentence of the answer and the numbers of the citations that hold it."""

    text: str
    citations: tuple[int, ...] = ()

    def __str__(self) -> str:
        return self.text + "".join(f" [{one}]" for one in self.citations)


@dataclass
class Answer:
    """What was said, where each sentence stands, and how it came about."""

    question: str
    """As it was understood: a follow-up made whole."""
    lang: str
    mode: Mode
    sentences: list[Sentence] = field(default_factory=list)
    citations: list[Citation] = field(default_factory=list)
    hits: list[Passage] = field(default_factory=list)
    reason: str = ""
    """Why nothing was generated: `language`, `time`, `model`, or what the check found (`number`, `support`, …)."""
    timings: dict[str, float] = field(default_factory=dict)
    """Milliseconds: `retrieve` (of it `encode`), `first` (to the first sentence), `total`."""

    @property
    def note(self) -> str:
        """What a reader must know before the text: that it is quoted."""
        return QUOTED[self.lang] if self.mode == "extractive" else ""

    @property
    def text(self) -> str:
        """The sentences with their citation numbers."""
        return ("" if self.lang == "zh" else " ").join(map(str, self.sentences))

    def as_json(self) -> dict[str, Any]:
        """What the interface sends."""
        return {
            "answer": self.text, "mode": self.mode, "note": self.note, "reason": self.reason, "lang": self.lang,
            "understood": self.question,
            "sentences": [{"text": one.text, "citations": list(one.citations)} for one in self.sentences],
            "citations": [one.as_json(self.lang) for one in self.citations],
            "timings_ms": self.timings,
        }  # fmt: skip


class Answerer:
    """Answers questions over one set of passages with one model."""

    def __init__(
        self,
        finder: Finder,
        endpoint: Endpoint | None,
        *,
        first_sentence_s: float | None = FIRST_SENTENCE_S,
        max_tokens: int = 48,
    ) -> None:
        """`endpoint` none: always quote. `first_sentence_s` none: wait for the embedded model however long it takes."""
        self._finder = finder
        self._endpoint = endpoint
        self._large = endpoint is not None and not endpoint.embedded
        self._budget = None if self._large else first_sentence_s
        self._weights = Weights(finder.passages)
        self._chain: Runnable[dict[str, Any], str] | None = None
        rewrite = None
        if endpoint is not None:
            tokens = 400 if self._large else max_tokens
            if first_sentence_s is not None and not self._large:
                endpoint = replace(endpoint, timeout_s=first_sentence_s + ABANDON_S)
            llm = endpoint.langchain(temperature=0, max_tokens=tokens, seed=0)
            self._chain = (prompts.LARGE if self._large else prompts.SMALL) | llm | StrOutputParser()
            if self._large:
                self._rewriter = prompts.REWRITE | llm | StrOutputParser()
                rewrite = self._rewrite
        self._resolver = Resolver(finder.passages, rewrite)

    def answer(self, question: str, history: Sequence[Turn] = (), where: Filter | None = None) -> Answer:
        """The whole answer."""
        *_, answer = self.stream(question, history, where)
        assert isinstance(answer, Answer)
        return answer

    def stream(
        self, question: str, history: Sequence[Turn] = (), where: Filter | None = None
    ) -> Iterator[Sentence | Answer]:
        """Each checked sentence as soon as it stands, then the answer; `where` limits the documents."""
        start = time.perf_counter()

        def since() -> float:
            return round(1000 * (time.perf_counter() - start), 2)

        resolved = self._resolver.resolve(question, history)
        answer = Answer(resolved, language_of(question), "refused")
        found = self._finder.find(resolved, where=where)
        answer.timings["encode"] = round(getattr(found, "encode_ms", 0.0), 2)
        answer.hits = list(found.passages)
        weighed = self._finder.weigh(resolved, found)
        refused = is_instruction(question) or is_outside(resolved)
        pieces = (
            []
            if refused or not self._finder.says(resolved, found, weighed)
            else choose_pieces(resolved, weighed, self._weights)
        )
        answer.timings["retrieve"] = since()
        if pieces:
            answer.mode = "generated"
            for sentence in self._generated(answer, pieces, start):
                answer.timings.setdefault("first", since())
                yield sentence
            if not answer.sentences and answer.mode != "refused":
                answer.mode = "extractive"
                for piece in pieces:
                    sentence = self._cite(answer, piece.text, [piece])
                    answer.timings.setdefault("first", since())
                    yield sentence
        if answer.mode == "refused":
            answer.sentences, answer.citations = [Sentence(REFUSAL[answer.lang])], []
            answer.timings.setdefault("first", since())
            yield answer.sentences[0]
        answer.timings["total"] = since()
        yield answer

    # -- saying it -------------------------------------------------------------------------------

    def _generated(self, answer: Answer, pieces: list[Piece], start: float) -> Iterator[Sentence]:
        """Sentences of the model that hold; `answer.reason` says why there is none, or no more."""
        if self._chain is None:
            answer.reason = "model"
            return
        if not self._large and (answer.lang != "en" or any(one.passage.lang != "en" for one in pieces)):
            answer.reason = "language"  # the embedded model knows no Chinese
            return
        sources = pieces
        if self._large:
            sources = [
                Piece(one, rank, prompts.clean_text(one), 0.0, frozenset())
                for rank, one in enumerate(answer.hits, start=1)
            ]
            values = {
                "language": prompts.LANGUAGES[answer.lang],
                "passages": prompts.numbered_passages(answer.hits),
                "question": answer.question,
            }
        else:
            values = {"evidence": prompts.small_evidence(pieces), "question": answer.question}
        deadline = None if self._budget is None else start + self._budget
        said = _Speech(self._chain, values)
        try:
            for raw in said.sentences(deadline):
                if prompts.NO_ANSWER in raw and not answer.sentences:
                    answer.mode, answer.reason = "refused", "model"
                    return
                verdict = check_sentence(raw, answer.question, sources)
                if not verdict.cited:
                    answer.reason = verdict.reason
                    return
                said.deadline = None
                yield self._cite(answer, without_marks(raw), [sources[at] for at in verdict.cited])
        except TimeoutError:
            answer.reason = "time"
        except ChatError as error:
            answer.reason = f"model: {error}"
        finally:
            said.stop()

    @staticmethod
    def _cite(answer: Answer, text: str, pieces: Sequence[Piece]) -> Sentence:
        """Add a sentence with the numbers of its sources, new ones where a passage is cited for the first time."""
        numbers = []
        for piece in pieces:
            known = next((one for one in answer.citations if one.passage.id == piece.passage.id), None)
            if known is None:
                known = Citation(len(answer.citations) + 1, piece.passage, piece.text)
                answer.citations.append(known)
            numbers.append(known.number)
        sentence = Sentence(text, tuple(dict.fromkeys(numbers)))
        answer.sentences.append(sentence)
        return sentence

    def _rewrite(self, question: str, history: Sequence[Turn]) -> str:
        """A large model's rewriting of a follow-up; its question as it is if the server fails."""
        conversation = "\n".join(f"{role}: {text}" for role, text in history[-6:])
        try:
            done = self._rewriter.invoke({"conversation": conversation, "question": question}).strip()
        except Exception as error:
            _explained(error)  # what is not the server's fault is raised
            return question
        return done if 0 < len(done) <= MAX_QUESTION else question


class _Speech:
    """A model's words as sentences, read in a thread so that waiting for them can end."""

    def __init__(self, chain: Runnable[dict[str, Any], str], values: dict[str, Any]) -> None:
        self.deadline: float | None = None
        self._words: queue.Queue[str | Exception | None] = queue.Queue()
        self._stopped = threading.Event()
        threading.Thread(target=self._read, args=(chain, values), daemon=True).start()

    def _read(self, chain: Runnable[dict[str, Any], str], values: dict[str, Any]) -> None:
        try:
            stream = chain.stream(values)
            for word in stream:
                if self._stopped.is_set():
                    break  # leaving closes the connection, and the server stops there
                self._words.put(word)
            if hasattr(stream, "close"):
                stream.close()
            self._words.put(None)
        except Exception as error:
            self._words.put(error)

    def sentences(self, deadline: float | None) -> Iterator[str]:
        """Sentences as they end; raises `TimeoutError` once `deadline` (of `perf_counter`) has passed, `ChatError`."""
        self.deadline, text, ended = deadline, "", False
        while not ended:
            try:
                left = None if self.deadline is None else max(0.0, self.deadline - time.perf_counter())
                got = self._words.get(timeout=left)
            except queue.Empty:
                raise TimeoutError from None
            if isinstance(got, Exception):
                raise _explained(got) from got
            ended = got is None
            text += got or ""
            whole = sentences(text)
            if ended and whole and _cut_off(whole[-1]):
                whole.pop()
            yield from whole if ended else whole[:-1]  # the last may go on
            text = "" if ended or not whole else whole[-1] + (" " if text.endswith((" ", "\n")) else "")

    def stop(self) -> None:
        """Let the reading end."""
        self._stopped.set()


def _explained(error: Exception) -> ChatError:
    """Also for a server that answers without a word, or no JSON: something else listens there."""
    if isinstance(error, ValueError) and not isinstance(error, ChatError):
        return ServerError(f"the model server sent no answer that can be read ({error})")
    return explain(error)


def _cut_off(sentence: str) -> bool:
    """Whether a last sentence ran into the limit of tokens: long, and without an end."""
    return (len(sentence.split()) > 15 or len(CHINESE.findall(sentence)) > 15) and not sentence.rstrip(
        '"”)] 0123456789['
    ).endswith((".", "!", "?", "。", "！"))
