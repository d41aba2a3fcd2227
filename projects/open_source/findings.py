"""Findings in other people's libraries: read from their folders, reproduced, and their patches tried.

A finding is a folder: finding.yml (what and where), reproduce.py (exits with 3 while the fault is there,
with 0 once it is gone), fix.patch (against the installed file) and proposal.md (the text of the issue or
pull request, prepared and not submitted). A patch is applied to a copy; the installation is never touched.
"""

from __future__ import annotations

import datetime
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import msgspec

FOLDER = Path(__file__).parent / "findings"
STANDS = 3  # exit status of reproduce.py while the library still has the fault
PATIENCE_S = 300

Kind = Literal["bug", "documentation", "missing_test"]


class FindingEntry(msgspec.Struct, forbid_unknown_fields=True):
    """finding.yml: the pinned version it was verified against, the file, what a search for it gave."""

    title: dict[str, str]
    kind: Kind
    package: str
    version: str
    file: str
    upstream: str
    license: str
    status: Literal["prepared", "submitted"]
    checked: datetime.date
    related: list[str]
    test: str = ""


@dataclass(frozen=True)
class Finding:
    """A finding's folder and its entry."""

    slug: str
    folder: Path
    entry: FindingEntry

    @property
    def patch(self) -> str:
        return (self.folder / "fix.patch").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Trial:
    """What a run of reproduce.py showed: whether the fault is there, and what it printed."""

    stands: bool
    said: str


def read_findings(folder: Path = FOLDER) -> list[Finding]:
    """All findings, by name; ValueError names the file that cannot be read."""
    found = []
    for path in sorted(folder.glob("*/finding.yml")):
        try:
            entry = msgspec.yaml.decode(path.read_bytes(), type=FindingEntry)
        except msgspec.DecodeError as error:
            raise ValueError(f"{path.parent.name}/finding.yml: {error}") from None
        for name in ("reproduce.py", "fix.patch", "proposal.md"):
            if not (path.parent / name).is_file():
                raise ValueError(f"{path.parent.name}: {name} is missing")
        found.append(Finding(path.parent.name, path.parent, entry))
    return found


def installed_version(finding: Finding) -> str:
    """The version of the finding's package that is installed here."""
    return version(finding.entry.package)


def reproduce(finding: Finding, overlay: Path | None = None) -> Trial:
    """Run reproduce.py in a process of its own, on the installed library or on a patched copy."""
    done = _run([finding.folder / "reproduce.py"], overlay)
    if done.returncode not in (0, STANDS):
        raise RuntimeError(f"{finding.slug}/reproduce.py broke instead of telling:\n{done.stderr.strip()}")
    return Trial(done.returncode == STANDS, done.stdout.strip())


def added_test_passes(finding: Finding, overlay: Path, *, patched: bool) -> bool:
    """Whether the test that the patch adds passes, on the patched copy or on the library as installed."""
    return _run([overlay / finding.entry.test], overlay if patched else None).returncode == 0


@contextmanager
def patched_copy(finding: Finding) -> Iterator[Path]:
    """A folder to put before the installed packages: the library with the patch applied, as links but for what it changes.

    RuntimeError when the patch does not apply cleanly.
    """
    with tempfile.TemporaryDirectory(prefix="finding-") as name:
        overlay = Path(name)
        _mirror(Path(finding.entry.file), overlay)
        done = subprocess.run(
            ["git", "apply", "--verbose", str(finding.folder / "fix.patch")],
            cwd=overlay, capture_output=True, text=True, check=False,
            env={**os.environ, "GIT_CEILING_DIRECTORIES": str(overlay.parent)},
        )  # fmt: skip
        if done.returncode or "Skipped" in done.stderr:
            raise RuntimeError(f"{finding.slug}/fix.patch does not apply:\n{done.stderr.strip()}")
        yield overlay


def _mirror(file: Path, overlay: Path) -> None:
    """Real folders down to `file` and a copy of it, links to everything beside the way."""
    package = file.parts[0]
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise RuntimeError(f"{package} is not installed here")
    source, target = Path(spec.origin).parent, overlay / package
    for libraries in source.parent.glob("*.libs"):  # shared libraries of wheels, found by relative path
        (overlay / libraries.name).symlink_to(libraries)
    for part in file.parts[1:]:
        target.mkdir()
        for one in source.iterdir():
            if one.name not in (part, "__pycache__"):
                (target / one.name).symlink_to(one)
        source, target = source / part, target / part
    shutil.copy(source, target)


def _run(arguments: list[str | Path], overlay: Path | None) -> subprocess.CompletedProcess[str]:
    paths = [str(overlay)] if overlay else []
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True, text=True, check=False, timeout=PATIENCE_S, encoding="utf-8",
        env={**kept, "PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"},
    )  # fmt: skip
