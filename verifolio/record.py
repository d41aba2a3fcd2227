"""Runs one experiment and writes its result: the only way in which numbers come into being."""

from __future__ import annotations

import importlib
import json
import math
import shutil
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from verifolio.attempts import Attempts
from verifolio.busy import alone_with
from verifolio.errors import AuthorError, did_you_mean
from verifolio.files import move_into_place, sha256_of, write_atomic
from verifolio.fingerprint import fingerprint_of
from verifolio.freshness import command_for, lacks_derived
from verifolio.inputs import describe_input, resolve_input
from verifolio.machine import describe_commit, describe_machine, versions_of_imported
from verifolio.portfolio import PUBLISHED, Experiment, Portfolio
from verifolio.results import (
    SCHEMA,
    Chart,
    Column,
    Metric,
    Receipt,
    Result,
    Table,
    Words,
    read_result,
    seal,
    write_result,
)


class Run:
    """What an experiment's function gets: its parameters and inputs in, its numbers out."""

    def __init__(
        self, portfolio: Portfolio, experiment: Experiment, profile: str, folder: Path | None = None
    ) -> None:
        self.params: dict[str, Any] = experiment.params(profile)
        self.seed = experiment.entry.seed
        self.profile = profile
        self.experiment = experiment.name
        self.root = portfolio.root
        self._portfolio, self._experiment = portfolio, experiment
        self._folder = folder or experiment.work_dir(profile)
        self._metrics: dict[str, Metric] = {}
        self._tables: dict[str, Table] = {}
        self._charts: dict[str, Chart] = {}
        self._last_line = 0.0
        self._started = time.monotonic()
        self._progress_from: dict[str, tuple[float, float]] = {}

    @property
    def work(self) -> Path:
        """A private folder for checkpoints; it survives a kill and goes after success."""
        path = self._folder / "work"
        path.mkdir(parents=True, exist_ok=True)
        return path

    def input(self, name: str) -> Path:
        """The verified local path of a declared input."""
        asked = self._experiment.inputs(self.profile)
        if name not in asked:
            raise self._undeclared("inputs", name, list(asked))
        return resolve_input(self._portfolio, asked[name])

    def result_of(self, experiment: str) -> Result:
        """The result of an experiment that this one declares to need."""
        path = self._needed(experiment).result_path(self.profile)
        return read_result(path, shown=self._portfolio.shown(path))

    def product_of(self, experiment: str, name: str) -> Path:
        """A committed product of a needed experiment, which is the file that its receipt names."""
        needed = self._needed(experiment)
        path = needed.results_dir(self.profile) / name
        known = self.result_of(experiment).receipt.products
        if not path.is_file() or sha256_of(path) != known.get(name):
            raise AuthorError(
                f"not the product that {needed.name} made",
                path=self._portfolio.shown(path),
                hint=f"make it again: {command_for(needed, self.profile)} --force",
            )
        return path

    def derived_of(self, experiment: str, name: str) -> Path:
        """A derived file of a needed experiment; made from its products when this machine lacks it."""
        needed = self._needed(experiment)
        path = needed.derived_dir(self.profile) / name
        result = self.result_of(experiment)
        if needed.entry.derive and lacks_derived(needed, result, self.profile):
            with alone_with(needed, self.profile, wait=True):  # another worker may be deriving the same
                if lacks_derived(needed, result, self.profile):
                    self.say(f"deriving {name} from the products of {needed.name}")
                    _derive(self._portfolio, needed, self.profile)
        return path

    def product(self, name: str) -> Path:
        """Where to write a declared product; it is moved into place when the run succeeds."""
        return self._output("products", name)

    def derived(self, name: str) -> Path:
        """Where to write a declared derived file."""
        return self._output("derived", name)

    def metric(
        self,
        key: str,
        value: float,
        *,
        unit: str,
        label: Words,
        better: Literal["higher", "lower", "none"] = "none",
        n: int | None = None,
        ci: tuple[float, float] | None = None,
        ci_method: str = "",
    ) -> None:
        """Record one number."""
        self._unused(key, self._metrics, "metric")
        number = _number(value)
        interval = (float(ci[0]), float(ci[1])) if ci is not None else None
        self._metrics[key] = Metric(
            value=number, unit=unit, better=better, label=label, n=None if n is None else int(n),
            ci=interval, ci_method=ci_method,
        )  # fmt: skip

    def table(self, key: str, *, columns: list[dict[str, Any]], rows: list[Mapping[str, Any]]) -> None:
        """Record a table; the first column names the rows."""
        self._unused(key, self._tables, "table")
        self._tables[key] = Table(
            columns=[Column(**column) for column in columns],
            rows=[{name: _cell(cell) for name, cell in row.items()} for row in rows],
        )

    def chart(self, key: str, spec: Any, *, words: dict[str, Words] | None = None) -> None:
        """Record a chart: an Altair chart or a Vega-Lite specification with its data inside."""
        self._unused(key, self._charts, "chart")
        plain = spec if isinstance(spec, dict) else json.loads(spec.to_json())
        self._charts[key] = Chart(spec=plain, words=words or {})

    def say(self, text: str) -> None:
        """One line of progress."""
        print(
            f"  {self.experiment}  {_clock(time.monotonic() - self._started)}  {text}",
            file=sys.stderr,
            flush=True,
        )

    def progress(self, done: float, total: float, what: str = "") -> None:
        """How far a long loop is, with the time left; at most one line every ten seconds."""
        now = time.monotonic()
        first_done, first_time = self._progress_from.setdefault(what, (done, now))
        if now - self._last_line < 10 and done < total:
            return
        self._last_line = now
        speed = (done - first_done) / (now - first_time) if now > first_time else 0.0
        left = f", {_clock((total - done) / speed)} left" if speed > 0 and done < total else ""
        self.say(f"{what} {100 * done / total:.0f} %{left}".strip())

    # -- below: used by `execute` only ------------------------------------------------------------

    def result(self, receipt: Receipt) -> Result:
        return Result(
            schema=SCHEMA,
            project=self._experiment.project,
            experiment=self._experiment.key,
            title=self._experiment.entry.title,
            metrics=self._metrics,
            tables=self._tables,
            charts=self._charts,
            receipt=receipt,
        )

    def outputs(self, kind: str) -> dict[str, Path]:
        """Declared name → finished temporary file; a missing one is an error."""
        paths = {name: self._output(kind, name) for name in getattr(self._experiment.entry, kind)}
        for name, path in paths.items():
            if not path.is_file():
                raise AuthorError(
                    f"{self.experiment} declares {kind} {name} but did not write it",
                    path=self._experiment.declared_in,
                )
        return paths

    def _output(self, kind: str, name: str) -> Path:
        declared = getattr(self._experiment.entry, kind)
        if name not in declared:
            raise self._undeclared(kind, name, declared)
        path = self._folder / kind / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _needed(self, key: str) -> Experiment:
        if key not in self._experiment.needs:
            raise self._undeclared("needs", key, self._experiment.entry.needs)
        return self._portfolio.experiment(self._experiment.needs[key])

    def _undeclared(self, kind: str, name: str, declared: list[str]) -> AuthorError:
        return AuthorError(
            f"{self.experiment} uses ‘{name}’ without declaring it under {kind}:",
            path=self._experiment.declared_in,
            hint=did_you_mean(name, declared) or f"add it to {kind}:",
        )

    def _unused(self, key: str, known: Mapping[str, object], kind: str) -> None:
        if key in known:
            raise AuthorError(
                f"{self.experiment} records the {kind} ‘{key}’ twice", path=self._experiment.declared_in
            )


