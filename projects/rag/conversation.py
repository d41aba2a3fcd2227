"""Conversations in SQLite, as LangChain keeps them: they outlive a restart and end after a time without use."""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import BaseMessage, message_to_dict, messages_from_dict

EXPIRE_S = 24 * 3600
KEEP = 20  # messages of a conversation that are read again; a follow-up rests on the last ones
_SCHEMA = """
CREATE TABLE IF NOT EXISTS sessions (id TEXT PRIMARY KEY, used REAL NOT NULL);
CREATE TABLE IF NOT EXISTS messages (
    number INTEGER PRIMARY KEY, session TEXT NOT NULL REFERENCES sessions(id) ON DELETE CASCADE, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS by_session ON messages (session, number);
"""


_TRIM = """
DELETE FROM messages WHERE session = ? AND number NOT IN (
    SELECT number FROM messages WHERE session = ? ORDER BY number DESC LIMIT ?)
"""


class UnknownSession(Exception):
    """A session that never was, was deleted, or has expired."""


class Sessions:
    """All conversations of a service, in one file."""

    def __init__(self, path: Path, *, expire_s: float = EXPIRE_S) -> None:
        self._path, self._expire_s = path, expire_s
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._open() as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.executescript(_SCHEMA)
        self._forget()

    def _forget(self) -> None:
        """Delete what has expired; that the disk is full is not the reader's business."""
        with suppress(sqlite3.OperationalError), self._open() as database:
            database.execute("DELETE FROM sessions WHERE used < ?", (time.time() - self._expire_s,))

    def create(self) -> str:
        """Start a conversation and give its id, which cannot be guessed; expired ones are deleted."""
        session = secrets.token_urlsafe(18)
        self._forget()
        with self._open() as database:
            database.execute("INSERT INTO sessions VALUES (?, ?)", (session, time.time()))
        return session

    def history(self, session: str) -> SqliteHistory:
        """The messages of a conversation; raises `UnknownSession`."""
        self._forget()
        with self._open() as database:
            done = database.execute(
                "UPDATE sessions SET used = ? WHERE id = ? AND used >= ?",
                (time.time(), session, time.time() - self._expire_s),
            )
        if done.rowcount == 0:
            raise UnknownSession(
                "no such session: it has expired, or never was; start one with POST /v1/sessions"
            )
        return SqliteHistory(self, session)

    def delete(self, session: str) -> None:
        """Forget a conversation; raises `UnknownSession`."""
        self.history(session)
        with self._open() as database:
            database.execute("DELETE FROM sessions WHERE id = ?", (session,))

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A connection for one transaction: threads share none, and a kill leaves the last whole state."""
        with closing(sqlite3.connect(self._path, timeout=10)) as database, database:
            database.execute("PRAGMA foreign_keys = ON")
            yield database


class SqliteHistory(BaseChatMessageHistory):
    """LangChain's view of one conversation."""

    def __init__(self, sessions: Sessions, session: str) -> None:
        self._sessions, self._session = sessions, session

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override]
        """The last messages, the oldest first."""
        query = "SELECT body FROM messages WHERE session = ? ORDER BY number DESC LIMIT ?"
        with self._sessions._open() as database:
            rows = database.execute(query, (self._session, KEEP)).fetchall()
        return messages_from_dict([json.loads(body) for (body,) in reversed(rows)])

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Add messages, all or none."""
        rows = [(self._session, json.dumps(message_to_dict(one), ensure_ascii=False)) for one in messages]
        try:
            with self._sessions._open() as database:
                database.executemany("INSERT INTO messages (session, body) VALUES (?, ?)", rows)
                database.execute(_TRIM, (self._session, self._session, KEEP))  # what is not read is not kept
        except sqlite3.IntegrityError:
            raise UnknownSession("the session was deleted meanwhile") from None

    def clear(self) -> None:
        """Forget the messages, not the session."""
        with self._sessions._open() as database:
            database.execute("DELETE FROM messages WHERE session = ?", (self._session,))
