"""Reads the project's own Python: a hash of its syntax, what it imports, where its symbols stand.

Parsing is most of the work of a check, so what was read is kept in build/cache/code, by content.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec

from verifolio.errors import AuthorError
from verifolio.files import write_staged


class Source(msgspec.Struct, frozen=True):
    """One module as the engine knows it; spans are first and last line, counted from 1."""

    syntax: str
    imports: list[str]
    symbols: dict[str, tuple[int, int]]


def read_source(root: Path, path: Path) -> Source:
    """The module at `path` below `root`; code that Python cannot read raises with its line."""
    stat = path.stat()
    return _read(root, path, stat.st_mtime_ns, stat.st_size)


def syntax_hash(source: str, path: str = "") -> str:
    """SHA-256 of a module's syntax tree: comments, docstrings and layout do not count."""
    return _hash(_parse(source, path))


@functools.lru_cache(maxsize=1024)
def _read(root: Path, path: Path, _mtime: int, _size: int) -> Source:
    shown = path.relative_to(root).as_posix()
    payload = path.read_bytes()
    name = hashlib.sha256(b"\0".join([_reader(), shown.encode(), payload])).hexdigest()[:32]
    kept = root / "build" / "cache" / "code" / f"{name}.json"
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        return msgspec.json.decode(kept.read_bytes(), type=Source)
    tree = _parse(payload, shown)
    source = Source(_hash(tree), sorted(_imports(tree, shown)), _symbols(tree.body))
    with contextlib.suppress(AuthorError):  # a folder that may not be written costs time, nothing else
        write_staged(kept, msgspec.json.encode(source))
    return source


@functools.cache
def _reader() -> bytes:
    """This file's own hash: whoever changes how code is read, reads all of it anew."""
    return hashlib.sha256(Path(__file__).read_bytes()).digest()


def _parse(source: str | bytes, path: str) -> ast.Module:
    """The tree of a module; bytes may begin with a mark of their order or name their encoding, as Python has it."""
    try:
        return ast.parse(source)
    except SyntaxError as error:
        raise AuthorError(f"not valid Python: {error.msg}", path=path, line=error.lineno or 0) from None
    except ValueError as error:  # null bytes
        raise AuthorError(f"not valid Python: {error}", path=path) from None


def _hash(tree: ast.Module) -> str:
    return hashlib.sha256(json.dumps(_plain(tree)).encode()).hexdigest()


def _imports(tree: ast.Module, shown: str) -> set[str]:
    """Names of modules below projects/, also of imports inside functions; some may name no module."""
    package = shown.removesuffix(".py").replace("/", ".").rpartition(".")[0]
    imported: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")
                base = ".".join([*parents[: len(parents) - node.level + 1], *([base] if base else [])])
            imported.add(base)
            imported.update(f"{base}.{alias.name}" for alias in node.names)
    return {name for name in imported if name.split(".")[0] == "projects"}


def _symbols(body: list[ast.stmt], prefix: str = "") -> dict[str, tuple[int, int]]:
    """Dotted name → lines, decorators included; of names given twice the last counts."""
    found = {name: node for node in body for name in _names(node)}
    spans: dict[str, tuple[int, int]] = {}
    for name, node in found.items():
        decorators = getattr(node, "decorator_list", [])
        first = min([node.lineno, *(one.lineno for one in decorators)])
        spans[f"{prefix}{name}"] = (first, node.end_lineno or node.lineno)
        spans |= _symbols(getattr(node, "body", []), f"{prefix}{name}.")
    return spans


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


def _plain(node: Any) -> Any:
    """A tree as lists, without positions, docstrings or empty fields.

    Empty fields are dropped because newer Pythons add some (type_params): the hash must not depend
    on the interpreter.
    """
    if isinstance(node, ast.AST):
        fields = []
        for name, value in ast.iter_fields(node):
            if name == "body" and isinstance(
                node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
            ):
                value = value[1:] if value and _is_docstring(value[0]) else value
            if value not in (None, []) or isinstance(node, ast.Constant):
                fields.append([name, _plain(value)])
        return [type(node).__name__, fields]
    if isinstance(node, list):
        return [_plain(item) for item in node]
    return node if isinstance(node, str | int | float | bool) or node is None else repr(node)


def _is_docstring(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
