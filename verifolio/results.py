"""A result: what one experiment measured, with the receipt that proves it.

One JSON file an experiment, versioned by `SCHEMA`. Reading validates everything, so that whatever
binds a result can trust it. Does not decide whether a result is fresh: see `freshness`.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
import re
from pathlib import Path
from typing import Any, Literal

import msgspec

from verifolio.errors import AuthorError, did_you_mean
from verifolio.files import write_atomic
from verifolio.units import UNITS

SCHEMA = 1
KEY = re.compile(r"[a-z][a-z0-9_]*\Z")

Words = dict[str, str]  # {"zh": …, "en": …}
Cell = float | int | str | Words | None


class Metric(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One measured number. `ci` is an interval in the metric's own unit; `n` counts observations."""

    value: float | int
    unit: str
    better: Literal["higher", "lower", "none"]
    label: Words
    n: int | None = None
    ci: tuple[float, float] | None = None
    ci_method: str = ""


class Column(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A column of a table; without a unit it holds words."""

    key: str
    label: Words
    unit: str = ""


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rows keyed by column; the first column names the row."""

    columns: list[Column]
    rows: list[dict[str, Cell]]


class Chart(msgspec.Struct, frozen=True, eq=False, forbid_unknown_fields=True):
    """A Vega-Lite specification with its data inside; `words` translates its `@tokens`.

    Without equality it is hashed as the one object it is, so that it is drawn once for all its pages.
    """

    spec: dict[str, Any]
    words: dict[str, Words]


class Input(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Data or a model that the experiment read."""

    name: str
    title: str
    source: str
    license: str
    sha256: dict[str, str]
    revision: str = ""
    url: str = ""


class Receipt(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How the result came to be: enough to make it again and to see what changed since."""

    command: str
    commit: str
    dirty: bool
    profile: str
    seed: int
    params: dict[str, Any]
    code: dict[str, str]  # module file -> hash of its syntax tree
    files: dict[str, str]  # other file -> SHA-256
    inputs: list[Input]
    needs: dict[str, str]  # experiment -> what of it was rested on
    products: dict[str, str]  # committed file -> SHA-256
    machine: dict[str, str | int]
    versions: dict[str, str]
    started: str
    duration_s: float
    peak_memory_bytes: int
    derived: dict[str, str] = {}  # file outside git -> SHA-256 as made on that machine
    run: str = ""  # the functions that were run; older receipts do not say


class Result(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything one experiment publishes."""

    schema: int
    project: str
    experiment: str
    title: Words
    metrics: dict[str, Metric]
    tables: dict[str, Table]
    charts: dict[str, Chart]
    receipt: Receipt
    digest: str = ""

    @property
    def name(self) -> str:
        return f"{self.project}.{self.experiment}"


def digest_of(result: Result) -> str:
    """SHA-256 over the whole result but the digest itself: an edit by hand shows."""
    body = msgspec.to_builtins(result)
    body.pop("digest", None)
    text = json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def seal(path: Path, result: Result) -> tuple[Result, bytes]:
    """A result with its digest, and its bytes; raises `AuthorError` for one that could not be read again."""
    hint = "mend the experiment that writes it"
    if faults := check_result(result):
        raise AuthorError("; ".join(faults), path=path, hint=hint)
    try:
        sealed = msgspec.structs.replace(result, digest=digest_of(result))
        text = json.dumps(msgspec.to_builtins(sealed), ensure_ascii=False, indent=1, allow_nan=False)
        payload = f"{text}\n".encode()
        msgspec.json.decode(payload, type=Result, strict=True)
    except (ValueError, TypeError, msgspec.MsgspecError) as error:  # NaN in a chart, a truth value in a cell
        raise AuthorError(f"not a valid result: {error}", path=path, hint=hint) from None
    return sealed, payload


def write_result(path: Path, result: Result, *, note: Path | None = None) -> Result:
    """Validate, seal with a digest and write atomically; the file's SHA-256 stands in `note` before."""
    sealed, payload = seal(path, result)
    if note:
        write_atomic(note, hashlib.sha256(payload).hexdigest())
    write_atomic(path, payload)
    return sealed


def read_result(path: Path, *, shown: str = "") -> Result:
    """Read and validate; every way in which the file can be bad gets its own clear error."""
    shown = shown or str(path)
    try:
        stat = path.stat()
    except FileNotFoundError:
        raise AuthorError("no such result", path=shown, hint="make it: verifolio run") from None
    return _read(path, shown, stat.st_mtime_ns, stat.st_size)


@functools.lru_cache(maxsize=512)
def _read(path: Path, shown: str, _mtime: int, _size: int) -> Result:
    again = "take it back from git (git checkout -- FILE) or make it again: verifolio run --force"
    data = path.read_bytes()
    try:
        result = msgspec.json.decode(data, type=Result, strict=True)
        if not check_result(result):
            return result
    except (msgspec.MsgspecError, UnicodeDecodeError):
        pass  # the slower way below says what is wrong, and where
    try:
        raw = json.loads(data, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        what = "empty file" if not data.strip() else f"broken JSON: {error.msg}"
        raise AuthorError(what, path=shown, line=error.lineno, hint=again) from None
    except (ValueError, UnicodeDecodeError) as error:
        raise AuthorError(f"broken JSON: {error}", path=shown, hint=again) from None
    schema = raw.get("schema") if isinstance(raw, dict) else None
    if isinstance(schema, int) and schema > SCHEMA:
        raise AuthorError(
            f"written by a newer Verifolio: schema {schema}, this one reads up to {SCHEMA}",
            path=shown,
            hint="update this checkout (git pull, then make site)",
        )
    try:
        result = msgspec.convert(raw, Result, strict=True)
    except msgspec.ValidationError as error:
        raise AuthorError(f"not a valid result: {error}", path=shown, hint=again) from None
    faults = check_result(result)
    if faults:
        raise AuthorError("not a valid result: " + "; ".join(faults), path=shown, hint=again)
    return result


def missing_languages(words: Words) -> str:
    """The languages in which the words are missing, as a fault would say it."""
    return " and ".join(lang for lang in ("zh", "en") if not words.get(lang))


def check_result(result: Result) -> list[str]:
    """What the types cannot say: finite numbers, known units, both languages, cells that fit."""
    faults: list[str] = []
    if result.schema != SCHEMA:
        faults.append(f"schema {result.schema}, expected {SCHEMA}")
    _check_words(faults, "title", result.title)
    for key, metric in result.metrics.items():
        where = f"metric ‘{key}’"
        _check_key(faults, where, key)
        _check_unit(faults, where, metric.unit)
        _check_words(faults, f"{where}: label", metric.label)
        numbers = [metric.value, *(metric.ci or ())]
        if not all(math.isfinite(number) for number in numbers):
            faults.append(f"{where}: not a finite number ({numbers})")
        elif metric.ci and not metric.ci[0] <= metric.value <= metric.ci[1]:
            faults.append(f"{where}: the value {metric.value} lies outside its interval {metric.ci}")
        if metric.ci and not metric.ci_method:
            faults.append(f"{where}: an interval needs its method (ci_method)")
        if metric.unit == "ratio" and math.isfinite(metric.value) and abs(metric.value) > 1:
            faults.append(f"{where}: a ratio lies within ±1, not {metric.value}")
    for key, table in result.tables.items():
        _check_table(faults, f"table ‘{key}’", key, table)
    for key, chart in result.charts.items():
        where = f"chart ‘{key}’"
        _check_key(faults, where, key)
        if "$schema" not in chart.spec:
            faults.append(f"{where}: not a Vega-Lite specification ($schema is missing)")
        for token, words in chart.words.items():
            _check_words(faults, f"{where}: {token}", words)
    return faults


def _check_table(faults: list[str], where: str, key: str, table: Table) -> None:
    _check_key(faults, where, key)
    if not table.columns:
        faults.append(f"{where}: no columns")
    known = {column.key for column in table.columns}
    if len(known) < len(table.columns):
        faults.append(f"{where}: two columns have the same key")
    units = {column.key: column.unit for column in table.columns}
    for column in table.columns:
        _check_words(faults, f"{where}: column {column.key}", column.label)
        if column.unit:
            _check_unit(faults, f"{where}: column {column.key}", column.unit)
    for number, row in enumerate(table.rows, 1):
        if set(row) != known:
            odd = ", ".join(sorted(set(row) ^ known))
            faults.append(f"{where}: row {number} does not fit its columns ({odd})")
        for name, cell in row.items():
            if isinstance(cell, float) and not math.isfinite(cell):
                faults.append(f"{where}: row {number}, {name}: not a finite number")
            if isinstance(cell, dict):
                _check_words(faults, f"{where}: row {number}, {name}", cell)
            elif units.get(name) and isinstance(cell, str):
                faults.append(f"{where}: row {number}, {name}: a word where a number belongs")


def _check_key(faults: list[str], where: str, key: str) -> None:
    if not KEY.match(key):
        faults.append(f"{where}: keys are lower case letters, digits and _")


def _check_unit(faults: list[str], where: str, unit: str) -> None:
    if unit not in UNITS:
        faults.append(f"{where}: unknown unit ‘{unit}’ ({did_you_mean(unit, list(UNITS))})")


def _check_words(faults: list[str], where: str, words: Words) -> None:
    if missing := missing_languages(words):
        faults.append(f"{where}: no words in {missing}")


def _refuse_constant(name: str) -> float:
    raise ValueError(f"not a finite number: {name}")
