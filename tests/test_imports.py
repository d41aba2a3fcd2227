"""Imports go one way: the engine's modules stand in layers, and none knows a project or a demo."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ENGINE = Path(__file__).parents[1] / "verifolio"
FOREIGN = {"projects", "demos", "tests", "scripts", "torch", "transformers", "peft", "datasets", "gradio"}


def imported(path: Path, *, lazily: bool) -> set[str]:
    """Full names of what a module imports; without `lazily` only what its own import needs."""
    found: set[str] = set()
    pending: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not lazily:
            continue
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            pending += node.orelse
            continue
        pending += ast.iter_child_nodes(node)
    return found


def graph(*, lazily: bool) -> dict[str, set[str]]:
    """Module of the engine → modules of the engine that it imports."""
    names = {path.stem for path in ENGINE.glob("*.py")}
    return {
        path.stem: {
            name.split(".")[1]
            for name in imported(path, lazily=lazily)
            if name.startswith("verifolio.") and name.split(".")[1] in names - {path.stem}
        }
        for path in ENGINE.glob("*.py")
    }


def find_cycle(edges: dict[str, set[str]]) -> list[str]:
    done: set[str] = set()

    def walk(name: str, trail: list[str]) -> list[str]:
        if name in trail:
            return [*trail[trail.index(name) :], name]
        if name in done:
            return []
        done.add(name)
        return next((cycle for other in sorted(edges[name]) if (cycle := walk(other, [*trail, name]))), [])

    return next((cycle for name in sorted(edges) if (cycle := walk(name, []))), [])


@pytest.mark.parametrize("path", sorted(ENGINE.glob("*.py")), ids=lambda path: path.stem)
def test_a_module_of_the_engine_imports_nothing_of_projects_or_demos(path):
    assert {name.split(".")[0] for name in imported(path, lazily=True)} & FOREIGN <= (
        {"torch"} if path.stem == "machine" else set()
    )


def test_no_module_imports_in_a_circle_not_even_inside_functions():
    assert find_cycle(graph(lazily=True)) == []


ORDER = [
    # each may import those before it in the list, never those after
    "errors", "files", "words", "units", "results", "portfolio", "inputs", "machine", "fingerprint",
    "freshness", "history", "record", "pipeline", "expressions", "evidence", "site", "page", "bind",
    "charts", "quote", "handwritten", "links", "posts", "blocks", "demos", "receipts", "postpage",
    "listings", "stage", "check", "build", "sitecommand", "cli",
]  # fmt: skip


def test_the_order_of_the_modules_is_kept():
    edges = graph(lazily=True)
    wrong = [
        f"{name} imports {other}"
        for name in ORDER
        for other in edges[name] & set(ORDER)
        if ORDER.index(other) > ORDER.index(name)
    ]
    assert wrong == []


def test_reading_a_portfolio_needs_neither_pytask_nor_mkdocs_nor_a_chart_library():
    """`verifolio check` stays fast: its modules import these late or never."""
    heavy = {"pytask", "mkdocs", "material", "vl_convert", "altair", "numpy", "playwright"}
    pending, seen = ["check"], set()
    edges = graph(lazily=False)
    while pending:
        name = pending.pop()
        seen.add(name)
        pending += edges[name] - seen
        roots = {one.split(".")[0] for one in imported(ENGINE / f"{name}.py", lazily=False)}
        assert not roots & heavy, name


def test_the_cycle_finder_finds_a_cycle():
    assert find_cycle({"a": {"b"}, "b": {"c"}, "c": {"a"}}) == ["a", "b", "c", "a"]
