"""Quotes code from the project by symbol, so that a post can never show code that is not there."""

from __future__ import annotations

import ast
import textwrap
from dataclasses import dataclass
from pathlib import Path

from verifolio.errors import AuthorError, did_you_mean

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
    name, _, symbol = target.partition("#")
    path = root / name
    if not path.is_file() or not path.resolve().is_relative_to(root.resolve()):
        raise AuthorError(f"no file {name} to quote from")
    source = path.read_text(encoding="utf-8")
    first, last = (1, source.count("\n") + 1)
    if symbol:
        if path.suffix != ".py":
            raise AuthorError(f"symbols are known in Python files only, not in {name}")
        first, last = _span(source, symbol, name)
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


def _span(source: str, symbol: str, name: str) -> tuple[int, int]:
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise AuthorError(f"not valid Python: {error.msg}", path=name, line=error.lineno or 0) from None
    body: list[ast.stmt] = tree.body
    node: ast.stmt | None = None
    for part in symbol.split("."):
        found = {known: one for one in body for known in _names(one)}
        node = found.get(part)
        if node is None:
            raise AuthorError(f"{name} has no symbol ‘{symbol}’", hint=did_you_mean(part, list(found)))
        body = getattr(node, "body", [])
    assert node is not None
    decorators = getattr(node, "decorator_list", [])
    return min([node.lineno, *(one.lineno for one in decorators)]), node.end_lineno or node.lineno


def _names(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    targets = (
        node.targets
        if isinstance(node, ast.Assign)
        else [node.target]
        if isinstance(node, ast.AnnAssign)
        else []
    )
    return [target.id for target in targets if isinstance(target, ast.Name)]
