"""Hashes of all that an experiment rests on: code (its syntax), parameters, inputs, files, results.

The engine itself is left out: it writes numbers down but computes none, and its format has a version.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec

from verifolio.errors import AuthorError
from verifolio.files import sha256_of
from verifolio.portfolio import Experiment, Portfolio
from verifolio.results import read_result


class Fingerprint(msgspec.Struct, frozen=True):
    """The parts, kept apart so that a change can be named."""

    code: dict[str, str]
    params: dict[str, Any]
    seed: int
    inputs: dict[str, dict[str, str]]
    files: dict[str, str]
    needs: dict[str, str]

    def digest_without_needs(self) -> str:
        """One hash of everything but other results: pytask follows those as files."""
        parts = msgspec.to_builtins(self)
        del parts["needs"]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def fingerprint_of(portfolio: Portfolio, experiment: Experiment, profile: str) -> Fingerprint:
    """What the experiment would rest on if it ran now."""
    return Fingerprint(
        code=code_hashes(portfolio.root, experiment.entry.run.partition(":")[0], experiment.declared_in),
        params=json.loads(json.dumps(experiment.params(profile), default=str)),
        seed=experiment.entry.seed,
        inputs={
            asked: portfolio.catalogue[name].sha256 for asked, name in experiment.inputs(profile).items()
        },
        files=_file_hashes(experiment),
        needs=_need_hashes(portfolio, experiment, profile),
    )


def code_hashes(root: Path, module: str, declared_in: str = "") -> dict[str, str]:
    """Syntax hashes of `module` and of all it imports below projects/, also inside functions."""
    start = _module_path(root, module)
    if start is None:
        raise AuthorError(f"no module ‘{module}’ below {root.name}/", path=declared_in, hint="check ‘run:’")
    hashes: dict[str, str] = {}
    pending = [start]
    while pending:
        path = pending.pop()
        shown = path.relative_to(root).as_posix()
        if shown in hashes:
            continue
        stat = path.stat()
        digest, imported = _parse(path, shown, stat.st_mtime_ns, stat.st_size)
        hashes[shown] = digest
        pending += [found for name in imported if (found := _module_path(root, name))]
    return dict(sorted(hashes.items()))


def syntax_hash(source: str, path: str = "") -> str:
    """SHA-256 of a module's syntax tree: comments, docstrings and layout do not count."""
    return hashlib.sha256(json.dumps(_plain(_tree(source, path))).encode()).hexdigest()


@functools.lru_cache(maxsize=1024)
def _parse(path: Path, shown: str, _mtime: int, _size: int) -> tuple[str, tuple[str, ...]]:
    source = path.read_text(encoding="utf-8")
    tree = _tree(source, shown)
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
    ours = sorted(name for name in imported if name.split(".")[0] == "projects")
    return hashlib.sha256(json.dumps(_plain(tree)).encode()).hexdigest(), tuple(ours)


def _tree(source: str, path: str) -> ast.Module:
    try:
        return ast.parse(source)
    except SyntaxError as error:
        raise AuthorError(f"not valid Python: {error.msg}", path=path, line=error.lineno or 0) from None


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


def _module_path(root: Path, module: str) -> Path | None:
    path = root.joinpath(*module.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


def _file_hashes(experiment: Experiment) -> dict[str, str]:
    hashes = {}
    for name in experiment.entry.files:
        path = experiment.root / name
        if not path.is_file():
            raise AuthorError(
                f"{experiment.key} rests on {name}, which is missing", path=experiment.declared_in
            )
        hashes[name] = sha256_of(path)
    return hashes


def _need_hashes(portfolio: Portfolio, experiment: Experiment, profile: str) -> dict[str, str]:
    hashes = {}
    for need, name in experiment.needs.items():
        path = portfolio.experiment(name).result_path(profile)
        try:
            hashes[need] = read_result(path).digest if path.exists() else "missing"
        except AuthorError:
            hashes[need] = "unreadable"
    return hashes
