"""The rung in the reader's browser: which files a demo needs there, checked against the receipts of its weights.

Weights and runtimes lie once below the site's root (`assets/weights/`, `assets/runtime/`), gzipped where that saves
much; the demo's own modules keep their place, `demos/<slug>/browser/`. Knows nothing of any demo.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from verifolio.errors import AuthorError, did_you_mean
from verifolio.evidence import Evidence
from verifolio.files import sha256_of, write_cache, write_error, write_staged
from verifolio.freshness import lacks_derived
from verifolio.results import Words
from verifolio.runtimes import runtime_file, runtime_version

WORTH = 0.9  # what gzip must reach of a file's size; model hosts rarely compress by themselves
SAMPLE = 1 << 21
CODE = (".js", ".mjs")  # imported by the browser itself
SERVED = "browser"  # below build/
NOTES = Path("build/cache/files.json")
_IMPORT = re.compile(r"""\b(?:from|import)\s*\(?\s*["'](?P<path>\.{1,2}/[^"']+)["']""")


class Browser(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`browser:` of a demo: its module, and the files that come after the click."""

    module: str
    weights: dict[str, list[str]] = {}  # experiment → its derived files or products
    runtime: list[str] = []  # files of npm packages that package-lock.json pins
    later: list[Later] | Later = []
    threads: bool = False  # the module can use several, given the headers; a service worker may add them
    memory_gb: float = 0.5  # what it needs of a device
    note: Words = {}

    def groups(self) -> list[Later]:
        """What comes on request, in the order in which it is told."""
        return self.later if isinstance(self.later, list) else [self.later]


class Later(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Files that come only when the reader asks for more; `what` they are for is said with their size."""

    what: Words = {}
    weights: dict[str, list[str]] = {}
    runtime: list[str] = []


@dataclass(frozen=True)
class Served:
    """A file of the rung: where it comes from, where the site has it, what comes over the network."""

    name: str
    source: Path
    place: str  # from the site's root
    bytes: int  # transferred
    size: int
    sha256: str
    gzip: bool

    def as_json(self, root: str) -> dict[str, Any]:
        """What the page is told, with the address as seen from it."""
        one = {"url": root + self.place, "bytes": self.bytes, "size": self.size, "sha256": self.sha256}
        return one | ({"gzip": True} if self.gzip else {})


@dataclass(frozen=True)
class Rung:
    """What a page needs to offer the rung; `missing` says why it cannot (a key of the engine's words)."""

    module: str = ""
    first: list[Served] = field(default_factory=list)
    later: list[list[Served]] = field(default_factory=list)  # a list for each group
    code: dict[str, Path] = field(default_factory=dict)  # the demo's own modules, by their place in the site
    missing: str = ""

    @property
    def bytes(self) -> int:
        """What comes after the first click."""
        return sum(one.bytes for one in self.first) + sum(path.stat().st_size for path in self.code.values())

    def served(self) -> dict[str, Served]:
        """Every file by its place in the site; groups may share one."""
        return {one.place: one for group in [self.first, *self.later] for one in group}


def browser_rung(evidence: Evidence, slug: str, browser: Browser) -> Rung:
    """The rung's files on this machine; raises when one of them is not what its receipt says."""
    root, declared = evidence.portfolio.root, f"demos/{slug}/demo.yml"
    here = root / "demos" / slug
    if not (here / browser.module).is_file():
        raise AuthorError(f"browser: {browser.module} does not exist", path=declared)
    code = _modules(root, here / browser.module)
    groups: list[list[Served]] = []
    missing = ""
    wanted: list[Browser | Later] = [browser, *browser.groups()]
    for group in wanted:
        served, why = _served(evidence, declared, group.weights, group.runtime)
        groups.append(served)
        missing = missing or why
    if missing:
        return Rung(missing=missing)
    return Rung(f"demos/{slug}/{browser.module}", groups[0], groups[1:], code)


def ways_to(evidence: Evidence, browser: Browser) -> list[str]:
    """The commands that bring what the rung needs and this machine lacks; none where it runs."""
    groups: list[Browser | Later] = [browser, *browser.groups()]
    ways = [
        f"verifolio derive {experiment}"
        for group in groups
        for experiment, names in group.weights.items()
        if _lacks(evidence, experiment, names)
    ]
    runtimes = [name for group in groups for name in group.runtime]
    if any(runtime_file(evidence.portfolio.root, name) is None for name in runtimes):
        ways.append("npm ci --ignore-scripts")
    return ways


def _lacks(evidence: Evidence, experiment: str, names: list[str]) -> bool:
    """Whether derived files among these are missing, or come from an older result."""
    result = evidence.result(experiment)
    lacks = lacks_derived(evidence.portfolio.experiment(experiment), result)
    return lacks and any(name in result.receipt.derived for name in names)


def _modules(root: Path, module: Path) -> dict[str, Path]:
    """The code beside a module and what it imports from elsewhere in the portfolio, by its place in the site."""
    pending = sorted(path for path in module.parent.rglob("*") if path.suffix in CODE)
    found: dict[str, Path] = {}
    while pending:
        path = pending.pop(0)
        place = path.relative_to(root).as_posix()
        if place in found:
            continue
        found[place] = path
        for match in _IMPORT.finditer(path.read_text(encoding="utf-8")):
            other = Path(os.path.normpath(path.parent / match["path"]))
            if not (other.is_file() and other.is_relative_to(root)):
                line = match.string.count("\n", 0, match.start()) + 1
                raise AuthorError(f"imports ‘{match['path']}’, which does not exist", path=place, line=line)
            pending.append(other)
    return found


def _served(
    evidence: Evidence, declared: str, weights: dict[str, list[str]], runtime: list[str]
) -> tuple[list[Served], str]:
    root, missing = evidence.portfolio.root, ""
    found: list[Served] = []
    for experiment, names in weights.items():
        try:
            result = evidence.result(experiment)
        except AuthorError as error:
            raise AuthorError(f"browser: {error.faults[0].message}", path=declared) from None
        one, receipt = evidence.portfolio.experiment(experiment), result.receipt
        if _lacks(evidence, experiment, names):
            missing = missing or "browser_no_weights"  # `verifolio site` makes them
            continue
        for name in names:
            made, folder = receipt.products, one.results_dir()
            if name in receipt.derived:
                made, folder = receipt.derived, one.derived_dir()
            if name not in made:
                hint = did_you_mean(name, [*receipt.derived, *receipt.products])
                raise AuthorError(f"browser: {experiment} made no ‘{name}’", path=declared, hint=hint)
            path = folder / name
            if not path.is_file():
                missing = missing or "browser_no_weights"
                continue
            digest = _digest(root, path)
            if digest != made[name]:
                raise AuthorError(
                    f"browser: {evidence.portfolio.shown(path)} is not what the receipt of {experiment} names "
                    f"(SHA-256 {digest[:12]}, the receipt says {made[name][:12]})",
                    path=declared,
                    hint=f"make it again: verifolio derive {experiment}; if this machine rounds otherwise, "
                    f"measure here: verifolio run {experiment} --force",
                )
            found.append(_pack(root, name, path, f"assets/weights/{one.project}/{name}", digest))
    for name in runtime:
        source = runtime_file(root, name)
        if source is None:
            if not runtime_version(root, name):
                hint = "add the package: npm install --save-exact --package-lock-only"
                raise AuthorError(
                    f"browser: package-lock.json pins no package with ‘{name}’", path=declared, hint=hint
                )
            missing = missing or "browser_no_runtime"
            continue
        place = f"assets/runtime/{runtime_version(root, name)}/{name.lstrip('@')}"
        found.append(_pack(root, name, source, place, _digest(root, source)))
    return found, missing


def _pack(root: Path, name: str, source: Path, place: str, digest: str) -> Served:
    """The file as the site serves it: gzipped if a sample of it shrinks well, kept by its hash."""
    size = source.stat().st_size
    if source.suffix in CODE or not _shrinks(root, source, digest):
        return Served(name, source, place, size, size, digest, gzip=False)
    packed = root / "build" / "cache" / "packed" / f"{digest}.gz"
    if not packed.is_file():
        write_staged(packed, gzip.compress(source.read_bytes(), 9, mtime=0))
    return Served(name, packed, f"{place}.gz", packed.stat().st_size, size, digest, gzip=True)


def place_served(root: Path, rungs: list[Rung]) -> None:
    """Bring build/browser in step: what every rung is served from, by its place in the site."""
    folder = root / "build" / SERVED
    wanted = {place: one.source for rung in rungs for place, one in rung.served().items()}
    for place, source in wanted.items():
        target = folder / place
        if not _same(source, target):
            _link(source, target)
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif path.relative_to(folder).as_posix() not in wanted:
            path.unlink()


def link_served(root: Path, site: Path) -> None:
    """Put what the rungs are served from into a built site, without copying where the disk allows it."""
    folder = root / "build" / SERVED
    for path in folder.rglob("*"):
        if path.is_file():
            _link(path, site / path.relative_to(folder))


def _same(source: Path, target: Path) -> bool:
    if not target.exists():
        return False
    one, other = source.stat(), target.stat()  # a copy keeps the time
    return one.st_ino == other.st_ino or (one.st_size, one.st_mtime_ns) == (other.st_size, other.st_mtime_ns)


def _link(source: Path, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.tmp")
        temporary.unlink(missing_ok=True)
        try:
            os.link(source, temporary)
        except OSError:  # another file system
            shutil.copy2(source, temporary)
        os.replace(temporary, target)
        temporary.unlink(missing_ok=True)  # a rename onto another name of the same file does nothing
    except OSError as error:
        raise write_error(target, error) from error


def _shrinks(root: Path, source: Path, digest: str) -> bool:
    """Whether gzip is worth it, judged by the middle of the file."""
    known = _known(root)
    if digest not in known:
        with source.open("rb") as stream:
            stream.seek(max(0, source.stat().st_size // 2 - SAMPLE // 2))
            sample = stream.read(SAMPLE)
        known[digest] = [len(gzip.compress(sample, 6)) < WORTH * len(sample)]
        _keep(root)
    return bool(known[digest][0])


def _digest(root: Path, path: Path) -> str:
    """SHA-256 of a file, read again only when its size or time changed."""
    stat, key, known = path.stat(), path.relative_to(root).as_posix(), _known(root)
    stamp = [stat.st_size, stat.st_mtime_ns]
    if known.get(key, [])[:2] != stamp:
        known[key] = [*stamp, sha256_of(path)]
        _keep(root)
    digest: str = known[key][2]
    return digest


_notes: dict[Path, dict[str, list[Any]]] = {}


def _known(root: Path) -> dict[str, list[Any]]:
    """What was found out about files: path → size, time, hash; hash → whether gzip is worth it."""
    if root not in _notes:
        try:
            found = json.loads((root / NOTES).read_text("utf-8"))
        except (OSError, ValueError):
            found = {}
        _notes[root] = found if isinstance(found, dict) else {}
    return _notes[root]


def _keep(root: Path) -> None:
    write_cache(root / NOTES, json.dumps(_notes[root]).encode())
