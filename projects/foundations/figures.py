"""Experiment: figures of the training, drawn again from its result so that they can be read on a phone.

Nothing is measured here: names stand above their dots, and each figure has one legend.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from projects.sentiment.plots import named_dots

if TYPE_CHECKING:
    from verifolio.record import Run


def run_figures(run: Run) -> None:
    """The three figures, under the names that they have in the training's result."""
    charts = run.result_of("train").charts
    dots = charts["methods"].spec["data"]["values"]
    run.chart("methods", named_dots(dots, order=[one["name"] for one in dots]), words=charts["methods"].words)
    for key in ("heads", "accuracy"):
        run.chart(key, one_legend(charts[key].spec), words=charts[key].words)


def one_legend(spec: dict[str, Any]) -> dict[str, Any]:
    """A chart of lines with points whose shapes have no legend of their own: the colours' says the same."""
    spec = copy.deepcopy(spec)
    spec["encoding"]["shape"]["legend"] = None
    return spec
