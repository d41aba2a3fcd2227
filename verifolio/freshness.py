"""Is a result still true? Compares the fingerprint in its receipt with the world of now."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Literal

from verifolio.errors import AuthorError, Fault
from verifolio.files import parse_once, sha256_of
from verifolio.fingerprint import Code, Fingerprint, fingerprint_of
from verifolio.portfolio import PUBLISHED, Experiment, Portfolio
from verifolio.results import Result, digest_of, read_result

State = Literal["fresh", "stale", "edited", "missing", "broken"]


@dataclass(frozen=True)
class Freshness:
    """The state of one experiment's result, and each reason with the file it stands in."""

    experiment: Experiment
    state: State
    result: Result | None = None
    reasons: list[Fault] = field(default_factory=list)


def check_freshness(portfolio: Portfolio, profile: str = PUBLISHED) -> dict[str, Freshness]:
    """The state of every declared experiment, by name; a rest on something stale is stale."""
    states: dict[str, Freshness] = {}
    locked = _locked_products(portfolio) if profile == PUBLISHED else {}
    code = Code(portfolio.root)

    def visit(experiment: Experiment) -> Freshness:
        if experiment.name not in states:
            states[experiment.name] = Freshness(experiment, "stale")  # ends cycles
            found = _check_one(portfolio, experiment, profile, locked, code)
            for name in experiment.needs.values():
                other = visit(portfolio.experiment(name))
                if other.state != "fresh" and found.state == "fresh":
                    text = f"rests on {other.experiment.name}, which is {other.state}"
                    reason = _stale(portfolio, experiment, profile, text)
                    found = Freshness(experiment, "stale", found.result, [reason])
            states[experiment.name] = found
        return states[experiment.name]

    for experiment in portfolio.experiments():
        visit(experiment)
    return states


def _check_one(
    portfolio: Portfolio, experiment: Experiment, profile: str, locked: dict[str, str], code: Code
) -> Freshness:
    path = experiment.result_path(profile)
    shown = portfolio.shown(path)
    if not path.exists():
        hint = command_for(experiment, profile)
        return Freshness(experiment, "missing", None, [Fault(shown, 0, "result missing: never run", hint)])
    try:
        result = read_result(path, shown=shown)
    except AuthorError as error:
        return Freshness(experiment, "broken", None, error.faults)
    edited = _check_edits(experiment, result, profile, shown, locked)
    if edited:
        return Freshness(experiment, "edited", result, edited)
    try:
        now = fingerprint_of(portfolio, experiment, profile, code)
    except AuthorError as error:  # code that Python cannot read, a declared file that is gone
        return Freshness(experiment, "stale", result, error.faults)
    changes = compare(result, now, experiment)
    reasons = [_stale(portfolio, experiment, profile, text, at) for at, text in changes]
    return Freshness(experiment, "stale" if reasons else "fresh", result, reasons)


def _check_edits(
    experiment: Experiment, result: Result, profile: str, shown: str, locked: dict[str, str]
) -> list[Fault]:
    again = f", or make it again: {command_for(experiment, profile)} --force"
    hint = f"git checkout -- {shown}{again}"
    found = sha256_of(experiment.result_path(profile)) if shown in locked else ""
    as_made = bool(found) and found in (locked[shown], _made_here(experiment, profile))
    if not as_made and digest_of(result) != result.digest:  # the digest was right when the file was made
        return [Fault(shown, 0, "edited by hand: the content no longer fits its digest", hint)]
    if result.name != experiment.name:
        return [Fault(shown, 0, f"this is the result of {result.name}, copied here", hint)]
    faults = []
    if found and not as_made:
        faults.append(Fault(shown, 0, "differs from what pytask.lock recorded for the run", hint))
    for name, expected in result.receipt.products.items():
        product = experiment.results_dir(profile) / name
        where = f"{shown.rpartition('/')[0]}/{name}"
        hint = f"git checkout -- {where}{again}"
        if not product.exists():
            faults.append(Fault(where, 0, f"product of {experiment.name} is missing", hint))
        elif sha256_of(product) != expected:
            faults.append(Fault(where, 0, f"not the file that {experiment.name} made", hint))
    return faults


