"""The run object: numbers go in only as they may, names only as declared."""

from __future__ import annotations

from decimal import Decimal

import pytest

from verifolio.busy import alone_with
from verifolio.errors import AuthorError
from verifolio.freshness import lacks_derived
from verifolio.portfolio import read_portfolio
from verifolio.record import Run

WORDS = {"zh": "数", "en": "number"}


@pytest.fixture
def run(workbench) -> Run:
    portfolio = read_portfolio(workbench.root)
    return Run(portfolio, portfolio.experiment("toy.compare"), "laptop")


class Scalar:
    """What numpy and torch give: a number inside an object."""

    def item(self) -> float:
        return 0.25


def test_numbers_of_numpy_and_torch_become_plain(run):
    run.metric("share", Scalar(), unit="ratio", label=WORDS)
    assert run._metrics["share"].value == 0.25


@pytest.mark.parametrize("value", [True, "0.9", None, [0.9], Decimal("0.9")])
def test_what_is_no_number_is_refused(run, value):
    with pytest.raises(AuthorError, match="a metric is a number, not"):
        run.metric("share", value, unit="ratio", label=WORDS)


def test_a_metric_recorded_twice_is_refused(run):
    run.metric("share", 0.5, unit="ratio", label=WORDS)
    with pytest.raises(AuthorError, match="records the metric ‘share’ twice") as caught:
        run.metric("share", 0.6, unit="ratio", label=WORDS)
    assert caught.value.path == "projects/toy/experiments.yml"


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda run: run.input("reviewz"), "uses ‘reviewz’ without declaring it under inputs:"),
        (lambda run: run.result_of("export"), "uses ‘export’ without declaring it under needs:"),
        (lambda run: run.product("x.json"), "uses ‘x.json’ without declaring it under products:"),
        (lambda run: run.derived("x.onnx"), "uses ‘x.onnx’ without declaring it under derived:"),
    ],
)
def test_what_is_not_declared_cannot_be_used(run, use, message):
    with pytest.raises(AuthorError) as caught:
        use(run)
    assert message in str(caught.value)
    assert caught.value.path == "projects/toy/experiments.yml"


def test_progress_says_how_far_and_not_too_often(run, capsys):
    for step in range(101):
        run.progress(step, 100, "training")
    said = capsys.readouterr().err
    assert "toy.compare" in said
    assert "training 100 %" in said
    assert said.count("\n") <= 2


ODD_RUNS = [
    # what the experiment does wrong, what it is told
    ("run.metric('x', float('nan'), unit='ratio', label={'zh': 'x', 'en': 'x'})", "not a finite number"),
    ("run.metric('x', 1, unit='percent', label={'zh': 'x', 'en': 'x'})", "unknown unit ‘percent’"),
    ("run.metric('x', 1, unit='count', label={'en': 'x'})", "no words in zh"),
    ("run.metric('X', 1, unit='count', label={'zh': 'x', 'en': 'x'})", "keys are lower case"),
    ("run.metric('x', 3, unit='ratio', label={'zh': 'x', 'en': 'x'})", "a ratio lies within ±1"),
    ("run.chart('x', {'mark': 'bar'})", "$schema is missing"),
]


@pytest.mark.parametrize(("line", "reason"), ODD_RUNS)
def test_an_odd_result_is_refused_and_the_old_one_stays(workbench, line, reason):
    workbench.edit("projects/toy/compare.py", "    label = {", f"    {line}\n    label = {{")
    old = workbench.read("projects/toy/results/compare.json")
    done = workbench.verifolio("execute", "toy.compare")
    assert done.code == 1
    assert "projects/toy/results/compare.json: " in done.said
    assert reason in done.said
    assert "Traceback" not in done.said
    assert workbench.read("projects/toy/results/compare.json") == old


def test_a_declared_product_that_was_not_written_is_an_error_and_the_old_one_stays(workbench):
    workbench.edit(
        "projects/toy/experiments.yml", "[measure/weights.json]", "[measure/weights.json, more.bin]"
    )
    done = workbench.verifolio("execute", "toy.measure")
    assert "toy.measure declares products more.bin but did not write it" in done.said
    assert (workbench.root / "projects/toy/results/measure/weights.json").exists()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("measure:run_measure", "measure:run_it", "projects.toy.measure has no function ‘run_it’"),
        ("measure:run_measure", "mesure:run_measure", "no module ‘projects.toy.mesure’"),
    ],
)
def test_a_run_that_names_no_function_is_told_where_it_is_declared(workbench, old, new, message):
    workbench.edit("projects/toy/experiments.yml", old, new)
    done = workbench.verifolio("execute", "toy.measure")
    assert f"projects/toy/experiments.yml: {message}" in done.said
    assert "Traceback" not in done.said


def test_a_library_that_is_not_installed_says_how_to_install(workbench):
    workbench.edit("projects/toy/measure.py", "import json\n", "import json\nimport no_such_library\n")
    done = workbench.verifolio("execute", "toy.measure")
    assert "No module named 'no_such_library'" in done.said
    assert "make env" in done.said
    assert "Traceback" not in done.said


def test_derived_files_are_missing_until_made_and_when_the_result_is_another(workbench):
    portfolio = read_portfolio(workbench.root)
    export = portfolio.experiment("toy.export")
    result = execute_quietly(workbench, "toy.export")
    assert not lacks_derived(export, result)
    workbench.write("build/derived/toy/export.from", "another result\n")
    assert lacks_derived(export, result)


def execute_quietly(workbench, name):
    from verifolio.results import read_result

    assert workbench.verifolio("execute", name).code == 0
    return read_result(read_portfolio(workbench.root).experiment(name).result_path())


def test_the_packages_of_modules_are_those_that_python_knows():
    from importlib.metadata import packages_distributions

    from verifolio.machine import _distributions

    known = {module: set(names) for module, names in packages_distributions().items()}
    ours = {module: set(names) for module, names in _distributions().items()}
    for module in ("numpy", "msgspec", "yaml", "markdown", "PIL", "sklearn", "torch", "pytest"):
        assert ours[module] == known[module]


def test_the_receipt_names_no_host_and_no_folder_of_the_machine(workbench):
    import getpass
    import socket

    execute_quietly(workbench, "toy.measure")
    text = workbench.read("projects/toy/results/measure.json")
    assert str(workbench.root) not in text
    assert socket.gethostname() not in text
    assert f"/{getpass.getuser()}/" not in text


def test_the_work_folder_is_gone_after_success_and_stays_after_failure(workbench):
    workbench.edit(
        "projects/toy/compare.py", "    label = {", "    (run.work / 'step-1').touch()\n    label = {"
    )
    assert workbench.verifolio("execute", "toy.compare").code == 0
    assert not (workbench.root / "build/work/laptop/toy/compare").exists()
    workbench.edit("projects/toy/compare.py", "'step-1').touch()\n", "'step-1').touch()\n    1 / 0\n")
    assert workbench.verifolio("execute", "toy.compare").code == 1
    assert (workbench.root / "build/work/laptop/toy/compare/work/step-1").exists()


def test_a_second_run_of_an_experiment_is_refused_while_the_first_works(workbench):
    portfolio = read_portfolio(workbench.root)
    with alone_with(portfolio.experiment("toy.measure"), "laptop"):
        done = workbench.verifolio("execute", "toy.measure")
        assert done.code == 1
        assert "toy.measure is being run by another process" in done.said
        assert "wait until that run is done" in done.said
    assert workbench.verifolio("execute", "toy.measure").code == 0
