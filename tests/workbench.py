"""A throw-away portfolio to work in, and where Chromium is: what tests and their fixtures share."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path


@dataclass(frozen=True)
class Done:
    """How a command ended: its exit code and all that it said."""

    code: int
    said: str


@dataclass(frozen=True)
class Workbench:
    """A throw-away copy of tests/portfolio and the ways in which an author would touch it."""

    root: Path

    def verifolio(self, *arguments: str, **environment: str) -> Done:
        """Run the command line in a process of its own, with the copy as the working folder."""
        return self.python("-m", "verifolio", *arguments, **environment)

    def here(self, *arguments: str, **environment: str) -> Done:
        """Run the command line within this process: for what only reads, or writes nothing but what it is asked for."""
        from click.testing import CliRunner

        from verifolio.cli import main

        done = CliRunner(env=environment).invoke(
            main, ["--root", str(self.root), *arguments], catch_exceptions=False
        )
        return Done(done.exit_code, done.output)

    def python(self, *arguments: str, **environment: str) -> Done:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.root,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            check=False,
        )
        return Done(done.returncode, done.stdout)

    def read(self, name: str) -> str:
        return (self.root / name).read_text(encoding="utf-8")

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def edit(self, name: str, old: str, new: str) -> Callable[[], None]:
        """Replace `old`, which must stand there exactly once; returns the way back."""
        text = self.read(name)
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {name}"
        self.write(name, text.replace(old, new))
        return partial(self.write, name, text)

    def git(self, *arguments: str) -> str:
        identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
        done = subprocess.run(
            ["git", *identity, *arguments], cwd=self.root, capture_output=True, text=True, check=True
        )
        return done.stdout

    def commit(self, message: str = "all") -> None:
        """Commit everything, making the repository first if there is none."""
        if not (self.root / ".git").exists():
            self.git("init", "--quiet", "--initial-branch=main")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)


def find_chromium() -> str | None:
    """VERIFOLIO_CHROMIUM, or the first usual name on PATH."""
    names = [
        os.environ.get("VERIFOLIO_CHROMIUM", ""),
        "chromium",
        "chromium-browser",
        "google-chrome",
        "google-chrome-stable",
    ]
    return next((found for name in names if name and (found := shutil.which(name))), None)
