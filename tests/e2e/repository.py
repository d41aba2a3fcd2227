"""Copies of this repository's work tree, and its command line in them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


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
