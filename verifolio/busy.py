"""One process at a time in an experiment's work folder; a second one is told, not kept waiting."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from verifolio.errors import AuthorError
from verifolio.files import write_error
from verifolio.portfolio import Experiment


@contextlib.contextmanager
def alone_with(experiment: Experiment, profile: str) -> Iterator[None]:
    """Hold an experiment's work folder; the system lets go of it when this process ends, however that is."""
    folder = experiment.work_dir(profile)
    path = folder.with_name(f"{folder.name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = path.open("a")
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
            raise AuthorError(
                f"{experiment.name} is being run by another process (profile {profile})",
                path=f"build/work/{profile}/{experiment.project}/{folder.name}",
                hint="wait until that run is done, then give the same command again",
            ) from None
        yield
