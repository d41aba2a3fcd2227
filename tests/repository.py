"""Copies of this repository's work tree, and its command line in them."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
# What the engine keeps by content: the same for every copy of this repository.
KEPT = ("cards", "charts", "code", "packed")


def copy_repository(target: Path) -> None:
    """A copy of the work tree as it stands, with its history, without what was built."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    clone = ["git", "clone", "--quiet", "--shared", "--no-checkout", str(REPOSITORY), str(target)]
    subprocess.run(clone, check=True, capture_output=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (REPOSITORY / name).is_file() and not name.startswith("tests/"):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, target / name)


def make_rungs() -> None:
    """What demos need in the browser and git does not hold, made once in this work tree: derived weights, npm's runtimes."""
    from verifolio.demos import read_demos
    from verifolio.freshness import lacks_derived
    from verifolio.portfolio import read_portfolio
    from verifolio.results import read_result
    from verifolio.runtimes import install_runtimes

    portfolio = read_portfolio(REPOSITORY)
    rungs = [demo.browser for demo in read_demos(REPOSITORY).values() if demo.browser]
    names = {name for rung in rungs for group in (rung, *rung.groups()) for name in group.weights}
    lacking = [
        one.name
        for one in map(portfolio.experiment, sorted(names))
        if lacks_derived(one, read_result(one.result_path()))
    ]
    if lacking:
        done = verifolio(REPOSITORY, "derive", *lacking)
        assert done.returncode == 0, done.stderr
    installed = install_runtimes(REPOSITORY)
    assert installed or os.environ.get("CI", "").lower() != "true", (
        "CI needs npm: the browser rungs are tested"
    )


@functools.cache
def fill_cache() -> None:
    """Draw, read and pack once what this work tree's pages show; one worker at a time."""
    from verifolio.build import only_builder
    from verifolio.stage import stage

    with only_builder(REPOSITORY / "build" / "work"):
        stage(REPOSITORY, strict=False)


def share_cache(root: Path) -> None:
    """Let a copy, also of parts of this repository, find what was drawn, read and packed for this work tree."""
    fill_cache()
    (root / "build" / "cache").mkdir(parents=True, exist_ok=True)
    for name in KEPT:
        if (REPOSITORY / "build" / "cache" / name).is_dir():
            (root / "build" / "cache" / name).symlink_to(REPOSITORY / "build" / "cache" / name)


def bring_rungs(root: Path) -> None:
    """What demos need in the browser, in a copy of the work tree."""
    from verifolio.build import only_builder

    with only_builder(REPOSITORY / "build" / "work"):
        make_rungs()
    share_cache(root)
    for name in ("node_modules", "build/derived"):
        if (REPOSITORY / name).is_dir():
            (root / name).symlink_to(REPOSITORY / name)


def verifolio(root: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own, with a copy as the working folder."""
    return subprocess.run(
        [sys.executable, "-m", "verifolio", "--root", str(root), *arguments],
        cwd=root,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
