"""One process at a time in an experiment's work folder, and one `verifolio run` in a tree.

A second one is told, not kept waiting. The system lets go when the first ends, however that is.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from verifolio.errors import AuthorError
from verifolio.files import write_error
from verifolio.portfolio import Experiment


@contextlib.contextmanager
def alone_with(experiment: Experiment, profile: str, *, wait: bool = False) -> Iterator[None]:
    """Hold an experiment's work folder; who has seconds to do there may `wait` for another process."""
    folder = experiment.work_dir(profile)

    def refuse(_: str) -> AuthorError:
        return AuthorError(
            f"{experiment.name} is being run by another process (profile {profile})",
            path=f"build/work/{profile}/{experiment.project}/{folder.name}",
            hint="wait until that run is done, then give the same command again",
        )

    with _hold(folder.with_name(f"{folder.name}.lock"), refuse, wait=wait):
        yield


@contextlib.contextmanager
def only_run(root: Path, profile: str) -> Iterator[None]:
    """Hold the pipeline of a profile: two runs would overwrite each other's entries in pytask.lock."""

    def refuse(holder: str) -> AuthorError:
        return AuthorError(
            f"another ‘verifolio run’ is at work in this folder (profile {profile}; {holder or 'just begun'})",
            path=f"build/work/{profile}/run.lock",
            hint="wait until it is done, then give the same command again; more at one time: --workers",
        )

    with _hold(root / "build" / "work" / profile / "run.lock", refuse):
        yield


@contextlib.contextmanager
def _hold(path: Path, refuse: Callable[[str], AuthorError], *, wait: bool = False) -> Iterator[None]:
    """Hold a lock file, which says who holds it; `refuse` makes the error from those words."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise write_error(path, error) from error
    with stream:
        try:
            import fcntl
        except ImportError:  # Windows: two runs at once are the user's own risk there
            yield
            return
        try:
            fcntl.flock(stream, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            stream.seek(0)
            raise refuse(stream.read().strip()) from None
        stream.truncate(0)
        stream.write(f"process {os.getpid()}, since {time.strftime('%Y-%m-%d %H:%M:%S')}")
        stream.flush()
        yield
