"""Hashes of all that an experiment rests on: code (its syntax), parameters, inputs, files, results.

The engine itself is left out: it writes numbers down but computes none, and its format has a version.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import msgspec

from verifolio.errors import AuthorError
from verifolio.files import sha256_of
from verifolio.portfolio import Experiment, Portfolio
from verifolio.results import read_result
from verifolio.sources import read_source


class Fingerprint(msgspec.Struct, frozen=True):
    """The parts, kept apart so that a change can be named."""

    run: str  # the function, and the one that derives
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


class Code:
    """The project's modules and files at one moment: each is looked up and read once, whoever rests on it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._paths: dict[str, Path | None] = {}
        self._modules: dict[Path, tuple[str, str, list[Path]]] = {}
        self._files: dict[str, str] = {}

    def hashes(self, module: str, declared_in: str = "") -> dict[str, str]:
        """Syntax hashes of `module` and of all it imports below projects/, also inside functions."""
        start = self._path(module)
        if start is None:
            raise AuthorError(
                f"no module ‘{module}’ below {self._root.name}/", path=declared_in, hint="check ‘run:’"
            )
        hashes: dict[str, str] = {}
        pending = [start]
        while pending:
            shown, syntax, imports = self._module(pending.pop())
            if shown not in hashes:
                hashes[shown] = syntax
                pending += imports
        return dict(sorted(hashes.items()))

    def file_hash(self, name: str) -> str | None:
        """SHA-256 of a file; none where there is no such file."""
        if name not in self._files:
            path = self._root / name
            if not path.is_file():
                return None
            self._files[name] = sha256_of(path)
        return self._files[name]

    def _module(self, path: Path) -> tuple[str, str, list[Path]]:
        """Its name from the root, the hash of its syntax, and the files that it imports."""
        if path not in self._modules:
            source = read_source(self._root, path)
            imports = [found for name in source.imports if (found := self._path(name))]
            self._modules[path] = (path.relative_to(self._root).as_posix(), source.syntax, imports)
        return self._modules[path]

    def _path(self, module: str) -> Path | None:
        if module not in self._paths:
            path = f"{self._root}/{module.replace('.', '/')}"
            found = next((one for one in (f"{path}.py", f"{path}/__init__.py") if os.path.isfile(one)), None)
            self._paths[module] = Path(found) if found else None
        return self._paths[module]


def fingerprint_of(
    portfolio: Portfolio, experiment: Experiment, profile: str, code: Code | None = None
) -> Fingerprint:
    """What the experiment would rest on if it ran now; `code` for who asks of many at one moment."""
    code = code or Code(portfolio.root)
    functions = [one for one in (experiment.entry.run, experiment.entry.derive) if one]
    hashes: dict[str, str] = {}
    for module in {one.partition(":")[0] for one in functions}:
        hashes |= code.hashes(module, experiment.declared_in)
    return Fingerprint(
        run=" ".join(functions),
        code=dict(sorted(hashes.items())),
        params=json.loads(json.dumps(experiment.params(profile), default=str)),
        seed=experiment.entry.seed,
        inputs={
            asked: portfolio.catalogue[name].sha256 for asked, name in experiment.inputs(profile).items()
        },
        files=_file_hashes(experiment, code),
        needs=_need_hashes(portfolio, experiment, profile),
    )


def _file_hashes(experiment: Experiment, code: Code) -> dict[str, str]:
    hashes = {}
    for name in experiment.entry.files:
        found = code.file_hash(name)
        if found is None:
            raise AuthorError(
                f"{experiment.key} rests on {name}, which is missing", path=experiment.declared_in
            )
        hashes[name] = found
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
