"""Experiments as pytask tasks: what is stale runs, what is finished stays, the lock is committed.

A project's task file loops over `experiments_of` and calls `run_in_process`; pytask follows the
results from one experiment to the next.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from verifolio.busy import only_run
from verifolio.errors import AuthorError, VerifolioError, did_you_mean
from verifolio.files import check_room, write_atomic
from verifolio.fingerprint import fingerprint_of
from verifolio.freshness import check_freshness, has_its_products
from verifolio.portfolio import PROFILES, PUBLISHED, Experiment, Portfolio, find_root, read_portfolio
from verifolio.workers import open_workers

PROFILE_VARIABLE = "VERIFOLIO_PROFILE"
FORCED_VARIABLE = "VERIFOLIO_FORCED"  # names of experiments to run although they are fresh, or *


class ExperimentFailed(VerifolioError):
    """The experiment's own process has already said why."""


def current_profile() -> str:
    """The profile that `verifolio run --profile` chose for this process."""
    return os.environ.get(PROFILE_VARIABLE, PUBLISHED)


def experiments_of(task_file: str) -> list[Experiment]:
    """The experiments of the project that a task file stands in."""
    path = Path(task_file).resolve()
    portfolio = read_portfolio(find_root(path.parent))
    return list(portfolio.projects[path.parent.name].experiments.values())


def fingerprint_for(experiment: Experiment) -> str:
    """One hash of all that the experiment rests on but other results: pytask follows those itself."""
    portfolio = read_portfolio(experiment.root)
    digest = fingerprint_of(portfolio, experiment, current_profile()).digest_without_needs()
    # pytask follows the result alone: without this a lost or edited product would never be made again.
    return digest if has_its_products(experiment, current_profile()) else f"{digest}, and lacks a product"


def needed_results(experiment: Experiment) -> dict[str, Path] | str:
    """The result files that must stand before this experiment runs; a word where there are none.

    pytask names an empty dictionary after whichever task it met first, and its lock would never settle.
    """
    portfolio = read_portfolio(experiment.root)
    others = {need: portfolio.experiment(name) for need, name in experiment.needs.items()}
    return {need: other.result_path(current_profile()) for need, other in others.items()} or "nothing"


def run_in_process(name: str) -> None:
    """Run one experiment in a process of its own, so that its peak memory is its own.

    What is fresh stays, also when pytask asks for it: after a new comment in a task file, without its
    lock, or because it selects the needs of a forced experiment too.
    """
    forced = {name, "*"} & set(os.environ.get(FORCED_VARIABLE, "").split())
    if not forced and check_freshness(read_portfolio(find_root()), current_profile())[name].state == "fresh":
        return
    command = [sys.executable, "-m", "verifolio", "execute", name, "--with-parent"]
    # The pipe stays open as long as this process lives: the other one ends with it, even when killed.
    with subprocess.Popen([*command, "--profile", current_profile()], stdin=subprocess.PIPE) as process:
        code = process.wait()
    if code == 130:
        raise KeyboardInterrupt
    if code < 0:
        raise ExperimentFailed(f"{name} was ended by signal {-code} (9: often for want of memory)")
    if code:
        raise ExperimentFailed(f"{name} failed (exit {code}); its message stands above")


def run_pipeline(
    root: Path, *, profile: str, names: list[str], force: bool, workers: int = 1, cluster: str = ""
) -> None:
    """Run what is stale, in order of need; with `names`, only those and what they need (a project: all of its own).

    `workers` experiments at one time here, or as many as the Dask scheduler at `cluster` has workers.

    pytask notes each finished experiment at once: an interrupted run goes on where it stopped.
    """
    if profile not in PROFILES:
        raise AuthorError(f"no profile ‘{profile}’", hint=did_you_mean(profile, list(PROFILES)))
    portfolio = read_portfolio(root)
    names = [one for name in names for one in _spelled_out(portfolio, name)]
    for experiment in portfolio.experiments():
        fingerprint_of(portfolio, experiment, profile)  # its faults would come as pytask's traceback
    check_room(root / "build")
    os.environ[PROFILE_VARIABLE] = profile
    os.environ[FORCED_VARIABLE] = (" ".join(names) or "*") if force else ""
    os.chdir(root)
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    import pytask

    options: dict[str, Any] = {}
    if names:
        chosen = set(names) if force else _with_needs(portfolio, names)
        for name in names:
            portfolio.experiment(name)
        options["expression"] = " or ".join(f"[{name}]" for name in sorted(chosen))
    with only_run(root, profile), open_workers(root, workers=workers, cluster=cluster) as parallel:
        session = pytask.build(
            paths=[root / "projects"],
            config=_pytask_config(root, profile),
            force=force,
            s=True,
            show_traceback=False,
            n_entries_in_table=50,
            **options,
            **parallel,
        )
    if session.exit_code == pytask.ExitCode.COLLECTION_FAILED:
        raise AuthorError("pytask could not collect the tasks: see above", path="projects")
    if session.exit_code != pytask.ExitCode.OK:
        raise AuthorError(
            "a run did not finish: see above",
            hint="what finished is kept; mend the cause and give the same command again",
        )
    known = {_name_of(task) for task in session.tasks}
    for experiment in portfolio.experiments():
        if experiment.name not in known:
            slug = experiment.project
            hint = (
                f"copy another project's task file to projects/{slug}/task_{slug}.py: it is the same for all"
            )
            raise AuthorError(f"no task runs {experiment.name}", path=experiment.declared_in, hint=hint)


def would_run(root: Path) -> list[str]:
    """Names that pytask itself holds for stale: agrees with `verifolio check`, and a test says so."""
    os.environ[PROFILE_VARIABLE] = PUBLISHED
    import pytask

    session = pytask.build(
        paths=[root / "projects"], config=_pytask_config(root, PUBLISHED), dry_run=True, verbose=0
    )
    waiting = {pytask.TaskOutcome.WOULD_BE_EXECUTED, pytask.TaskOutcome.FAIL}
    reports = [one for one in session.execution_reports if one.outcome in waiting]
    return sorted(_name_of(one.task) for one in reports)


def _name_of(task: Any) -> str:
    """`task_experiment[toy.measure]` → `toy.measure`."""
    return str(task.name).partition("[")[2].rstrip("]")


def _spelled_out(portfolio: Portfolio, name: str) -> list[str]:
    """A project's name stands for its experiments."""
    if name in portfolio.projects:
        return [one.name for one in portfolio.projects[name].experiments.values()]
    return [name]


def _with_needs(portfolio: Portfolio, names: list[str]) -> set[str]:
    found: set[str] = set()
    pending = list(names)
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending += portfolio.experiment(name).needs.values()
    return found


def _pytask_config(root: Path, profile: str) -> Path:
    """The committed lock belongs to the published profile; the others keep theirs under build/."""
    if profile == PUBLISHED:
        return root / "pyproject.toml"
    path = root / "build" / "results" / profile / "pyproject.toml"
    if not path.exists():
        write_atomic(path, "[tool.pytask.ini_options]\n")
    return path
