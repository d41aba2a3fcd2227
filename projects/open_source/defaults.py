"""Compares what docstrings say of defaults with what signatures do. Reads source, imports nothing.

Covers docstrings in Hugging Face's style: ``name (`int`, *optional*, defaults to `3`): …``. What is not a
literal, on either side, is passed over, and so is a default of None, which often stands for a value that is
worked out later.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# "name (type, *optional*, defaults to `value`):" at the start of a line
_ARGUMENT = re.compile(r"^[ \t]*(\w+) ?\((.*?)\): ?", re.MULTILINE)
_DEFAULT = re.compile(r"defaults? to `+([^`]+)`+|defaults? to (-?\d[\d_.e-]*)\s*$", re.IGNORECASE)
_UNKNOWN = object()


@dataclass(frozen=True)
class Documented:
    """One default that a docstring states: where, what it says, what the signature has."""

    path: str
    line: int
    owner: str
    argument: str
    said: Any
    real: Any

    @property
    def agrees(self) -> bool:
        """Whether the two are the same value; equal lists and tuples are, and a rounded number is."""
        said, real = _plain(self.said), _plain(self.real)
        if isinstance(said, float) and isinstance(real, float):
            return math.isclose(said, real, rel_tol=0.01)
        return said == real


def read_package(folder: Path) -> Iterator[Documented]:
    """Every documented default below a package's folder whose two sides can be compared."""
    for path in sorted(folder.rglob("*.py")):
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except (SyntaxError, UnicodeDecodeError):
            continue  # a template or a test of bad input: nothing that anybody can call
        yield from _read_module(tree, path.relative_to(folder.parent).as_posix())


def _read_module(tree: ast.Module, path: str) -> Iterator[Documented]:
    for node, owner in _walk(tree, ""):
        text = ast.get_docstring(node)
        if not text:
            continue
        real = _fields(node) if isinstance(node, ast.ClassDef) else _defaults(node)
        for argument, said in _documented(text):
            if argument in real and said is not _UNKNOWN and real[argument] not in (_UNKNOWN, None):
                yield Documented(path, node.lineno, owner, argument, said, real[argument])


def _walk(node: ast.AST, prefix: str) -> Iterator[tuple[ast.ClassDef | ast.FunctionDef, str]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | ast.FunctionDef):
            name = f"{prefix}{child.name}"
            yield child, name
            yield from _walk(child, f"{name}.")


def _documented(text: str) -> Iterator[tuple[str, Any]]:
    seen = set()
    for found in _ARGUMENT.finditer(text):
        name, kind = found.groups()
        stated = _DEFAULT.search(kind)
        if stated and name not in seen:
            seen.add(name)
            yield name, _literal(stated.group(1) or stated.group(2))


def _defaults(function: ast.FunctionDef) -> dict[str, Any]:
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args]
    given = dict(
        zip(
            (one.arg for one in named[len(named) - len(arguments.defaults) :]),
            arguments.defaults,
            strict=True,
        )
    )
    for one, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if default is not None:
            given[one.arg] = default
    return {name: _value(node) for name, node in given.items()}


def _fields(owner: ast.ClassDef) -> dict[str, Any]:
    """What a class is made with: the defaults of __init__, else its annotated fields (a dataclass)."""
    for child in owner.body:
        if isinstance(child, ast.FunctionDef) and child.name == "__init__":
            return _defaults(child)
    return {
        child.target.id: _value(child.value)
        for child in owner.body
        if isinstance(child, ast.AnnAssign) and isinstance(child.target, ast.Name) and child.value is not None
    }


def _value(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return _UNKNOWN


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError):
        return _UNKNOWN


def _plain(value: Any) -> Any:
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value
