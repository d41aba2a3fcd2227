"""Build the whole site: stage, then both languages at once, then swap the result into place.

A kill at any moment leaves the old site or the new one, never a mixture: each build goes to fresh
folders, one rename puts it in place, and the marker that lets the next call skip everything is
written last. Nothing here imports MkDocs, so an unchanged site costs only reading it.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from verifolio.errors import AuthorError, Fault
from verifolio.files import exchange, write_atomic, write_error

# The modules of ours that decide what a page becomes.
_MAKERS = ("render", "speedups", "kept", "excerpts", "searchtext", "build")
# Language: its configuration and its place in the site.
LANGUAGES = {"zh": ("mkdocs.yml", ""), "en": ("mkdocs.en.yml", "en")}


@dataclass(frozen=True)
class BuildReport:
    """What a build did."""

    changed: bool
    seconds: float
    staging_seconds: float = 0.0
    language_seconds: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def build_site(
    root: Path,
    *,
    strict: bool = True,
    langs: Sequence[str] = ("zh", "en"),
    staged: bool = False,
    drafts: bool = False,
) -> BuildReport:
    """Stage (unless that is done) and build `root/build/site`, doing only what is needed.

    With `drafts`, a preview in `root/build/preview`, which is never published.
    """
    started = time.perf_counter()
    build = root / "build"
    site = build / ("preview" if drafts else "site")
    with only_builder(build):
        _recover(site)
        staging_seconds = 0.0 if staged else _stage(root, langs, strict=strict, drafts=drafts)
        wanted = fingerprint(root, langs, strict=strict)
        if _finished(site) == (wanted, listing(site)):
            return BuildReport(
                changed=False, seconds=time.perf_counter() - started, staging_seconds=staging_seconds
            )
        new = build / f"{site.name}.new-{os.getpid()}"
        try:
            outcomes = _render_all(root, new, langs, strict=strict)
            _swap(new, site)
        except OSError as error:
            raise write_error(Path(error.filename or new), error) from error
        finally:
            _remove(build.glob(f"{site.name}.new-*"))
        marker = {"fingerprint": wanted, "listing": listing(site)}
        write_atomic(_marker(site), json.dumps(marker))
    return BuildReport(
        changed=True,
        seconds=time.perf_counter() - started,
        staging_seconds=staging_seconds,
        language_seconds={lang: outcome["seconds"] for lang, outcome in outcomes.items()},
        warnings=[f"{lang}: {text}" for lang, outcome in outcomes.items() for text in outcome["messages"]],
    )


def _stage(root: Path, langs: Sequence[str], *, strict: bool, drafts: bool) -> float:
    from verifolio.stage import stage

    return stage(root, langs=tuple(langs), strict=strict, drafts=drafts).seconds


# --- what a site depends on -------------------------------------------------------------------


def fingerprint(root: Path, langs: Sequence[str], *, strict: bool) -> str:
    """A digest of everything that the finished site depends on."""
    digest = hashlib.blake2b(digest_size=20)
    folders = [root / "build" / "docs" / lang for lang in langs]
    folders += [root / "site_src" / "overrides", root / "site_src" / "hooks"]
    files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    files += [root / config for config, _ in LANGUAGES.values()]
    files += [Path(__file__).with_name(f"{name}.py") for name in _MAKERS]
    for path in files:
        digest.update(f"\n{path}:".encode())
        if path.is_file():
            with path.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "blake2b").digest())
    settings = [*langs, str(strict), *_environment(root), *installed()]
    digest.update("\n".join(settings).encode())
    return digest.hexdigest()


def _environment(root: Path) -> list[str]:
    """The environment variables that the configurations read, with their values."""
    texts = [p.read_text("utf-8") for c, _ in LANGUAGES.values() if (p := root / c).is_file()]
    names = set(re.findall(r"[A-Z][A-Z0-9_]+", " ".join(re.findall(r"!ENV[^\n]*", "\n".join(texts)))))
    return [f"{name}={os.environ.get(name)}" for name in sorted(names | {"SOURCE_DATE_EPOCH"})]


def installed() -> list[str]:
    """Names and versions of all packages beside MkDocs, without importing any."""
    spec = importlib.util.find_spec("mkdocs")
    if spec is None or spec.origin is None:
        raise AuthorError("MkDocs is not installed", hint="run ‘make site’, which makes the environment")
    names = os.listdir(Path(spec.origin).parent.parent)
    return [sys.version, *sorted(name for name in names if name.endswith(".dist-info"))]


def listing(folder: Path) -> str:
    """A digest of names, sizes and times below a folder: whether anyone changed what we wrote."""
    digest = hashlib.blake2b(digest_size=20)
    for path, entry in sorted(_files(folder)):
        status = entry.stat()
        digest.update(f"{path}:{status.st_size}:{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _files(folder: Path | str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _files(entry.path)
        else:
            yield entry.path, entry


def _marker(site: Path) -> Path:
    return site.with_name(f"{site.name}.json")


def _finished(site: Path) -> tuple[Any, Any] | None:
    """The marker of the last finished build."""
    try:
        marker = json.loads(_marker(site).read_text("utf-8"))
        return marker["fingerprint"], marker["listing"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


# --- the two processes ------------------------------------------------------------------------


def _render_all(root: Path, new: Path, langs: Sequence[str], *, strict: bool) -> dict[str, Any]:
    """Build each language in a process of its own and put them together in `new`."""
    places = {lang: new if not LANGUAGES[lang][1] else Path(f"{new}-{lang}") for lang in langs}
    processes = {lang: _start(root, lang, place, strict=strict) for lang, place in places.items()}
    try:
        outcomes = {lang: _outcome(process) for lang, process in processes.items()}
    finally:
        for process in processes.values():
            with process:  # waits for its end and closes our ends of its pipes
                process.kill()
    _raise_failures(outcomes)
    for lang, place in places.items():
        if place != new:
            new.mkdir(exist_ok=True)
            place.rename(new / LANGUAGES[lang][1])
    return outcomes


def _start(root: Path, lang: str, place: Path, *, strict: bool) -> subprocess.Popen[str]:
    cache = root / "build" / "cache" / lang / "pages.sqlite"
    command = [sys.executable, "-W", "ignore", "-m", "verifolio.render"]
    command += [str(root / LANGUAGES[lang][0]), str(place), str(cache)]
    return subprocess.Popen(
        command + ["--strict"] * strict,
        cwd=root,
        stdin=subprocess.PIPE,  # its end tells the child that we are gone
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=child_environment(root / "build"),
    )


def child_environment(build: Path) -> dict[str, str]:
    """The environment of a process that runs MkDocs for us."""
    here = str(Path(__file__).resolve().parent.parent)  # so that it finds this very engine
    paths = filter(None, [here, os.environ.get("PYTHONPATH", "")])
    more = {"VERIFOLIO_STAGED": "1", "PYTHONPATH": os.pathsep.join(paths), "NO_MKDOCS_2_WARNING": "1"}
    if sys.dont_write_bytecode:  # compiling what MkDocs imports takes 1 s; keep it with our caches
        more |= {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(build / "cache" / "bytecode")}
    return {**os.environ, **more}


def _outcome(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    text = process.stdout.read()
    try:
        outcome: dict[str, Any] = json.loads(text.splitlines()[-1])
    except (IndexError, ValueError):
        code = process.wait()
        return {"failed": f"the builder ended with code {code}", "errno": 0, "messages": []}
    return outcome


def _raise_failures(outcomes: dict[str, Any]) -> None:
    """One error for all that the languages found."""
    failed = {lang: outcome for lang, outcome in outcomes.items() if outcome["failed"]}
    for outcome in failed.values():
        if outcome["errno"]:
            raise OSError(outcome["errno"], os.strerror(outcome["errno"]), outcome["path"])
        if "Traceback" in outcome["failed"]:
            raise RuntimeError(f"the builder failed:\n{outcome['failed']}")
    if failed:
        raise AuthorError(
            faults=[
                Fault(LANGUAGES[lang][0], 0, text)
                for lang, outcome in failed.items()
                for text in (outcome["messages"] or [outcome["failed"]])
            ]
        )


# --- putting it in place ----------------------------------------------------------------------


def _swap(new: Path, site: Path) -> None:
    """Put `new` in the place of `site` and remove what was there."""
    old = site.with_name(f"{site.name}.old")
    if not site.exists():
        new.rename(site)
    elif exchange(new, site):
        new.rename(old)
    else:  # the moment between these two is mended by `_recover`
        site.rename(old)
        new.rename(site)
    _remove([old])


def _recover(site: Path) -> None:
    """Bring back the old site if a kill came between two renames; sweep what is left over."""
    old = site.with_name(f"{site.name}.old")
    if old.exists() and not site.exists():
        old.rename(site)
    _remove([old, *site.parent.glob(f"{site.name}.new-*")])


def _remove(folders: Any) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def only_builder(build: Path) -> Iterator[None]:
    """Let one build at a time write below `build`; a second one waits for it."""
    try:
        build.mkdir(parents=True, exist_ok=True)
        stream = (build / ".lock").open("a+")
    except OSError as error:
        raise write_error(build, error) from error
    with stream:
        _lock(stream)
        yield


def _lock(stream: IO[str]) -> None:
    try:
        import fcntl
    except ImportError:  # Windows: two builds at once are the user's own risk there
        return
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        print("another build is running; waiting for it…", file=sys.stderr, flush=True)
        fcntl.flock(stream, fcntl.LOCK_EX)
