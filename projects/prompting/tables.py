"""What every experiment here records in the same way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from projects.sentiment.metrics import bootstrap, wilson

if TYPE_CHECKING:
    from verifolio.record import Run


def column(key: str, zh: str, en: str, unit: str = "") -> dict[str, Any]:
    """A column of a table; without a unit it holds words."""
    return {"key": key, "label": {"zh": zh, "en": en}, **({"unit": unit} if unit else {})}


def record_share(run: Run, key: str, right: np.ndarray, zh: str, en: str) -> None:
    """A share of `right` (n,) with Wilson's interval."""
    share = float(np.mean(right))
    run.metric(
        key, share, unit="ratio", better="higher", n=len(right), ci=wilson(share, len(right)),
        ci_method="Wilson 95 %", label={"zh": zh, "en": en},
    )  # fmt: skip


def record_mean(run: Run, key: str, values: np.ndarray, zh: str, en: str, *, unit: str = "ratio") -> None:
    """A mean of `values` (n,) with a bootstrap interval."""
    run.metric(
        key, float(np.mean(values)), unit=unit, better="higher", n=len(values),
        ci=bootstrap(np.asarray(values, dtype=float)), ci_method="bootstrap 95 %", label={"zh": zh, "en": en},
    )  # fmt: skip


def record_points(run: Run, key: str, differences: np.ndarray, zh: str, en: str) -> None:
    """A mean of paired `differences` (n,) of shares, in points, with a paired bootstrap interval."""
    points = 100 * np.asarray(differences, dtype=float)
    run.metric(
        key, float(points.mean()), unit="points", better="higher", n=len(points), ci=bootstrap(points),
        ci_method="paired bootstrap 95 %", label={"zh": zh, "en": en},
    )  # fmt: skip


def dot(name: str, values: np.ndarray) -> dict[str, Any]:
    """A row of `named_dots`, in per cent; Wilson's interval for shares of right and wrong, else a bootstrap one."""
    values = np.asarray(values, dtype=float)
    mean = float(values.mean())
    low, high = wilson(mean, len(values)) if np.isin(values, (0, 1)).all() else bootstrap(values)
    return {
        "name": name,
        "value": 100 * mean,
        "low": 100 * low,
        "high": 100 * high,
        "shown": f"{100 * mean:.1f} %",
    }
