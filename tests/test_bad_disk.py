"""A full disk, a read-only folder: a clear error without a traceback, and nothing is lost."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from workbench import Done, Workbench

from verifolio.check import check
from verifolio.errors import AuthorError
from verifolio.files import write_atomic, write_if_changed
from verifolio.stage import stage

RESULTS = "projects/toy/results"
REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "no permission to write there",
}


# -- as the engine meets it: the system refuses a write --------------------------------------------


@pytest.mark.parametrize("number", REASONS)
@pytest.mark.parametrize("write", [write_atomic, write_if_changed])
def test_a_refused_write_names_file_and_cure_and_keeps_the_old(number, write, tmp_path, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    path = tmp_path / "x.json"
    path.write_text("old")
    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(AuthorError) as caught:
        write(path, "new")
    assert caught.value.faults[0].path == str(path)
    assert caught.value.faults[0].message == f"cannot write: {os.strerror(number)}"
    assert REASONS[number] in caught.value.faults[0].hint
    assert [one.name for one in tmp_path.iterdir()] == ["x.json"]
    assert path.read_text() == "old"


def test_staging_that_is_refused_midway_can_be_given_again(workbench, monkeypatch):
    calls: list[Path] = []
    real = os.replace

    def refuse_later(source: Path, target: Path) -> None:
        calls.append(target)
        if len(calls) > 12:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", refuse_later)
        with pytest.raises(AuthorError, match="No space left on device"):
            stage(workbench.root)
    landed, later = set(calls[:12]), set(stage(workbench.root).changed)
    staged = {path for path in (workbench.root / "build" / "docs").rglob("*") if path.is_file()}
    assert later
    assert not later & landed
    assert staged <= later | landed
    assert stage(workbench.root).changed == []


def test_checking_needs_no_place_to_write(workbench, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    shutil.rmtree(workbench.root / "build")
    monkeypatch.setattr(os, "replace", refuse)
    assert check(workbench.root) == []


# -- as the author meets it: a real file system in a namespace of its own --------------------------

MOUNT = """
mount -t tmpfs -o size=4m tmpfs "$1" && cp -r "$2/." "$1" || exit 99
cd "$1"
if [ "$3" = full ]; then dd if=/dev/zero of=fill bs=1k 2>/dev/null; else mount -o remount,ro "$1" || exit 99; fi
shift 3
"$@"
code=$?
cp -r projects "$OLDPWD/after"
exit $code
"""


@pytest.fixture
def on_a_disk(workbench: Workbench, tmp_path: Path):
    """`on_a_disk("full", …)` runs verifolio in a copy on a disk that is full or read-only."""
    probe = ["unshare", "--mount", "--map-root-user", "sh", "-c", "mount -t tmpfs tmpfs /mnt"]
    if not shutil.which("unshare") or subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip(
            "this system lets no user mount a disk of its own; the tests above refuse each write instead"
        )
    disk = tmp_path / "disk"
    disk.mkdir()

    def run(kind: str, *arguments: str) -> Done:
        command = [sys.executable, "-B", "-m", "verifolio", *arguments]
        done = subprocess.run(
            [
                "unshare",
                "--mount",
                "--map-root-user",
                "sh",
                "-c",
                MOUNT,
                "sh",
                disk,
                workbench.root,
                kind,
                *command,
            ],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode != 99
        return Done(done.returncode, done.stdout)

    return run


@pytest.mark.parametrize(
    ("kind", "reason"), [("full", "the disk is full"), ("read-only", "the file system is")]
)
@pytest.mark.parametrize("command", ["stage", "execute toy.measure", "run --force toy.measure", "derive"])
def test_a_command_that_cannot_write_says_so(on_a_disk, workbench, tmp_path, kind, reason, command):
    shutil.rmtree(workbench.root / "build")
    done = on_a_disk(kind, *command.split())
    assert done.code == 1, done.said
    assert "✗" in done.said
    assert reason in done.said
    assert "Traceback" not in done.said
    for path in (workbench.root / RESULTS).rglob("*"):
        if path.is_file():
            kept = tmp_path / "after" / path.relative_to(workbench.root / "projects")
            assert kept.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("kind", ["full", "read-only"])
def test_check_and_status_work_on_a_disk_that_takes_nothing(on_a_disk, workbench, kind):
    shutil.rmtree(workbench.root / "build")
    assert on_a_disk(kind, "check").code == 0
    shutil.rmtree(workbench.root.parent / "after")
    assert on_a_disk(kind, "status").said.count("fresh") == 3
