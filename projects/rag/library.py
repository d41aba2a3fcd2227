"""The service's documents and the base over them: uploads in, a new base swapped in whole, the old one serving meanwhile."""

from __future__ import annotations

import errno
import logging
import os
import re
import shutil
import threading
from pathlib import Path
from typing import BinaryIO

from projects.rag.base import Base, Progress, load_base, update_base
from projects.rag.guards import MAX_BYTES, DocumentError
from projects.rag.ingest import Report, StoreError, read_document

UPLOADS = "uploads"
MOST_UPLOADS = 500
KEPT = ".upload-kept-"  # an older file of the same name, until the new one is in the base
_NAME = re.compile(r"[\w\u3400-\u9fff][\w\u3400-\u9fff .()（）+-]{0,118}\.\w{1,8}")


class Library:
    """A data folder with `documents/`, seeded once from a folder, and `base/`."""

    def __init__(self, data: Path, seed: Path, *, progress: Progress | None = None) -> None:
        self._documents, self._home = data / "documents", data / "base"
        self._lock = threading.Lock()  # one change at a time; readers need none
        self._uploads = self._documents / UPLOADS
        if not self._documents.is_dir():
            half = data / ".seeding"
            shutil.rmtree(half, ignore_errors=True)
            shutil.copytree(seed, half)
            os.replace(half, self._documents)
        self._uploads.mkdir(parents=True, exist_ok=True)
        for kept in self._uploads.glob(f"{KEPT}*"):  # left by a process that was killed
            if not (target := self._uploads / kept.name.removeprefix(KEPT)).exists():
                os.replace(kept, target)
        for stale in self._uploads.glob(".upload-*"):
            stale.unlink()
        try:
            update_base(self._documents, self._home, progress=progress)
        except StoreError as error:  # a full disk: what was ingested before still answers
            logging.getLogger(__name__).warning("%s", error)
        self.base: Base = load_base(self._home)

    def add(self, name: str, body: BinaryIO) -> tuple[Report, list[str]]:
        """Take an upload and bring the base up to date; gives the report and the document's warnings.

        Raises `DocumentError` for a document that cannot be used, `StoreError` or `OSError` for a disk that cannot; the
        documents and the base are then as they were.
        """
        check_name(name)
        with self._lock:
            target = self._uploads / name
            if not target.exists() and sum(1 for _ in self._uploads.iterdir()) >= MOST_UPLOADS:
                raise DocumentError("too_large", f"{MOST_UPLOADS} uploads are stored; delete some first")
            draft, kept = self._uploads / f".upload-{name}", self._uploads / f"{KEPT}{name}"
            try:
                _write(draft, body)
                warnings = read_document(draft, self._documents).warnings
                if target.exists():
                    os.replace(target, kept)
                os.replace(draft, target)
                try:
                    report = update_base(self._documents, self._home)
                except BaseException:
                    target.unlink()
                    if kept.exists():
                        os.replace(kept, target)
                    raise
            finally:
                draft.unlink(missing_ok=True)
                kept.unlink(missing_ok=True)
            self.base = load_base(self._home)
            return report, warnings

    def path_of(self, document: str) -> Path | None:
        """The file of a document that the base holds; none for any other path."""
        known = any(one.document == document for one in self.base.passages)
        return self._documents / document if known else None


def check_name(name: str) -> None:
    """Refuse file names that are paths, hidden, or hold what no title needs."""
    if not _NAME.fullmatch(name) or ".." in name or len(name.encode()) > 200:
        raise DocumentError(
            "bad_name",
            "expected a plain file name of letters, digits, spaces and . - _ ( ) with an extension, and no path",
        )


def _write(path: Path, body: BinaryIO) -> None:
    size = 0
    with path.open("wb") as stream:
        while piece := body.read(1 << 20):
            size += len(piece)
            if size > MAX_BYTES:
                raise DocumentError("too_large", f"over {MAX_BYTES // 2**20} MB, the most that is taken")
            stream.write(piece)


def is_full(error: OSError) -> bool:
    """Whether the disk or the quota is used up."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)