def execute(portfolio: Portfolio, experiment: Experiment, profile: str = PUBLISHED) -> Result:
    """Run an experiment's function, then publish products, derived files and, last, the result."""
    with alone_with(experiment, profile):
        return _execute(portfolio, experiment, profile)


def _execute(portfolio: Portfolio, experiment: Experiment, profile: str) -> Result:
    fingerprint = fingerprint_of(portfolio, experiment, profile)
    attempts = Attempts(experiment.work_dir(profile), fingerprint)
    run = Run(portfolio, experiment, profile)
    module, _, function = experiment.entry.run.partition(":")
    started, clock = datetime.now(UTC), time.monotonic()
    run.say(f"started (profile {profile})")
    load_function(portfolio.root, module, function, experiment.declared_in)(run)
    duration = attempts.seconds_before + time.monotonic() - clock
    products, derived = run.outputs("products"), run.outputs("derived")
    counted = [*fingerprint.code, *fingerprint.files, experiment.declared_in, "projects/catalogue.yml"]
    commit, dirty = describe_commit(portfolio.root, of=counted)
    receipt = Receipt(
        command=command_for(experiment, profile),
        commit=commit,
        dirty=dirty,
        profile=profile,
        seed=fingerprint.seed,
        params=fingerprint.params,
        code=fingerprint.code,
        files=fingerprint.files,
        inputs=[describe_input(portfolio, asked, name) for asked, name in experiment.inputs(profile).items()],
        needs=fingerprint.needs,
        products={name: sha256_of(path) for name, path in products.items()},
        derived={name: sha256_of(path) for name, path in derived.items()},
        run=fingerprint.run,
        machine=describe_machine(),
        versions=versions_of_imported(),
        started=started.strftime("%Y-%m-%dT%H:%M:%SZ"),
        duration_s=round(duration, 2),
        peak_memory_bytes=_peak_memory_bytes(),
    )
    path, finished = experiment.result_path(profile), run.result(receipt)
    seal(path, finished)  # what is refused leaves the old products where they are, too
    _move(products, experiment.results_dir(profile))
    result = write_result(path, finished, note=experiment.made_note(profile))
    _publish_derived(derived, experiment, profile, result.digest)
    shutil.rmtree(experiment.work_dir(profile), ignore_errors=True)
    run.say(f"done in {_clock(duration)}")
    return result


