"""Reading and writing files so that a kill, a full disk or bad YAML loses nothing."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from verifolio.errors import AuthorError

WRITE_ERRORS = {
    errno.ENOSPC: "the disk is full: free some space and run the same command again; nothing was lost",
    errno.EDQUOT: "your quota is used up: free some space and run the same command again; nothing was lost",
    errno.EACCES: "no permission to write there: check the owner and mode of the folder",
    errno.EROFS: "the file system is read-only: work in a copy that may be written",
}

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def write_atomic(path: Path, data: str | bytes) -> None:
    """Write through a temporary file in the same folder, then rename over `path`."""
    import tempfile  # with all that it imports, not when a check only reads

    payload = data.encode("utf-8") if isinstance(data, str) else data
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        with os.fdopen(handle, "wb") as stream:
            stream.write(payload)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        raise write_error(path, error) from error


def write_if_changed(path: Path, data: str | bytes) -> bool:
    """Write only when the content differs, so that watchers and caches stay quiet."""
    payload = data.encode("utf-8") if isinstance(data, str) else data
    try:
        if path.read_bytes() == payload:
            return False
    except OSError:
        pass  # missing or unreadable: the write below decides
    write_staged(path, payload)
    return True


def write_staged(path: Path, payload: bytes) -> None:
    """Write a generated file: renamed into place, without waiting for the disk."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")  # another process may write the same
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(payload)
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise write_error(path, error) from error


def write_cache(path: Path, payload: bytes) -> None:
    """Keep something for next time if there is room; a cache that cannot be written harms nobody."""
    with contextlib.suppress(AuthorError):
        write_staged(path, payload)


def check_room(folder: Path, size: int = 1 << 20) -> None:
    """Raise the clear error now, not after an hour's work, when `size` bytes cannot be written."""
    probe = folder / ".room.tmp"
    write_atomic(probe, bytes(size))
    probe.unlink(missing_ok=True)


def move_into_place(path: Path, target: Path) -> None:
    """Rename a finished file over `target`; from another disk it is copied beside it first."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.replace(path, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        beside = target.with_name(f".{target.name}.tmp")
        shutil.copyfile(path, beside)
        os.replace(beside, target)


def exchange(one: Path, other: Path) -> bool:
    """Swap two folders in a single step where the system can (Linux, macOS)."""
    if os.name != "posix":
        return False
    import ctypes  # seldom, and not when a check only reads

    libc: Any = ctypes.CDLL(None)
    first, second = os.fsencode(one), os.fsencode(other)
    try:
        if sys.platform == "darwin":
            return bool(libc.renamex_np(first, second, 2) == 0)
        return bool(libc.renameat2(-100, first, -100, second, 2) == 0)  # AT_FDCWD, RENAME_EXCHANGE
    except AttributeError:  # an old C library
        return False


def write_error(path: Path | str, error: OSError) -> AuthorError:
    """The clear form of a full disk, a read-only folder and the like."""
    hint = WRITE_ERRORS.get(
        error.errno or 0, "nothing was changed; run the same command again once this is mended"
    )
    return AuthorError(f"cannot write: {error.strerror or error}", path=path, hint=hint)


def read_yaml(path: Path, *, shown: str = "") -> Any:
    """The YAML of a file; a syntax error names file and line."""
    shown = shown or str(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise AuthorError("file not found", path=shown) from None
    except UnicodeDecodeError as error:
        raise AuthorError(f"not UTF-8 text ({error.reason})", path=shown) from None
    return parse_yaml(text, path=shown, first_line=1)


def parse_yaml(text: str, *, path: str, first_line: int) -> Any:
    """Parse YAML that starts at `first_line` of `path`."""
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "not valid YAML"
        raise AuthorError(
            f"broken YAML: {problem}",
            path=path,
            line=first_line + (mark.line if mark else 0),
            hint="quote values that hold ‘: ’, ‘#’ or begin with ‘{’, and check the indentation",
        ) from None


def parse_once(cache: Path, payload: bytes, parse: Callable[[], Any]) -> Any:
    """What `parse` makes of these bytes, kept as JSON by their hash: reading that takes a tenth of the time."""
    known = cache / f"{hashlib.sha256(payload).hexdigest()[:32]}.json"
    with contextlib.suppress(OSError, ValueError):
        return json.loads(known.read_bytes())
    value = parse()
    with contextlib.suppress(TypeError, ValueError):
        text = json.dumps(value)
        if json.loads(text) == value:  # what JSON cannot hold, dates and numbers as keys, is parsed each time
            write_cache(known, text.encode())
    return value


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, as hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
