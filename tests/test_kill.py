"""A run that is killed loses nothing finished; the next one goes on and ends in the same place."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from verifolio.check import check
from verifolio.freshness import check_freshness
from verifolio.portfolio import read_portfolio
from verifolio.results import read_result

RESULTS = "projects/toy/results"
SLOW = "import time\n    time.sleep(0.4)\n    "


@pytest.fixture
def unrun(workbench):
    """A portfolio in which every experiment is stale and takes 0.4 s longer."""
    for name, start in (
        ("measure", "rows = read_reviews"),
        ("compare", "share = sum"),
        ("export", "derive_model(run)\n"),
    ):
        workbench.edit(f"projects/toy/{name}.py", f"    {start}", f"    {SLOW}{start}")
    return workbench


def start(workbench, *command: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "verifolio", *command],
        cwd=workbench.root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def states(workbench) -> dict[str, str]:
    return {name: one.state for name, one in check_freshness(read_portfolio(workbench.root)).items()}


def numbers(workbench) -> dict[str, object]:
    files = sorted((workbench.root / RESULTS).glob("*.json"))
    return {path.stem: json.loads(path.read_text(encoding="utf-8"))["metrics"] for path in files}


def wait_for(condition, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_runs_killed_at_random_moments_end_as_if_never_killed(unrun):
    expected = numbers(unrun)
    moments = random.Random(1)
    for _ in range(5):
        before = states(unrun)
        process = start(unrun, "run")
        time.sleep(moments.uniform(0.5, 2.5))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        after = states(unrun)
        assert "broken" not in after.values()
        for path in (unrun.root / RESULTS).glob("*.json"):
            read_result(path)
        assert {name for name, state in before.items() if state == "fresh"} <= {
            name for name, state in after.items() if state == "fresh"
        }
    assert unrun.verifolio("run").code == 0
    assert numbers(unrun) == expected
    assert check(unrun.root) == []


def test_what_a_killed_run_had_finished_is_fresh_and_is_not_run_again(unrun):
    measured = unrun.root / RESULTS / "measure.json"
    old = measured.read_bytes()
    process = start(unrun, "run")
    wait_for(lambda: (unrun.root / "pytask.lock.journal").exists())
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    kept = measured.read_bytes()
    assert kept != old
    assert states(unrun)["toy.measure"] == "fresh"
    done = unrun.verifolio("run")
    assert "toy.measure  0:00  started" not in done.said
    assert measured.read_bytes() == kept
    assert set(states(unrun).values()) == {"fresh"}


def test_a_kill_before_pytask_takes_note_of_a_result_does_not_lose_it(unrun):
    measured = unrun.root / RESULTS / "measure.json"
    old = measured.read_bytes()
    assert (
        unrun.verifolio("execute", "toy.measure").code == 0
    )  # what `run` starts, and nobody who notes its end
    made = measured.read_bytes()
    assert made != old
    assert states(unrun)["toy.measure"] == "fresh"
    assert "toy.measure  0:00  started" not in unrun.verifolio("run").said
    assert measured.read_bytes() == made
    assert set(states(unrun).values()) == {"fresh"}


def test_a_killed_parent_takes_the_running_experiment_along_and_what_that_started(unrun):
    sleeping = "import subprocess\n    subprocess.run(['sleep', '60'])"
    unrun.edit("projects/toy/measure.py", "time.sleep(0.4)", sleeping)
    process = start(unrun, "run", "toy.measure")
    wait_for(lambda: len(of_session(process.pid)) == 3, 60)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    wait_for(lambda: not of_session(process.pid))


def of_session(session: int) -> list[int]:
    """Living processes of a session."""
    found = []
    for name in os.listdir("/proc"):
        try:
            if name.isdigit() and os.getsid(int(name)) == session:
                with open(f"/proc/{name}/stat") as stream:
                    found += [] if stream.read().rpartition(")")[2].split()[0] == "Z" else [int(name)]
        except OSError:
            continue
    return found


def test_an_interrupted_run_says_how_to_go_on(unrun):
    unrun.edit("projects/toy/measure.py", SLOW, SLOW.replace("0.4", "30"))
    process = subprocess.Popen(
        [sys.executable, "-m", "verifolio", "run"], cwd=unrun.root, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background job ignores it
    )  # fmt: skip
    assert process.stdout is not None
    said = ""
    while "started" not in said:
        said += process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)
    rest, _ = process.communicate(timeout=60)
    assert process.returncode in (1, 130)
    assert "give the same command again" in rest.lower().replace("give it", "give the same command")
    assert "Traceback" not in rest
    assert states(unrun)["toy.measure"] == "stale"


DYING = """
import os, signal, sys
from pathlib import Path
from verifolio import files
setattr(os, sys.argv[1], lambda *_: os.kill(os.getpid(), signal.SIGKILL))
files.write_atomic(Path("important.json"), "new " * 1000)
"""


@pytest.mark.parametrize("moment", ["fsync", "chmod", "replace"])
def test_a_kill_while_writing_leaves_the_old_file_whole(workbench, moment):
    workbench.write("important.json", "old")
    assert workbench.python("-c", DYING, moment).code == -signal.SIGKILL
    assert workbench.read("important.json") == "old"


def test_a_half_written_result_is_named_and_the_next_run_mends_it(workbench):
    text = workbench.read(f"{RESULTS}/compare.json")
    workbench.write(f"{RESULTS}/compare.json", text[:500])
    done = workbench.verifolio("check")
    assert done.code == 1
    line = text[:500].count("\n") + 1
    assert f"{RESULTS}/compare.json:{line}: broken JSON" in done.said
    assert "Traceback" not in done.said
    assert workbench.verifolio("run").code == 0
    assert check(workbench.root) == []


def test_left_over_temporary_files_are_no_matter(workbench):
    workbench.write(f"{RESULTS}/.compare.json.abc.tmp", "half")
    workbench.write("build/docs/en/.index.md.tmp", "half")
    workbench.write("build/work/laptop/toy/compare/products/x", "half")
    assert check(workbench.root) == []
    assert workbench.verifolio("stage").code == 0
    assert not (workbench.root / "build/docs/en/.index.md.tmp").exists()
