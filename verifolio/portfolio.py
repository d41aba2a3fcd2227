"""What a portfolio declares: its folders, its projects' experiments, its catalogue of inputs."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from verifolio.errors import AuthorError, Fault, did_you_mean
from verifolio.files import parse_once, read_yaml
from verifolio.results import KEY, Words, missing_languages

PROFILES = ("smoke", "laptop", "gpu")
LANGS = ("zh", "en")
PUBLISHED = "laptop"  # the profile whose results are committed and bound


class Override(msgspec.Struct, forbid_unknown_fields=True):
    """What a profile changes."""

    params: dict[str, Any] = {}
    inputs: dict[str, str] = {}


class ExperimentEntry(msgspec.Struct, forbid_unknown_fields=True):
    """One entry under `experiments:` of a project's experiments.yml."""

    title: Words
    run: str
    inputs: list[str] = []
    needs: list[str] = []
    files: list[str] = []
    seed: int = 0
    params: dict[str, Any] = {}
    profiles: dict[str, Override] = {}
    products: list[str] = []
    derived: list[str] = []
    derive: str = ""


class ProjectEntry(msgspec.Struct, forbid_unknown_fields=True):
    """A project's experiments.yml."""

    title: Words
    summary: Words
    experiments: dict[str, ExperimentEntry]
    weeks: list[int] = []


class CatalogueEntry(msgspec.Struct, forbid_unknown_fields=True):
    """Data or a model by name: where it comes from and the bytes it must have."""

    title: str
    kind: str
    license: str
    sha256: dict[str, str]
    hub: str = ""
    revision: str | None = None
    url: str = ""
    package: str = ""
    path: str = ""
    note: Words = {}


@functools.cache  # a check asks for some of them a dozen times
def _below(folder: Path, *names: str) -> Path:
    return folder.joinpath(*names)


@dataclass(frozen=True)
class Experiment:
    """An experiment as declared, with the profile's overrides resolved on demand."""

    root: Path
    project: str
    key: str
    entry: ExperimentEntry

    @property
    def name(self) -> str:
        return f"{self.project}.{self.key}"

    @property
    def declared_in(self) -> str:
        return f"projects/{self.project}/experiments.yml"

    def params(self, profile: str) -> dict[str, Any]:
        override = self.entry.profiles.get(profile)
        return {**self.entry.params, **(override.params if override else {})}

    def inputs(self, profile: str) -> dict[str, str]:
        """Name that the code asks for → name in the catalogue."""
        override = self.entry.profiles.get(profile)
        other = override.inputs if override else {}
        return {name: other.get(name, name) for name in self.entry.inputs}

    @property
    def needs(self) -> dict[str, str]:
        """Need as declared → full name; one without a project is of the same project."""
        return {need: need if "." in need else f"{self.project}.{need}" for need in self.entry.needs}

    def results_dir(self, profile: str = PUBLISHED) -> Path:
        if profile == PUBLISHED:
            return _below(self.root, "projects", self.project, "results")
        return _below(self.root, "build", "results", profile, self.project)

    def result_path(self, profile: str = PUBLISHED) -> Path:
        return _below(self.results_dir(profile), f"{self.key}.json")

    def derived_dir(self, profile: str = PUBLISHED) -> Path:
        below = "derived" if profile == PUBLISHED else f"derived-{profile}"
        return self.root / "build" / below / self.project

    def work_dir(self, profile: str) -> Path:
        return _below(self.root, "build", "work", profile, self.project, self.key)

    def made_note(self, profile: str) -> Path:
        """Where a run leaves the SHA-256 of the result that it is about to put in place."""
        return self.work_dir(profile).with_name(f"{self.key}.made")


@dataclass(frozen=True)
class Project:
    """A folder under projects/ with its experiments, in the order declared."""

    slug: str
    entry: ProjectEntry
    experiments: dict[str, Experiment]


@dataclass(frozen=True)
class Portfolio:
    """All that is declared under one root."""

    root: Path
    projects: dict[str, Project]
    catalogue: dict[str, CatalogueEntry]

    def experiments(self) -> Iterator[Experiment]:
        for project in self.projects.values():
            yield from project.experiments.values()

    def experiment(self, name: str) -> Experiment:
        """`sentiment.lora` → the experiment; unknown names are told what is known."""
        project, _, key = name.partition(".")
        if project in self.projects and key in self.projects[project].experiments:
            return self.projects[project].experiments[key]
        known = [experiment.name for experiment in self.experiments()]
        raise AuthorError(f"no experiment ‘{name}’", hint=did_you_mean(name, known))

    def shown(self, path: Path) -> str:
        """A path as the author knows it: relative to the root."""
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)


def find_root(start: Path | None = None) -> Path:
    """The nearest folder upwards that holds a mkdocs.yml; without any, the nearest with a projects folder."""
    here = (start or Path.cwd()).resolve()
    folders = (here, *here.parents)
    for folder in folders:
        if (folder / "mkdocs.yml").is_file():
            return folder
    for folder in folders:  # second, for site_src and the built site have a folder of that name too
        if (folder / "projects").is_dir():
            return folder
    raise AuthorError(
        f"no portfolio here: neither mkdocs.yml nor projects/ in {here} or above it",
        hint="change into your portfolio's folder, or pass --root",
    )


