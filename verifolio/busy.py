"""One process at a time in a work folder or in a lock file; a second one is told, not kept waiting."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from verifolio.errors import AuthorError
from verifolio.files import write_error
from verifolio.portfolio import Experiment


@contextlib.contextmanager
def alone_with(experiment: Experiment, profile: str) -> Iterator[None]:
    """Hold an experiment's work folder."""
    folder = experiment.work_dir(profile)
    with _held(folder.with_name(f"{folder.name}.lock"), experiment.root, experiment.name, profile):
        yield


@contextlib.contextmanager
def alone_in(root: Path, profile: str, what: str) -> Iterator[None]:
    """Hold a profile's pipeline: two at once would lose entries of each other's pytask.lock."""
    with _held(root / "build" / "work" / f"{profile}.lock", root, what, profile):
        yield


@contextlib.contextmanager
def _held(path: Path, root: Path, what: str, profile: str) -> Iterator[None]:
    """Hold a lock file; the system lets go of it when this process ends, however that is."""
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
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            stream.seek(0)
            holder, _, since = stream.read().partition("\n")
            raise AuthorError(
                f"{holder or what} is being run by another process (profile {profile}{since})",
                path=path.relative_to(root),
                hint="wait until that run is done, then give the same command again",
            ) from None
        stream.truncate(0)
        stream.write(f"{what}\n, since {time.strftime('%H:%M:%S')}, process {os.getpid()}")
        stream.flush()
        yield
