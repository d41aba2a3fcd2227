"""pytask's way in: one task for each experiment that experiments.yml declares."""

from pathlib import Path
from typing import Annotated

from pytask import Product, PythonNode, task

from verifolio.pipeline import (
    current_profile,
    experiments_of,
    fingerprint_for,
    needed_results,
    run_in_process,
)

for experiment in experiments_of(__file__):
    fingerprint = PythonNode(name=f"{experiment.name} rests on", value=fingerprint_for(experiment), hash=True)

    @task(f"task_experiment[{experiment.name}]")  # an id of pytask's own falls away where there is only one
    def task_experiment(
        _rests_on: Annotated[str, fingerprint],
        _needs: dict[str, Path] = needed_results(experiment),
        _result: Annotated[Path, Product] = experiment.result_path(current_profile()),
        name: str = experiment.name,
    ) -> None:
        run_in_process(name)
