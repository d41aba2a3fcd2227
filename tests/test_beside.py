"""Staging in two processes: the same files and faults as in one, and nothing half-done when one of them ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from verifolio import beside, stage
from verifolio.errors import AuthorError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="one process elsewhere")

_STAGE = """
import sys
from pathlib import Path
from verifolio import beside, stage
beside.is_safe = stage.is_safe = lambda: sys.argv[2] == "two"
stage.stage(Path(sys.argv[1]), strict=False)
"""


def _tree(root: Path) -> dict[str, bytes]:
    folder = root / "build" / "docs"
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _stage_in(root: Path, processes: str) -> dict[str, bytes]:
    subprocess.run([sys.executable, "-c", _STAGE, str(root), processes], check=True)
    return _tree(root)


def test_two_processes_write_what_one_writes(workbench):
    one = _stage_in(workbench.root, "one")
    for name in list(one):
        (workbench.root / "build" / "docs" / name).unlink()
    assert one
    assert _stage_in(workbench.root, "two") == one


def test_an_error_there_is_raised_here_with_all_its_faults():
    def talk(receive, send):
        send(receive() + 1)
        raise AuthorError("broken", path="a.md", line=3, hint="mend it")

    other = beside.Beside(talk)
    try:
        other.send(1)
        assert other.receive() == 2
        with pytest.raises(AuthorError) as caught:
            other.receive()
    finally:
        other.end()
    assert [str(fault) for fault in caught.value.faults] == ["a.md:3: broken\n    → mend it"]


def test_a_fault_of_ours_keeps_its_traceback():
    def talk(receive, send):
        raise KeyError("lost")

    other = beside.Beside(talk)
    with pytest.raises(RuntimeError, match="KeyError: 'lost'"):
        other.receive()
    other.end()


def test_a_killed_second_process_is_told_and_waited_for():
    other = beside.Beside(lambda receive, send: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(RuntimeError, match="ended from outside"):
        other.receive()
    other.end()


def test_who_is_not_answered_gives_up_before_writing(tmp_path):
    def talk(receive, send):
        receive()
        (tmp_path / "written").touch()

    beside.Beside(talk).end()
    assert not (tmp_path / "written").exists()


def test_strict_faults_of_both_languages_come_together_and_nothing_is_written(workbench, monkeypatch):
    monkeypatch.setattr(stage, "is_safe", lambda: True)
    posts = sorted((workbench.root / "blog").glob("*/*.md"))
    for path in (posts[0].with_name("zh.md"), posts[0].with_name("en.md")):
        path.write_text(path.read_text("utf-8") + "\n{{ no.such.key }}\n", "utf-8")
    with pytest.raises(AuthorError) as caught:
        stage.stage(workbench.root)
    told = {fault.path for fault in caught.value.faults}
    assert {path.relative_to(workbench.root).as_posix() for path in posts[0].parent.glob("*.md")} <= told
    assert _tree(workbench.root) == {}