def read_portfolio(root: Path) -> Portfolio:
    """Read and check every declaration; all faults are reported together."""
    faults = []
    catalogue: dict[str, CatalogueEntry] = {}
    projects: dict[str, Project] = {}
    path = root / "projects" / "catalogue.yml"
    if path.exists():
        try:
            catalogue = _convert(path, dict[str, CatalogueEntry], root)
        except AuthorError as error:
            faults += error.faults
    for declared in sorted(root.glob("projects/*/experiments.yml")):
        try:
            slug = declared.parent.name
            entry = _convert(declared, ProjectEntry, root)
            experiments = {key: Experiment(root, slug, key, one) for key, one in entry.experiments.items()}
            projects[slug] = Project(slug, entry, experiments)
        except AuthorError as error:
            faults += error.faults
    projects = dict(sorted(projects.items(), key=lambda one: (min(one[1].entry.weeks, default=99), one[0])))
    portfolio = Portfolio(root, projects, catalogue)
    for project in projects.values():
        try:
            _check_project(project, portfolio)
        except AuthorError as error:
            faults += error.faults
    if not faults and (circle := _find_circle(portfolio)):
        message = f"experiments need each other in a circle: {' → '.join(circle)}"
        faults.append(Fault(portfolio.experiment(circle[0]).declared_in, 0, message))
    if faults:
        raise AuthorError(faults=faults)
    return portfolio


def _convert(path: Path, kind: Any, root: Path) -> Any:
    stat = path.stat()
    return _convert_cached(path, kind, root, stat.st_mtime_ns, stat.st_size)


@functools.lru_cache(maxsize=256)
def _convert_cached(path: Path, kind: Any, root: Path, _mtime: int, _size: int) -> Any:
    shown, cache = path.relative_to(root).as_posix(), root / "build" / "cache" / "yaml"
    raw = parse_once(cache, path.read_bytes(), lambda: read_yaml(path, shown=shown))
    try:
        return msgspec.convert(raw, kind, strict=True)
    except msgspec.ValidationError as error:
        raise AuthorError(
            str(error), path=shown, hint="see CONTRIBUTING.md for what the file may hold"
        ) from None


def _check_project(project: Project, portfolio: Portfolio) -> None:
    faults = []
    catalogue = portfolio.catalogue
    everything = {one.name for one in portfolio.experiments()}
    named = {"title": project.entry.title, "summary": project.entry.summary}
    named |= {f"{key}: title": one.entry.title for key, one in project.experiments.items()}
    for what, words in named.items():
        if missing := missing_languages(words):
            message = f"{what}: no words in {missing}"
            faults.append(AuthorError(message, path=f"projects/{project.slug}/experiments.yml"))
    for experiment in project.experiments.values():
        where, entry = experiment.declared_in, experiment.entry
        if not KEY.match(experiment.key):
            faults.append(
                AuthorError(f"‘{experiment.key}’: keys are lower case letters, digits and _", path=where)
            )
        for need, full in experiment.needs.items():
            if full not in everything:
                hint = did_you_mean(need, list(everything) if "." in need else list(project.experiments))
                faults.append(
                    AuthorError(
                        f"{experiment.key} needs ‘{need}’, which is not declared", path=where, hint=hint
                    )
                )
        for profile in entry.profiles:
            if profile not in PROFILES:
                hint = did_you_mean(profile, list(PROFILES))
                faults.append(AuthorError(f"{experiment.key}: no profile ‘{profile}’", path=where, hint=hint))
        for profile in PROFILES:
            for name in experiment.inputs(profile).values():
                if name not in catalogue:
                    hint = did_you_mean(name, list(catalogue))
                    message = f"{experiment.key}: input ‘{name}’ is not in projects/catalogue.yml"
                    faults.append(AuthorError(message, path=where, hint=hint))
        if entry.derived and not entry.derive:
            hint = "name the function that makes them from the committed products: module:function"
            faults.append(
                AuthorError(f"{experiment.key} has derived files but no derive:", path=where, hint=hint)
            )
        if ":" not in entry.run:
            faults.append(AuthorError(f"{experiment.key}: run is written module:function", path=where))
    if faults:
        raise AuthorError(faults=[fault for error in faults for fault in error.faults])


def _find_circle(portfolio: Portfolio) -> list[str]:
    done: set[str] = set()

    def follow(name: str, trail: list[str]) -> list[str]:
        if name in trail:
            return [*trail[trail.index(name) :], name]
        if name in done:
            return []
        done.add(name)
        needs = portfolio.experiment(name).needs.values()
        return next((circle for need in needs if (circle := follow(need, [*trail, name]))), [])

    return next((circle for one in portfolio.experiments() if (circle := follow(one.name, []))), [])
