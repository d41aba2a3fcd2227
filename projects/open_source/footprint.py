"""What a call really runs: the lines of a library that loading and asking one model passes through."""

from __future__ import annotations

import inspect
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from verifolio.record import Run

PACKAGE = "transformers"
STEPS = {
    "tokenizer": {"zh": "载入分词器", "en": "load the tokenizer"},
    "encode": {"zh": "把一句话变成编号", "en": "turn a sentence into ids"},
    "model": {"zh": "载入模型", "en": "load the model"},
    "forward": {"zh": "算一次", "en": "run it once"},
}
SHOWN_FILES = 12


@dataclass
class Passed:
    """File (relative to the package) → the lines that were run; names of the functions entered."""

    lines: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    functions: set[tuple[str, str]] = field(default_factory=set)

    @property
    def line_count(self) -> int:
        return sum(map(len, self.lines.values()))


@contextmanager
def passing_through(root: Path) -> Iterator[Passed]:
    """Note each line of a function below `root` that runs inside; what an import defines is left out."""
    passed, prefix = Passed(), f"{root}/"

    def enter(frame: FrameType, event: str, arg: Any) -> Callable[..., Any] | None:
        code = frame.f_code
        if not code.co_filename.startswith(prefix) or not code.co_flags & inspect.CO_OPTIMIZED:
            return None  # CO_OPTIMIZED marks functions: modules and class bodies run by being imported
        file = code.co_filename[len(prefix) :]
        passed.functions.add((file, code.co_qualname))
        lines = passed.lines[file]

        def step(frame: FrameType, event: str, arg: Any) -> Callable[..., Any]:
            if event == "line":
                lines.add(frame.f_lineno)
            return step

        return step

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        yield passed
    finally:
        sys.settrace(before)


def count_lines(root: Path) -> tuple[int, int]:
    """Python files below `root`, and their lines, blank ones and comments included."""
    files = list(root.rglob("*.py"))
    return len(files), sum(map(_lines_of, files))


def run_footprint(run: Run) -> None:
    """Load a small BERT and ask it once, watching the library."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise RuntimeError(f"{PACKAGE} is not installed")
    root = Path(spec.origin).parent
    steps = _watch(run.input("minilm"), root)
    files, lines = count_lines(root)
    everything: dict[str, set[int]] = defaultdict(set)
    for passed in steps.values():
        for file, found in passed.lines.items():
            everything[file] |= found
    _record_steps(run, steps)
    _record_files(run, everything, root)
    passed_lines = sum(map(len, everything.values()))
    for key, value, zh, en in (
        ("files", files, "库里的 Python 文件", "Python files of the library"),
        ("lines", lines, "库里的行数", "lines of the library"),
        ("passed_files", len(everything), "走到的文件", "files passed through"),
        ("passed_lines", passed_lines, "走到的行", "lines passed through"),
        ("bert_lines", len(everything.get("models/bert/modeling_bert.py", ())), "其中写着 BERT 的行", "of them in BERT's own file"),
        ("mapping_lines", len(everything.get("conversion_mapping.py", ())), "其中为别的架构改写权重名的表", "of them the table that renames other architectures' weights"),
        ("docstring_lines", len(everything.get("utils/auto_docstring.py", ())), "其中现拼文档字符串的行", "of them those that write docstrings"),
        ("load_lines", steps["model"].line_count, "载入模型走到的行", "lines that loading the model passes through"),
    ):  # fmt: skip
        run.metric(key, value, unit="count", label={"zh": zh, "en": en})
    run.metric(
        "share", passed_lines / lines, unit="ratio", n=lines,
        label={"zh": "走到的行占全库", "en": "share of the library's lines"},
    )  # fmt: skip


def _lines_of(path: Path) -> int:
    return path.read_bytes().count(b"\n")


def _watch(model_path: Path, root: Path) -> dict[str, Passed]:
    """The four steps in order, each watched by itself."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    path, steps = str(model_path), {}
    with passing_through(root) as steps["tokenizer"]:
        tokenizer = AutoTokenizer.from_pretrained(path)
    with passing_through(root) as steps["encode"]:
        inputs = tokenizer("A timeless classic, wonderfully acted.", return_tensors="pt")
    with passing_through(root) as steps["model"]:
        model = AutoModelForSequenceClassification.from_pretrained(path, num_labels=2)
    with torch.no_grad(), passing_through(root) as steps["forward"]:
        model(**inputs)
    return steps


def _record_steps(run: Run, steps: dict[str, Passed]) -> None:
    run.table(
        "steps",
        columns=[
            {"key": "step", "label": {"zh": "这一步", "en": "Step"}},
            {"key": "files", "label": {"zh": "文件", "en": "Files"}, "unit": "count"},
            {"key": "functions", "label": {"zh": "函数", "en": "Functions"}, "unit": "count"},
            {"key": "lines", "label": {"zh": "行", "en": "Lines"}, "unit": "count"},
        ],
        rows=[
            {
                "step": STEPS[step],
                "files": len(passed.lines),
                "functions": len(passed.functions),
                "lines": passed.line_count,
            }
            for step, passed in steps.items()
        ],
    )


def _record_files(run: Run, everything: dict[str, set[int]], root: Path) -> None:
    """The files with the most lines run, as bars."""
    largest = sorted(everything, key=lambda file: len(everything[file]), reverse=True)[:SHOWN_FILES]
    rows = [
        {
            "file": file,
            "passed": len(everything[file]),
            "shown": f"{len(everything[file]):,} / {_lines_of(root / file):,}",
        }
        for file in largest
    ]
    room = 1.3 * len(everything[largest[0]])  # beside the longest bar, for its numbers
    x = {"field": "passed", "type": "quantitative", "title": "@value", "scale": {"domain": [0, round(room)]}}
    y = {"field": "file", "type": "nominal", "sort": largest, "title": None, "axis": None}
    label = {"align": "left", "color": "#1a1a1a"}
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": "container",
        "height": {"step": 38},
        "data": {"values": rows},
        "encoding": {"y": y},
        "layer": [
            {"mark": {"type": "bar", "color": "#0072B2", "height": 9, "yOffset": 7}, "encoding": {"x": x}},
            {"mark": {"type": "text", "dx": 5, "dy": 7, **label}, "encoding": {"x": x, "text": {"field": "shown"}}},
            {"mark": {"type": "text", "dx": 0, "dy": -7, **label}, "encoding": {"x": {"value": 2}, "text": {"field": "file"}}},
        ],
    }  # fmt: skip
    words = {
        "@value": {"zh": "走到的行（走到 / 文件总行数）", "en": "lines run (run / lines of the file)"},
    }
    run.chart("files", spec, words=words)
