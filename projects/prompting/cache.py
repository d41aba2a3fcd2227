"""Replies kept by content: the same model, parameters and messages are never asked twice.

One SQLite file. Delete it to ask everything anew; a damaged file is named, not silently replaced.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

Messages = Sequence[Mapping[str, str]]


@dataclass(frozen=True)
class Reply:
    """A model's words and the tokens that they took; `finish` is `stop`, or `length` when cut off."""

    text: str
    prompt_tokens: int
    completion_tokens: int
    finish: str = "stop"


class CacheError(Exception):
    """The file of kept replies cannot be used; the text says which and what to do."""


def key_of(model: str, messages: Messages, options: Mapping[str, Any]) -> str:
    """SHA-256 of everything that a reply depends on; `model` names weights by their hash, or a server's model."""
    content = {"model": model, "messages": [dict(one) for one in messages], "options": dict(options)}
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


class ReplyCache:
    """Replies on disk by key; written one by one, so that a killed run loses at most the last."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._open() as database:
            database.execute("CREATE TABLE IF NOT EXISTS replies (key TEXT PRIMARY KEY, reply TEXT NOT NULL)")

    def get(self, key: str) -> Reply | None:
        """The kept reply, if there is one."""
        with self._open() as database:
            row = database.execute("SELECT reply FROM replies WHERE key = ?", (key,)).fetchone()
        return Reply(**json.loads(row[0])) if row else None

    def put(self, key: str, reply: Reply) -> None:
        """Keep a reply."""
        with self._open() as database:
            database.execute(
                "INSERT OR REPLACE INTO replies VALUES (?, ?)",
                (key, json.dumps(asdict(reply), ensure_ascii=False)),
            )

    def __len__(self) -> int:
        with self._open() as database:
            return int(database.execute("SELECT count(*) FROM replies").fetchone()[0])

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A connection for one transaction; threads share none."""
        try:
            with closing(sqlite3.connect(self._path, timeout=30)) as database, database:
                yield database
        except sqlite3.DatabaseError as error:
            raise CacheError(
                f"{self._path}: the kept replies cannot be used ({error}); delete the file to ask anew"
            ) from error