def has_its_products(experiment: Experiment, profile: str) -> bool:
    """Whether the products of a readable result are the files that its receipt names."""
    try:
        products = read_result(experiment.result_path(profile)).receipt.products
    except AuthorError:
        return True  # there is more to say about such a result
    folder = experiment.results_dir(profile)
    return all(
        (folder / name).is_file() and sha256_of(folder / name) == sha for name, sha in products.items()
    )


def _made_here(experiment: Experiment, profile: str) -> str:
    """SHA-256 of what the last run here made: one killed before pytask took note of it did finish."""
    try:
        return experiment.made_note(profile).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""


def compare(result: Result, now: Fingerprint, experiment: Experiment) -> list[tuple[str, str]]:
    """What changed since the result was made, as (file, words)."""
    then = result.receipt
    changed: list[tuple[str, str]] = []
    for path in sorted(then.code.keys() | now.code.keys()):
        if path not in now.code:
            changed.append((path, "code no longer imported"))
        elif path not in then.code:
            changed.append((path, "code newly imported"))
        elif then.code[path] != now.code[path]:
            changed.append((path, "code changed"))
    for path in sorted(then.files.keys() | now.files.keys()):
        if then.files.get(path) != now.files.get(path):
            changed.append((path, "file changed"))
    declared = experiment.declared_in
    if then.run and then.run != now.run:
        changed.append((declared, f"another function runs: {then.run} → {now.run}"))
    for key in sorted(then.params.keys() | now.params.keys()):
        before, after = then.params.get(key), now.params.get(key)
        if before != after:
            changed.append((declared, f"parameter {key} changed: {before!r} → {after!r}"))
    if then.seed != now.seed:
        changed.append((declared, f"seed changed: {then.seed} → {now.seed}"))
    inputs = {one.name: one.sha256 for one in then.inputs}
    for name in sorted(inputs.keys() | now.inputs.keys()):
        if inputs.get(name) != now.inputs.get(name):
            changed.append(("projects/catalogue.yml", f"input {name} changed"))
    for need in sorted(then.needs.keys() | now.needs.keys()):
        if then.needs.get(need) != now.needs.get(need):
            changed.append((declared, f"the result of {need}, which it rests on, changed"))
    return changed


def lacks_derived(experiment: Experiment, result: Result, profile: str = PUBLISHED) -> bool:
    """Whether derived files are missing here, or were made from an older result."""
    folder = experiment.derived_dir(profile)
    if any(not (folder / name).is_file() for name in experiment.entry.derived):
        return True
    marker = folder / f"{experiment.key}.from"
    made_from = marker.read_text().strip() if marker.exists() else ""
    return bool(experiment.entry.derived) and made_from != result.digest


def command_for(experiment: Experiment, profile: str) -> str:
    """What makes the result, of that profile and no other."""
    return f"verifolio run {experiment.name}" + ("" if profile == PUBLISHED else f" --profile {profile}")


def _stale(portfolio: Portfolio, experiment: Experiment, profile: str, text: str, at: str = "") -> Fault:
    shown = portfolio.shown(experiment.result_path(profile))
    message = f"{experiment.name} is stale: {text}"
    return Fault(at or shown, 0, message, f"make it again: {command_for(experiment, profile)}")


def _locked_products(portfolio: Portfolio) -> dict[str, str]:
    """Result file → SHA-256 as pytask recorded it; its journal holds what a run finished since."""
    path = portfolio.root / "pytask.lock"
    payload = path.read_bytes() if path.exists() else b""
    cache = portfolio.root / "build" / "cache" / "lock"
    tasks = parse_once(cache, payload, lambda: _tasks(payload))
    journal = path.with_name("pytask.lock.journal")
    for line in (
        journal.read_text(encoding="utf-8", errors="replace").splitlines() if journal.exists() else []
    ):
        try:
            tasks.append(json.loads(line))
        except ValueError:
            break  # a kill cut the last line short
    return {name: digest for task in tasks for name, digest in task.get("produces", {}).items()}


def _tasks(payload: bytes) -> list[Any]:
    """The tasks of a pytask.lock."""
    import tomllib  # seldom: see above

    try:
        tasks: list[Any] = tomllib.loads(payload.decode("utf-8")).get("task", [])
    except ValueError as error:
        raise AuthorError(
            f"broken: {error}", path="pytask.lock", hint="git checkout -- pytask.lock"
        ) from None
    return tasks
