"""Reads a folder of documents into a store of passages: only changed files again, all or nothing on the disk."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from projects.rag.blocks import Block
from projects.rag.chunking import Chunking, cut
from projects.rag.guards import ALIASES, TYPES, DocumentError, check_file, suffix_of
from projects.rag.read_pdf import read_pdf
from projects.rag.read_text import read_docx, read_html, read_markdown
from projects.rag.read_xlsx import read_xlsx
from projects.rag.records import Passage

READERS: dict[str, Callable[[Path], tuple[str, list[Block], list[str]]]] = {
    ".pdf": read_pdf,
    ".xlsx": read_xlsx,
    ".docx": read_docx,
    ".md": read_markdown,
    ".html": read_html,
}
FORMAT = 1  # of the store; a higher one reads every file again
CAUSES = {
    errno.ENOSPC: "the disk is full: free some space and run it again",
    errno.EDQUOT: "your quota is used up: free some space and run it again",
    errno.EACCES: "no permission to write there",
    errno.EROFS: "the file system is read-only",
}


class StoreError(Exception):
    """The store cannot be written, read or locked; what it held before is untouched."""


@dataclass
class Document:
    """A document that was read."""

    name: str
    sha256: str
    title: str
    passages: list[Passage]
    warnings: list[str] = field(default_factory=list)


@dataclass
class Report:
    """What an ingest did, by file name."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    unreadable: dict[str, DocumentError] = field(default_factory=dict)
    warnings: dict[str, list[str]] = field(default_factory=dict)
    """Of each file that was read in part, such as a PDF with a scanned page."""
    passages: int = 0

    @property
    def touched(self) -> bool:
        """Say whether the passages differ from before, so that an index must follow."""
        return bool(self.added or self.changed or self.removed)


def read_document(path: Path, root: Path, chunking: Chunking | None = None) -> Document:
    """Read one document below `root`; raise `DocumentError` if nothing of it can be used."""
    name = path.relative_to(root).as_posix()
    try:
        name.encode()
    except UnicodeEncodeError:
        raise DocumentError("bad_name", "its name is not UTF-8; rename the file") from None
    suffix = check_file(path)
    digest = _digest(path)
    try:
        title, blocks, warnings = READERS[suffix](path)
    except (DocumentError, OSError):
        raise
    except MemoryError as error:
        raise DocumentError("too_large", "not enough memory to read it; split the file") from error
    except Exception as error:  # a parser's fault with one broken file must not stop the others
        raise DocumentError(
            "unreadable", f"the parser gave up ({type(error).__name__}: {error})"[:300]
        ) from error
    top = next((block.text for block in blocks if block.kind == "heading" and block.sheet is None), "")
    title = title or top or Path(name).stem
    passages = _by_language(name, title, blocks, chunking or Chunking())
    if not passages:
        raise DocumentError("no_text", "no text could be found in it")
    return Document(name, digest, title, passages, warnings)


def _by_language(name: str, title: str, blocks: list[Block], chunking: Chunking) -> list[Passage]:
    """Cut a workbook sheet by sheet, since its sheets may be in different languages."""
    sheets = list(dict.fromkeys(block.sheet for block in blocks))
    return [
        passage
        for sheet in sheets
        for passage in cut(name, title, [block for block in blocks if block.sheet == sheet], chunking)
    ]


def find_documents(folder: Path) -> list[Path]:
    """List the files below `folder` that look like documents; hidden ones and links that lead outside are left out."""
    root = folder.resolve()
    if not root.is_dir():
        raise StoreError(f"{folder}: expected a folder with documents, found none there")
    return [
        path
        for path in sorted(root.rglob("*"))
        if suffix_of(path) in {*TYPES, *ALIASES}
        and not any(part.startswith((".", "~$")) for part in path.relative_to(root).parts)
        and path.is_file()
        and path.resolve().is_relative_to(root)
    ]


