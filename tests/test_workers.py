"""Experiments on several Dask workers: the same results, a killed worker costs its own task alone, clear errors."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from verifolio.freshness import check_freshness
from verifolio.portfolio import read_portfolio

if importlib.util.find_spec("pytask_parallel") is None or importlib.util.find_spec("distributed") is None:
    pytest.skip("pytask-parallel and distributed are not installed", allow_module_level=True)

POINTS = 4
MODULE = '''"""Points that note when they start and end."""

import os
import time
from pathlib import Path


def run_point(run):
    log = Path(os.environ["POINT_LOG"]) / f"{run.experiment}.{os.getpid()}"
    log.write_text(str(os.getppid()))
    time.sleep(run.params["seconds"])
    log.rename(log.with_suffix(".done"))
    run.metric("value", run.params["number"], unit="count", label={"zh": "值", "en": "value"})
'''


@pytest.fixture
def sweep(workbench, tmp_path_factory):
    """The throw-away portfolio with a project of four equal points, and the folder that they write to."""
    workbench.write("projects/points/__init__.py", "")
    workbench.write("projects/points/point.py", MODULE)
    task = (workbench.root / "projects/toy/task_toy.py").read_text(encoding="utf-8")
    workbench.write("projects/points/task_points.py", task)
    points = "".join(
        f"  point{number}:\n    title: {{zh: 点, en: point}}\n    run: projects.points.point:run_point\n"
        f"    params: {{number: {number}, seconds: 1}}\n"
        for number in range(POINTS)
    )
    workbench.write(
        "projects/points/experiments.yml",
        f"title: {{zh: 点, en: points}}\nsummary: {{zh: 点, en: points}}\nweeks: []\nexperiments:\n{points}",
    )
    return workbench, tmp_path_factory.mktemp("log")


def names() -> list[str]:
    return [f"points.point{number}" for number in range(POINTS)]


def test_a_killed_worker_costs_only_its_own_task(sweep) -> None:
    workbench, log = sweep
    process = subprocess.Popen(
        [sys.executable, "-m", "verifolio", "run", "--workers", "2", *names()],
        cwd=workbench.root,
        env={**os.environ, "POINT_LOG": str(log)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    deadline = time.monotonic() + 180
    while not (started := [one for one in log.iterdir() if one.suffix != ".done"]):
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()[0].decode()
        time.sleep(0.05)
    time.sleep(0.3)
    victim = started[0]
    os.kill(int(victim.read_text()), signal.SIGKILL)  # the Dask worker that started this point
    said = process.communicate(timeout=240)[0].decode()
    assert process.returncode == 0, said
    states = check_freshness(read_portfolio(workbench.root))
    assert {states[name].state for name in names()} == {"fresh"}
    assert victim.exists(), "the killed point never came to its end"
    runs = [one.name.rsplit(".", 2)[0] if one.suffix == ".done" else one.stem for one in log.iterdir()]
    assert len(runs) == POINTS + 1, runs  # the killed point ran twice, every other one once


def test_a_scheduler_that_does_not_answer_is_told(workbench) -> None:
    done = workbench.verifolio("run", "--cluster", "nonsense")
    assert done.code != 0
    assert "no Dask scheduler answers at nonsense" in done.said


def test_workers_see_where_the_portfolio_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from verifolio.workers import make_ready

    monkeypatch.chdir("/")
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("VERIFOLIO_PROFILE", "")
    make_ready(str(tmp_path), {"VERIFOLIO_PROFILE": "smoke"})
    assert (Path.cwd(), os.environ["VERIFOLIO_PROFILE"], sys.path[0]) == (tmp_path, "smoke", str(tmp_path))
