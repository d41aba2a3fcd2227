"""Experiments on several workers: a Dask cluster on this machine, or one that stands already and sees the same folder.

pytask-parallel sends each task to a worker; a worker that dies gives its task back, and another one takes it up.
"""

from __future__ import annotations

import functools
import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from verifolio.errors import AuthorError

CARRIED = ("VERIFOLIO_PROFILE", "VERIFOLIO_FORCED")


@contextmanager
def open_workers(root: Path, *, workers: int, cluster: str = "") -> Iterator[dict[str, Any]]:
    """pytask's options for `workers` processes here, or for all workers of the scheduler at `cluster`; none for one."""
    if workers <= 1 and not cluster:
        yield {}
        return
    try:
        importlib.import_module("pytask_parallel")  # its absence would show only as an unknown option
        distributed = importlib.import_module("distributed")  # by name: mypy needs minutes for its types
    except ImportError as error:
        raise AuthorError(
            f"several workers need {error.name}",
            hint="install both into .venv: python -m uv pip install pytask-parallel distributed",
        ) from error
    if cluster:
        try:
            client = distributed.Client(cluster, timeout=5)
        except (OSError, ValueError) as error:
            raise AuthorError(
                f"no Dask scheduler answers at {cluster}",
                hint="start one: dask scheduler; dask worker ADDRESS",
            ) from error
        workers = len(client.scheduler_info(n_workers=-1)["workers"])
        if not workers:
            client.close()
            raise AuthorError(f"the scheduler at {cluster} has no workers", hint=f"dask worker {cluster}")
    else:
        local = distributed.LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None)
        client = distributed.Client(local)
    environment = {name: os.environ[name] for name in CARRIED if name in os.environ}
    try:
        client.register_worker_callbacks(functools.partial(make_ready, str(root), environment))
        yield {"n_workers": workers, "parallel_backend": "dask"}
    finally:
        local = client.cluster
        client.close()
        if local is not None:
            local.close()


def make_ready(root: str, environment: dict[str, str]) -> None:
    """Run by each worker, also one started later: it works in the portfolio with this run's profile."""
    os.environ.update(environment)
    os.chdir(root)
    if root not in sys.path:
        sys.path.insert(0, root)
