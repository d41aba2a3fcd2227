"""Quotes code from the project by symbol, so that a post can never show code that is not there."""

from __future__ import annotations

import functools
import textwrap
from dataclasses import dataclass
from pathlib import Path

from verifolio.errors import AuthorError, did_you_mean
from verifolio.sources import read_source

MAX_LINES = 25
_LANGUAGES = {
    ".py": "python",
    ".js": "javascript",
    ".yml": "yaml",
    ".yaml": "yaml",
    ".sh": "bash",
    ".toml": "toml",
    ".patch": "diff",
}


@dataclass(frozen=True)
class Quote:
    """Code with the place it comes from (lines counted from 1)."""

    path: str
    symbol: str
    first_line: int
    last_line: int
    language: str
    text: str


def quote_code(root: Path, target: str, lines: str = "") -> Quote:
    """`projects/x/y.py#Class.method` or a whole short file; `lines` picks from within the symbol."""
    name = target.partition("#")[0]
    path = root / name
    if not path.is_file():
        raise AuthorError(f"no file {name} to quote from")
    stat = path.stat()
    return _quote(root, target, lines, stat.st_mtime_ns, stat.st_size)


@functools.lru_cache(maxsize=256)  # both languages quote the same
def _quote(root: Path, target: str, lines: str, _mtime: int, _size: int) -> Quote:
    name, _, symbol = target.partition("#")
    path = root / name
    if not path.resolve().is_relative_to(root.resolve()):
        raise AuthorError(f"no file {name} to quote from")
    source = path.read_text(encoding="utf-8")
    first, last = (1, source.count("\n") + 1)
    if symbol:
        if path.suffix != ".py":
            raise AuthorError(f"symbols are known in Python files only, not in {name}")
        first, last = _span(root, path, symbol, name)
    if lines:
        low, _, high = lines.partition("-")
        start, end = (int(one) if one.isdigit() else 0 for one in (low, high or low))
        if not 1 <= start <= end:
            raise AuthorError(
                f"lines: {lines} is not a range", hint="lines: 3-12, counted from the symbol's first"
            )
        first, last = first + start - 1, min(last, first + end - 1)
        if first > last:
            raise AuthorError(f"{target} has no line {start}", hint="lines: counts from the symbol's first")
    text = textwrap.dedent("\n".join(source.split("\n")[first - 1 : last])).rstrip()
    count = text.count("\n") + 1
    if count > MAX_LINES:
        raise AuthorError(
            f"{target} has {count} lines, a quotation at most {MAX_LINES}", hint="pick with lines: 1-25"
        )
    return Quote(name, symbol, first, last, _LANGUAGES.get(path.suffix, "text"), text)


def _span(root: Path, path: Path, symbol: str, name: str) -> tuple[int, int]:
    known = read_source(root, path).symbols
    if symbol not in known:
        above = ""
        for part in symbol.split("."):
            beside = [one.removeprefix(above) for one in known if one.startswith(above)]
            if above + part not in known:
                near = did_you_mean(part, [one for one in beside if "." not in one])
                raise AuthorError(f"{name} has no symbol ‘{symbol}’", hint=near)
            above += f"{part}."
    return known[symbol]
