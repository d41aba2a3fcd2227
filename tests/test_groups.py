"""Which tests stay together: those of a group run on one worker, so that what they share is made once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from groups import GROUPS, LONGEST, group_of

HERE = Path(__file__).parent
NOTE = """
import os, pathlib, pytest
@pytest.mark.parametrize("number", range(6))
def test_it(number):
    with pathlib.Path(os.environ["NOTES"], "{name}").open("a") as notes:
        print(os.environ["PYTEST_XDIST_WORKER"], file=notes)
"""


@pytest.mark.parametrize(
    ("nodeid", "group"),
    [
        ("tests/e2e/test_every_page.py::test_no_cookie_is_set[1]", "every page, 1"),
        ("tests/e2e/test_every_page.py::test_axe_would_find_a_fault", "test_every_page.py"),
        ("tests/test_smoke.py::test_every_experiment_runs[rag]", "smoke, others"),
        ("tests/test_smoke.py::test_every_experiment_runs[sentiment]", "smoke, classifier"),
        ("tests/e2e/test_ladder_llm.py::test_parts", "ladder"),
        ("tests/e2e/test_ladder_rag.py::test_a[x/test_b.py::c]", "test_ladder_rag.py"),
        ("tests/test_units.py::test_a[b::c]", "test_units.py"),
    ],
)
def test_a_test_belongs_to_its_group_or_its_file(nodeid: str, group: str) -> None:
    assert group_of(nodeid) == group


def test_the_order_names_groups_that_there_are() -> None:
    files = {path.name for path in HERE.rglob("test_*.py")}
    own = {"every page, 0", "every page, 1", *(one for one in GROUPS.values() if "\\" not in one)}
    assert set(LONGEST) <= files | own


def test_each_group_runs_on_one_worker(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    files = []
    for name in ("test_a", "test_b", "test_c"):
        files.append(tmp_path / f"{name}.py")
        files[-1].write_text(NOTE.replace("{name}", name), encoding="utf-8")
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadgroup", "--no-loadscope-reorder"]
    done = subprocess.run(
        [*command, "-p", "conftest", "-p", "no:cacheprovider", *map(str, files)],
        cwd=tmp_path,
        env={**own, "NOTES": str(notes), "PYTHONPATH": str(HERE)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    workers = {path.name: path.read_text(encoding="utf-8").split() for path in notes.iterdir()}
    assert {name: len(seen) for name, seen in workers.items()} == {"test_a": 6, "test_b": 6, "test_c": 6}
    assert all(len(set(seen)) == 1 for seen in workers.values())
    assert len({seen[0] for seen in workers.values()}) == 2
