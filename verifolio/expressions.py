"""Expressions over results: what `{{ … }}` and claims may say. Parsed by Python, run by us.

`project.experiment.metric` is a number with its unit; `.n`, `.ci_low` and `.ci_high` hang below it;
`project.experiment.tables.name[row].column` is a cell. Arithmetic, comparisons, and/or/not, abs, min,
max and round work on them. Nothing else does: no calls, no attributes of Python objects.
"""

from __future__ import annotations

import ast
import functools
import math
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from verifolio.errors import AuthorError, did_you_mean
from verifolio.results import Metric, Result, Table


@dataclass(frozen=True)
class Ref:
    """What an expression rests on: an experiment's metric, table or chart."""

    experiment: str
    kind: str  # "metric", "table" or "chart"
    key: str

    def __str__(self) -> str:
        return f"{self.experiment}.{self.key}"


@dataclass(frozen=True)
class Quantity:
    """A value with its unit ("" for a bare number) and all that it rests on."""

    value: float | bool
    unit: str = ""
    refs: tuple[Ref, ...] = ()
    metric: Metric | None = None


class Lookup(Protocol):
    """Gives the result of an experiment by its full name."""

    def __call__(self, name: str) -> Result: ...


_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
}  # fmt: skip
_COMPARISON: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip
_KEY = re.compile(r"\s*[a-z_][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*){2,}\s*\Z")
_FUNCTIONS: dict[str, Callable[..., Any]] = {"abs": abs, "min": min, "max": max, "round": round}


def evaluate(text: str, lookup: Lookup) -> Quantity:
    """The value of an expression; every mistake is an AuthorError that says what was expected."""
    if _KEY.match(text):  # most expressions are nothing but a key
        return _finite(resolve_key(text.strip().split("."), lookup), text)
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except SyntaxError as error:
        raise AuthorError(f"‘{text.strip()}’ is not an expression: {error.msg}") from None
    return _finite(_Evaluator(lookup).visit(tree.body), text)


def _finite(found: Quantity, text: str) -> Quantity:
    if not math.isfinite(found.value):
        raise AuthorError(f"‘{text.strip()}’ is not a finite number")
    return found


class _Evaluator:
    def __init__(self, lookup: Lookup) -> None:
        self.lookup = lookup

    def visit(self, node: ast.expr) -> Quantity:
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        if method is None:
            raise AuthorError(f"‘{ast.unparse(node)}’ has no place in an expression over results")
        found: Quantity = method(node)
        return found

    def _constant(self, node: ast.Constant) -> Quantity:
        if isinstance(node.value, bool) or not isinstance(node.value, int | float):
            raise AuthorError(f"{node.value!r} is not a number")
        return Quantity(node.value)

    def _name(self, node: ast.Name) -> Quantity:
        raise AuthorError(f"‘{node.id}’ is not a key", hint="keys are project.experiment.metric")

    def _attribute(self, node: ast.Attribute) -> Quantity:
        return resolve_key(_parts(node), self.lookup)

    def _unaryop(self, node: ast.UnaryOp) -> Quantity:
        inner = self.visit(node.operand)
        if isinstance(node.op, ast.USub):
            return Quantity(-inner.value, inner.unit, inner.refs)
        if isinstance(node.op, ast.Not):
            return Quantity(not _truth(inner, node.operand), "", inner.refs)
        raise AuthorError(f"‘{ast.unparse(node)}’ has no place in an expression over results")

    def _binop(self, node: ast.BinOp) -> Quantity:
        left, right = self.visit(node.left), self.visit(node.right)
        work = _ARITHMETIC.get(type(node.op))
        if work is None:
            raise AuthorError(f"‘{ast.unparse(node)}’: only + - * / are known")
        if isinstance(node.op, ast.Add | ast.Sub):
            unit = _same_unit(left, right, node)
        elif isinstance(node.op, ast.Div):
            unit = "" if left.unit == right.unit else left.unit if not right.unit else ""
        elif left.unit == right.unit or not (left.unit and right.unit):
            unit = left.unit or right.unit
        else:
            unit = ""  # a ratio of a count, seconds times a speed: `| unit=…` says what it is
        try:
            return Quantity(work(left.value, right.value), unit, left.refs + right.refs)
        except ZeroDivisionError:
            raise AuthorError(f"‘{ast.unparse(node)}’ divides by zero") from None

    def _compare(self, node: ast.Compare) -> Quantity:
        values = [self.visit(one) for one in (node.left, *node.comparators)]
        holds = True
        for sign, left, right in zip(node.ops, values, values[1:], strict=False):
            if type(sign) not in _COMPARISON:
                raise AuthorError(f"‘{ast.unparse(node)}’: only < <= > >= == != are known")
            _same_unit(left, right, node)
            _within_ratio(left, right, node)
            holds = holds and _COMPARISON[type(sign)](left.value, right.value)
        return Quantity(holds, "", tuple(ref for value in values for ref in value.refs))

    def _boolop(self, node: ast.BoolOp) -> Quantity:
        values = [self.visit(one) for one in node.values]
        truths = [_truth(value, one) for value, one in zip(values, node.values, strict=True)]
        refs = tuple(ref for value in values for ref in value.refs)
        return Quantity(all(truths) if isinstance(node.op, ast.And) else any(truths), "", refs)

    def _call(self, node: ast.Call) -> Quantity:
        name = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)
        if name not in _FUNCTIONS or node.keywords:
            raise AuthorError(f"no function ‘{name}’", hint=did_you_mean(name, list(_FUNCTIONS)))
        values = [self.visit(one) for one in node.args]
        unit = functools.reduce(lambda unit, one: _same_unit(Quantity(0, unit), one, node), values, "")
        refs = tuple(ref for value in values for ref in value.refs)
        try:
            return Quantity(_FUNCTIONS[name](*(value.value for value in values)), unit, refs)
        except (TypeError, ValueError) as error:
            raise AuthorError(f"‘{ast.unparse(node)}’: {error}") from None