def derive(portfolio: Portfolio, experiment: Experiment, profile: str = PUBLISHED) -> dict[str, bool]:
    """Make an experiment's derived files again; says of each whether its bytes equal the receipt's."""
    with alone_with(experiment, profile):
        return _derive(portfolio, experiment, profile)


def _derive(portfolio: Portfolio, experiment: Experiment, profile: str) -> dict[str, bool]:
    path = experiment.result_path(profile)
    result = read_result(path, shown=portfolio.shown(path))
    # Not in the work folder itself, which may hold the checkpoints of an interrupted run.
    folder = experiment.work_dir(profile).with_name(f"{experiment.key}.derive")
    shutil.rmtree(folder, ignore_errors=True)
    run = Run(portfolio, experiment, profile, folder)
    module, _, function = experiment.entry.derive.partition(":")
    load_function(portfolio.root, module, function, experiment.declared_in)(run)
    made = run.outputs("derived")
    same = {name: sha256_of(file) == result.receipt.derived.get(name) for name, file in made.items()}
    _publish_derived(made, experiment, profile, result.digest)
    shutil.rmtree(folder, ignore_errors=True)
    return same


def _publish_derived(files: dict[str, Path], experiment: Experiment, profile: str, digest: str) -> None:
    folder = experiment.derived_dir(profile)
    _move(files, folder)
    if files:
        write_atomic(folder / f"{experiment.key}.from", digest + "\n")


def load_function(root: Path, module: str, function: str, declared_in: str) -> Any:
    """`projects.<slug>.<module>:function`, importable from the portfolio's root."""
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    try:
        loaded = importlib.import_module(module)
    except ModuleNotFoundError as error:
        hint = "make env installs what experiments need"
        raise AuthorError(f"cannot import {module}: {error}", path=declared_in, hint=hint) from error
    if not hasattr(loaded, function):
        raise AuthorError(f"{module} has no function ‘{function}’", path=declared_in)
    return getattr(loaded, function)


def _move(files: dict[str, Path], folder: Path) -> None:
    for name, path in files.items():
        move_into_place(path, folder / name)


def _number(value: Any) -> float | int:
    plain = value.item() if hasattr(value, "item") else value
    if isinstance(plain, bool) or not isinstance(plain, int | float):
        raise AuthorError(f"a metric is a number, not {plain!r}")
    return plain


def _cell(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    return value.item() if hasattr(value, "item") else value


def _clock(seconds: float) -> str:
    if not math.isfinite(seconds):
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


def _peak_memory_bytes() -> int:
    """Peak resident memory of this process so far."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