def ingest(
    folder: Path,
    store: Path,
    *,
    progress: Callable[[int, int, str], None] | None = None,
    chunking: Chunking | None = None,
) -> Report:
    """Bring `store/passages.jsonl` in step with `folder`; `progress` gets done, total and the file's name.

    The old passages stay valid until the new ones are renamed into place. Raises `StoreError`.
    """
    chunking = chunking or Chunking()
    with _locked(store):
        before, kept = _read_store(store, chunking)
        report, documents, passages = Report(), {}, []
        root = folder.resolve()
        paths = find_documents(folder)
        for number, path in enumerate(paths, start=1):
            name = path.relative_to(root).as_posix()
            if progress:
                progress(number - 1, len(paths), name)
            old = before.get(name)
            try:
                if old and old["sha256"] == _digest(path):
                    report.unchanged.append(name)
                    documents[name] = old
                    passages += kept.get(name, [])
                    if old["warnings"]:
                        report.warnings[name] = old["warnings"]
                    continue
                document = read_document(path, root, chunking)
            except DocumentError as error:
                report.unreadable[name] = error
                continue
            except OSError as error:
                report.unreadable[name] = DocumentError("unreadable", error.strerror or str(error))
                continue
            (report.changed if old else report.added).append(name)
            if document.warnings:
                report.warnings[name] = document.warnings
            documents[name] = {
                "sha256": document.sha256,
                "title": document.title,
                "warnings": document.warnings,
                "passages": len(document.passages),
            }
            passages += document.passages
        report.removed = sorted(set(before) - set(documents))
        report.passages = len(passages)
        if (
            not before or documents != before
        ):  # a disk that is full or read-only need not be written for nothing
            _write_store(store, documents, passages, chunking)
        if progress:
            progress(len(paths), len(paths), "")
    return report


def load_passages(store: Path) -> list[Passage]:
    """Read the passages that the last complete ingest wrote, in reading order."""
    path = store / "passages.jsonl"
    try:
        with path.open(encoding="utf-8") as lines:
            return [Passage(**json.loads(line)) for line in lines]
    except FileNotFoundError as error:
        raise StoreError(
            f"{path}: no passages there; run `python -m projects.rag ingest FOLDER` first"
        ) from error
    except (ValueError, TypeError) as error:
        raise StoreError(f"{path}: damaged ({error}); remove the store and ingest again") from error


# -- the store -------------------------------------------------------------------------------------


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _read_store(store: Path, chunking: Chunking) -> tuple[dict[str, Any], dict[str, list[Passage]]]:
    """Give the manifest's documents and their passages; nothing if they do not belong together any more."""
    try:
        manifest = json.loads((store / "manifest.json").read_text("utf-8"))
        fits = (
            manifest["format"] == FORMAT
            and manifest["chunking"] == chunking.as_json()
            and manifest["passages_sha256"] == _digest(store / "passages.jsonl")
        )
        passages = load_passages(store) if fits else []
    except (OSError, ValueError, KeyError, TypeError, StoreError):
        return {}, {}
    if not fits:
        return {}, {}
    kept: dict[str, list[Passage]] = {}
    for passage in passages:
        kept.setdefault(passage.document, []).append(passage)
    return manifest["documents"], kept


def _write_store(store: Path, documents: dict[str, Any], passages: list[Passage], chunking: Chunking) -> None:
    lines = "".join(json.dumps(passage.as_json(), ensure_ascii=False) + "\n" for passage in passages)
    manifest = {
        "format": FORMAT,
        "chunking": chunking.as_json(),
        "passages_sha256": hashlib.sha256(lines.encode()).hexdigest(),
        "documents": documents,
    }
    # The manifest comes last: killed in between, its hash does not fit and the next ingest reads everything again.
    _replace(store / "passages.jsonl", lines)
    _replace(store / "manifest.json", json.dumps(manifest, ensure_ascii=False, indent=1))


def _replace(path: Path, text: str) -> None:
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        raise _store_error(path, error) from error


def _store_error(path: Path, error: OSError) -> StoreError:
    cause = CAUSES.get(error.errno or 0, "look at the folder and try again")
    return StoreError(
        f"{path}: cannot write: {os.strerror(error.errno or 0)}; {cause}; the old index is untouched"
    )


@contextmanager
def _locked(store: Path) -> Iterator[None]:
    """Hold the store for one ingest; the system lets go of it when the process ends, however it ends."""
    try:
        store.mkdir(parents=True, exist_ok=True)
        lock = (store / ".lock").open("a")
    except OSError as error:
        raise _store_error(store, error) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StoreError(f"{store}: another ingest is running; wait until it ends") from error
        for stale in store.glob(".*.tmp"):  # left by an ingest that was killed
            stale.unlink(missing_ok=True)
        yield
