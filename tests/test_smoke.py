"""Every experiment of the real projects runs under the smoke profile, in a folder of its own."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from lighter import lighter, read_gguf_once

from verifolio.portfolio import Experiment, Portfolio, read_portfolio
from verifolio.record import execute
from verifolio.results import read_result

ROOT = Path(__file__).parents[1]
SLUGS = sorted(path.parent.name for path in ROOT.glob("projects/*/experiments.yml"))
pytestmark = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")


@pytest.fixture(scope="module", autouse=True)
def _reviews_read_once() -> Iterator[None]:
    """Reading and splitting 25,000 reviews takes ten seconds, and most experiments begin with it."""
    from projects.sentiment import data

    def once(function: Callable[..., Any]) -> Callable[..., Any]:
        kept: dict[Any, tuple[Any, Any]] = {}

        def call(given: Any, *more: Any) -> Any:
            key = (given if isinstance(given, Path) else id(given), *more)
            if key not in kept:
                result = function(given, *more)
                kept[key] = given, result  # the argument stays, and with it its id
            return kept[key][1]

        return call

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "load_reviews", once(data.load_reviews))
        patch.setattr(data, "split_reviews", once(data.split_reviews))
        with read_gguf_once():
            yield


def _in_order_of_need(portfolio: Portfolio, slug: str) -> list[Experiment]:
    """The project's experiments, each after what it needs, other projects' included."""
    ordered: dict[str, Experiment] = {}

    def visit(experiment: Experiment) -> None:
        for need in experiment.needs.values():
            visit(portfolio.experiment(need))
        ordered.setdefault(experiment.name, experiment)

    for experiment in portfolio.projects[slug].experiments.values():
        visit(experiment)
    return list(ordered.values())


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portfolio]:
    """The projects without their results, shared so that what several rest on runs once."""
    root = tmp_path_factory.mktemp("smoke")
    ignored = shutil.ignore_patterns("results", "__pycache__")
    shutil.copytree(ROOT / "projects", root / "projects", ignore=ignored)
    files = {name for one in read_portfolio(ROOT).experiments() for name in one.entry.files}
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT))
        patch.setenv("PYTHONPATH", str(ROOT))  # for the notebook's kernel
        patch.setattr("torch.set_num_threads", lambda _: None)  # the workers share the cores
        yield read_portfolio(root)


@pytest.mark.parametrize("slug", SLUGS)
def test_every_experiment_runs(slug: str, copied: Portfolio, tmp_path: Path) -> None:
    """In one process, so that torch is imported once; nothing outside the temporary folder is written."""
    with ExitStack() as stack:
        begun: set[str] = set()
        for experiment in _in_order_of_need(copied, slug):
            if experiment.result_path("smoke").exists():
                continue
            if experiment.project not in begun:
                stack.enter_context(lighter(experiment.project, tmp_path))
                begun.add(experiment.project)
            execute(copied, experiment, "smoke")
            result = read_result(experiment.result_path("smoke"))
            assert result.metrics or result.charts
            for name in experiment.entry.products:
                assert (experiment.results_dir("smoke") / name).is_file()
            for name in experiment.entry.derived:
                assert (experiment.derived_dir("smoke") / name).is_file()
