"""The command line: help worth reading, clear faults, exit codes that a script can trust."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from verifolio.cli import main

COMMANDS = ["run", "status", "derive", "site", "stage", "check", "serve"]


@pytest.fixture
def verifolio(workbench):
    """Run a command on the fixture portfolio, in this process."""

    def run(*arguments: str, root=workbench.root):
        return CliRunner().invoke(main, ["--root", str(root), *arguments], catch_exceptions=False)

    return run


def test_help_lists_every_command_with_a_sentence():
    shown = CliRunner().invoke(main, ["--help"]).output
    for name in COMMANDS:
        assert name in main.commands
        assert any(line.strip().startswith(name + " ") for line in shown.splitlines())
    assert "execute" not in shown


@pytest.mark.parametrize("name", [name for name, command in main.commands.items() if not command.hidden])
def test_every_command_explains_itself(name):
    done = CliRunner().invoke(main, [name, "-h"])
    assert done.exit_code == 0
    assert len(done.output.splitlines()) > 4
    assert main.commands[name].help


def test_check_of_a_good_portfolio_says_so(verifolio):
    done = verifolio("check")
    assert done.exit_code == 0
    assert "every result fresh, every binding and claim good" in done.output


def test_check_counts_its_faults_and_exits_with_one(verifolio, workbench):
    workbench.edit("projects/toy/measure.py", "> margin", ">= margin")
    done = verifolio("check")
    assert done.exit_code == 1
    assert "✗ projects/toy/measure.py: toy.measure is stale: code changed" in done.output
    assert "→ make it again: verifolio run toy.measure" in done.output
    count = int(done.output.strip().splitlines()[-1].split()[0])
    assert done.output.count("✗") == count > 1


def test_status_shows_each_experiment_with_its_state_and_reason(verifolio, workbench):
    workbench.edit("projects/toy/experiments.yml", "margin: 0", "margin: 1")
    done = verifolio("status")
    assert done.exit_code == 0
    assert "toy.measure  stale" in done.output
    assert "parameter margin changed: 0 → 1" in done.output


def test_stage_says_what_changed(verifolio):
    assert "36 files changed" in verifolio("stage").output
    assert ", 0 files changed" in verifolio("stage").output


def test_site_without_running_refuses_what_is_stale(verifolio, workbench):
    workbench.edit("projects/toy/measure.py", "> margin", ">= margin")
    done = verifolio("site", "--no-run")
    assert done.exit_code == 1
    assert "which is stale" in done.output
    assert not (workbench.root / "build/site").exists()


def test_outside_a_portfolio_it_says_where_to_go(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["check"], catch_exceptions=False)
    assert done.exit_code == 1
    assert "no portfolio here: neither mkdocs.yml nor projects/" in done.output
    assert "--root" in done.output


@pytest.mark.parametrize("folder", ["projects/toy", "site_src", "site_src/projects"])
def test_the_portfolio_is_found_from_a_folder_below(workbench, monkeypatch, folder):
    monkeypatch.chdir(workbench.root / folder)
    assert CliRunner().invoke(main, ["check"], catch_exceptions=False).exit_code == 0


@pytest.mark.parametrize("arguments", [["run", "toy.mesure"], ["derive", "toy.mesure"]])
def test_an_unknown_experiment_is_answered_with_the_nearest(workbench, arguments):
    done = workbench.verifolio(*arguments)
    assert done.code == 1
    assert "no experiment ‘toy.mesure’" in done.said
    assert "toy.measure" in done.said
    assert "Traceback" not in done.said


@pytest.mark.parametrize(
    "arguments",
    [["run", "--profile", "huge"], ["nonsense"], ["check", "--fast"], ["--root", "mkdocs.yml", "check"]],
)
def test_a_mistyped_command_gets_usage_and_exit_two(verifolio, arguments):
    assert verifolio(*arguments).exit_code == 2


ODD_FILES = {
    "mkdocs.yml": ("site_name: [", "mkdocs.yml:"),
    "projects/catalogue.yml": ("reviews: {title: x}", "projects/catalogue.yml: Object missing required field"),
    "projects/toy/experiments.yml": ("- a list", "projects/toy/experiments.yml: Expected `object`, got `array`"),
    "blog/weeks.yml": ("week: 1", "blog/weeks.yml: Expected `array`, got `object`"),
    "demos/toy/demo.yml": ("title: x", "demos/toy/demo.yml: "),
    "pytask.lock": ("[[task]\nhalf", "pytask.lock: broken"),
    "projects/toy/measure.py": ("def run_measure(:\n", "projects/toy/measure.py:1: not valid Python"),
    "projects/toy/results/export.json": ('{"schema": 99}', "projects/toy/results/export.json: written by a newer"),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD_FILES)
@pytest.mark.parametrize("command", ["check", "stage", "status"])
def test_a_damaged_file_is_named_without_a_traceback(verifolio, workbench, name, command):
    text, message = ODD_FILES[name]
    workbench.write(name, text)
    done = verifolio(command)
    if command == "status":  # looks at experiments only, and lives with a broken result
        assert done.exit_code in (0, 1)
    else:
        assert done.exit_code == 1
        assert message.partition(":")[0] in done.output
        assert message.partition(": ")[2] in done.output
    assert "Traceback" not in done.output


@pytest.mark.parametrize("name", ["mkdocs.yml", "projects/catalogue.yml"])
def test_a_missing_file_is_named(verifolio, workbench, name):
    (workbench.root / name).unlink()
    done = verifolio("check")
    assert done.exit_code == 1
    assert name in done.output
