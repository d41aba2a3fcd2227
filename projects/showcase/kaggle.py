"""The files of "Bag of Words Meets Bags of Popcorn": reviews to judge, and a submission, written and checked.

Format, as the competition gives it: testData.tsv has the columns id and review, tab-separated, both in
double quotes, with a backslash before quotes inside a review; a submission is a CSV with the columns id and
sentiment, one row for each id. Submissions are scored by the area under the ROC curve, so probabilities
say more than 0 and 1.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable
from pathlib import Path

HEADER = ["id", "sentiment"]


class FormatError(ValueError):
    """A file that is not in the competition's format: which, where and why."""


def read_reviews(path: Path) -> list[tuple[str, str]]:
    """(id, review) of each row of testData.tsv (labeledTrainData.tsv works too: its sentiment is left out)."""
    lines = path.read_text(encoding="utf-8-sig").rstrip("\n").split("\n")
    names = [_unquote(name) for name in lines[0].rstrip("\r").split("\t")]
    if "id" not in names or names[-1] != "review":
        raise FormatError(
            f"{path.name}:1: the columns are {names}, expected id and review, separated by tabs"
        )
    found = []
    for number, line in enumerate(lines[1:], 2):
        cells = line.rstrip("\r").split("\t", len(names) - 1)
        if len(cells) != len(names):
            raise FormatError(f"{path.name}:{number}: {len(cells)} columns, expected {len(names)}")
        found.append((_unquote(cells[names.index("id")]), _unquote(cells[-1])))
    _refuse_repeats([name for name, _ in found], path.name)
    return found


def write_reviews(rows: Iterable[tuple[str, str]]) -> str:
    """The text of a testData.tsv."""
    lines = ["id\treview", *(f'"{name}"\t"{_escaped(review)}"' for name, review in rows)]
    return "\n".join(lines) + "\n"


def write_submission(rows: Iterable[tuple[str, float]]) -> str:
    """The text of a submission: probabilities of a favourable review, four decimals."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(HEADER)
    table.writerows((name, f"{positive:.4f}") for name, positive in rows)
    return text.getvalue()


def check_submission(text: str, ids: list[str], name: str = "submission.csv") -> None:
    """FormatError unless `text` judges exactly `ids`, once each, with numbers from 0 to 1."""
    rows = list(csv.reader(io.StringIO(text)))
    if not rows or rows[0] != HEADER:
        raise FormatError(
            f"{name}:1: the header is {','.join(rows[0]) if rows else 'missing'}, expected id,sentiment"
        )
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(HEADER):
            raise FormatError(f"{name}:{number}: {len(row)} columns, expected 2")
        if not _is_share(row[1]):
            raise FormatError(f"{name}:{number}: sentiment is {row[1]!r}, expected a number from 0 to 1")
    given = [row[0] for row in rows[1:]]
    _refuse_repeats(given, name)
    for what, one in (("is missing", set(ids) - set(given)), ("was not asked for", set(given) - set(ids))):
        if one:
            raise FormatError(f"{name}: id {min(one)} {what} ({len(one)} in all)")


def _refuse_repeats(ids: list[str], name: str) -> None:
    seen: set[str] = set()
    for number, one in enumerate(ids, 2):
        if one in seen:
            raise FormatError(f"{name}:{number}: id {one} occurs twice")
        seen.add(one)


def _is_share(text: str) -> bool:
    try:
        value = float(text)
    except ValueError:
        return False
    return math.isfinite(value) and 0 <= value <= 1


def _unquote(cell: str) -> str:
    inner = cell[1:-1] if len(cell) > 1 and cell[0] == cell[-1] == '"' else cell
    return inner.replace('\\"', '"')


def _escaped(review: str) -> str:
    return " ".join(review.split()).replace('"', '\\"')
