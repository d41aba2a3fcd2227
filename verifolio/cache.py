"""A cache of the site build: what was converted once is not converted again.

One SQLite file that is read by key and written in one transaction at the end of a build. It only
ever saves time: a missing, broken or unwritable file is the same as an empty cache.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
from pathlib import Path
from typing import Any


class Cache:
    """JSON values by the hash of everything that they depend on."""

    def __init__(self, path: Path | None, salt: str = "") -> None:
        self.salt = salt
        self._values: dict[bytes, Any] = {}  # what this build used; all that pruning keeps
        self._fresh: list[bytes] = []
        self._database = _open(path) if path else None
        self.folder = path.parent if path and self._database else None

    def key(self, *parts: str) -> bytes:
        """A digest of the parts, which cannot run into each other."""
        text = "\0".join((self.salt, *parts))
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=20).digest()

    def get(self, key: bytes) -> Any | None:
        """The value, or None."""
        if key in self._values:
            return self._values[key]
        if self._database is None:
            return None
        try:
            row = self._database.execute("select value from entry where key = ?", (key,)).fetchone()
            value = json.loads(row[0]) if row else None
        except (sqlite3.Error, ValueError):
            return None
        if value is not None:
            self._values[key] = value
        return value

    def put(self, key: bytes, value: Any) -> None:
        """Remember a value; it reaches the disk with `save`."""
        self._values[key] = value
        self._fresh.append(key)

    def save(self) -> None:
        """Write what is new and drop what this build did not use."""
        if self._database is None:
            return
        fresh, used = list(self._fresh), list(self._values)  # another thread may still add to them
        rows = [(key, json.dumps(self._values[key], ensure_ascii=False)) for key in fresh]
        with contextlib.suppress(sqlite3.Error), self._database as database:
            database.execute("create temp table if not exists used (key blob primary key)")
            database.execute("delete from used")
            database.executemany("insert into used values (?)", ((key,) for key in used))
            database.executemany("insert or replace into entry values (?, ?)", rows)
            database.execute("delete from entry where key not in (select key from used)")
            del self._fresh[: len(fresh)]


def _open(path: Path) -> sqlite3.Connection | None:
    """Open the database; a broken one is thrown away."""
    for _ in range(2):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            database = sqlite3.connect(path, timeout=0.2, check_same_thread=False)
            database.execute("pragma synchronous = off")  # a lost cache costs a second, no more
            database.execute("create table if not exists entry (key blob primary key, value text)")
            return database
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):  # locked, read-only, disk full
                return None
            path.unlink(missing_ok=True)
        except OSError:
            return None
    return None