def resolve_key(parts: list[str], lookup: Lookup) -> Quantity:
    """`["sentiment", "lora", "accuracy"]` → its quantity; also `.n`, `.ci_low`, `.ci_high` and cells."""
    text = ".".join(parts)
    if len(parts) < 3:
        raise AuthorError(f"‘{text}’ is not a key", hint="keys are project.experiment.metric")
    result = lookup(".".join(parts[:2]))
    rest = parts[2:]
    if rest[0] == "tables":
        return _resolve_cell(result, rest[1:], text)
    metric = result.metrics.get(rest[0])
    if metric is None:
        raise AuthorError(
            f"{result.name} has no metric ‘{rest[0]}’", hint=did_you_mean(rest[0], list(result.metrics))
        )
    ref = (Ref(result.name, "metric", rest[0]),)
    if len(rest) == 1:
        return Quantity(metric.value, metric.unit, ref, metric)
    attributes = {
        "n": (metric.n, "count"),
        "ci_low": (metric.ci and metric.ci[0], metric.unit),
        "ci_high": (metric.ci and metric.ci[1], metric.unit),
    }
    value, unit = attributes.get(rest[1], (None, ""))
    if len(rest) > 2 or value is None:
        raise AuthorError(
            f"{text}: {result.name}.{rest[0]} has no ‘{'.'.join(rest[1:])}’", hint="n, ci_low, ci_high"
        )
    return Quantity(value, unit, ref)


def find_table(result: Result, key: str) -> Table:
    """A table of a result by its key."""
    if key not in result.tables:
        raise AuthorError(f"{result.name} has no table ‘{key}’", hint=did_you_mean(key, list(result.tables)))
    return result.tables[key]


def _resolve_cell(result: Result, rest: list[str], text: str) -> Quantity:
    if len(rest) != 3:
        raise AuthorError(
            f"‘{text}’ is not a cell", hint="cells are project.experiment.tables.name[row].column"
        )
    name, row_name, column_key = rest
    table = find_table(result, name)
    columns = {column.key: column for column in table.columns}
    if column_key not in columns:
        raise AuthorError(
            f"table {name} has no column ‘{column_key}’", hint=did_you_mean(column_key, list(columns))
        )
    first = table.columns[0].key
    found = [row for row in table.rows if row_name in _labels(row[first])]
    if not found:
        known = [label for row in table.rows for label in _labels(row[first])]
        raise AuthorError(f"table {name} has no row ‘{row_name}’", hint=did_you_mean(row_name, known))
    if len(found) > 1:
        raise AuthorError(
            f"{len(found)} rows of table {name} are named ‘{row_name}’",
            hint="let the experiment record a metric for it, or name its rows apart in the first column",
        )
    cell = found[0][column_key]
    if not isinstance(cell, int | float):
        raise AuthorError(f"‘{text}’ holds {cell!r}, not a number")
    return Quantity(cell, columns[column_key].unit, (Ref(result.name, "table", name),))


def _labels(cell: Any) -> list[str]:
    return [str(value) for value in cell.values()] if isinstance(cell, dict) else [str(cell)]


def _parts(node: ast.expr) -> list[str]:
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute):
        return [*_parts(node.value), node.attr]
    if isinstance(node, ast.Subscript):
        index = node.slice
        row = (
            index.id
            if isinstance(index, ast.Name)
            else index.value
            if isinstance(index, ast.Constant)
            else None
        )
        if row is not None:
            return [*_parts(node.value), str(row)]
    raise AuthorError(f"‘{ast.unparse(node)}’ is not a key", hint="keys are project.experiment.metric")


def _truth(found: Quantity, node: ast.expr) -> bool:
    """What may stand beside and, or, not: to Python every number but 0 would be true."""
    if not isinstance(found.value, bool):
        raise AuthorError(f"‘{ast.unparse(node)}’ is a number, not a comparison", hint="compare it: … > …")
    return found.value


def _within_ratio(left: Quantity, right: Quantity, node: ast.expr) -> None:
    """A ratio against a bare 5 where 5 % was meant always holds, or never."""
    for one, other in ((left, right), (right, left)):
        if one.metric and one.unit == "ratio" and not other.refs and not other.unit and abs(other.value) > 1:
            raise AuthorError(
                f"‘{ast.unparse(node)}’ compares a ratio with {other.value}: a ratio lies within ±1",
                hint=f"{other.value} % is {other.value / 100:g}",
            )


def _same_unit(left: Quantity, right: Quantity, node: ast.expr) -> str:
    if left.unit and right.unit and left.unit != right.unit:
        raise AuthorError(f"‘{ast.unparse(node)}’ compares or adds {left.unit} and {right.unit}")
    return left.unit or right.unit
