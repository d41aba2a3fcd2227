"""Executes the post's notebook for real, from top to bottom; an error in a cell fails the run."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from verifolio.record import Run

SOURCE = "blog/week-01/foundations.ipynb"


def run_notebook(run: Run) -> None:
    """The executed notebook becomes a product."""
    import nbformat
    from nbclient import NotebookClient

    os.environ["FOUNDATIONS_ROOT"] = str(run.root)
    for name in ("imdb", "minilm", "smollm2"):
        os.environ[f"FOUNDATIONS_{name.upper()}"] = str(run.input(name))
    notebook = nbformat.read(run.root / SOURCE, as_version=4)
    started = time.perf_counter()
    resources = {"metadata": {"path": str(run.root)}}
    NotebookClient(notebook, timeout=600, startup_timeout=300, resources=resources).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # times of day would change with every run
        if cell.cell_type == "code":  # warnings of libraries name folders of this machine
            cell.outputs = [one for one in cell.outputs if one.get("name") != "stderr"]
    run.metric("seconds", time.perf_counter() - started, unit="seconds", better="lower",
               label={"zh": "笔记本运行时间", "en": "time to run the notebook"})  # fmt: skip
    run.metric("cells", sum(cell.cell_type == "code" for cell in notebook.cells), unit="count",
               label={"zh": "代码单元", "en": "code cells"})  # fmt: skip
    nbformat.write(notebook, run.product("foundations.ipynb"))
