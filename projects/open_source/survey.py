"""How often a documented default is wrong: every docstring of some libraries against its signature."""

from __future__ import annotations

from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from projects.open_source.defaults import Documented, read_package
from projects.sentiment.charts import dots_with_intervals
from projects.sentiment.metrics import wilson

if TYPE_CHECKING:
    from verifolio.record import Run

KINDS = {  # starts of file names, first match counts
    "configuration": (("configuration_",), {"zh": "模型配置", "en": "model configurations"}),
    "modeling": (("modeling_", "modular_"), {"zh": "模型代码", "en": "model code"}),
    "processing": (
        ("feature_extraction_", "image_processing_", "processing_", "tokenization_", "video_processing_"),
        {"zh": "分词与预处理", "en": "tokenizers and preprocessing"},
    ),
    "rest": (("",), {"zh": "其余：Trainer、datasets 等", "en": "the rest: Trainer, datasets, …"}),
}


def run_defaults(run: Run) -> None:
    """Compare each package's documented defaults with the real ones; list what lies outside model code."""
    everything: list[Documented] = []
    rows: list[dict[str, Any]] = []
    for number, package in enumerate(run.params["packages"]):
        spec = find_spec(package)
        if spec is None or spec.origin is None:
            raise RuntimeError(f"{package} is not installed")
        read = list(read_package(Path(spec.origin).parent))
        everything += read
        wrong = sum(not one.agrees for one in read)
        shown = {
            "package": f"{package} {version(package.replace('_', '-'))}",
            "compared": len(read),
            "wrong": wrong,
        }
        rows.append({**shown, "share": wrong / len(read) if read else None})
        run.progress(number + 1, len(run.params["packages"]), package)
    run.table(
        "packages",
        columns=[
            {"key": "package", "label": {"zh": "软件包", "en": "Package"}},
            {"key": "compared", "label": {"zh": "核对的默认值", "en": "Defaults compared"}, "unit": "count"},
            {"key": "wrong", "label": {"zh": "不一致", "en": "Disagree"}, "unit": "count"},
            {"key": "share", "label": {"zh": "占比", "en": "Share"}, "unit": "ratio"},
        ],
        rows=rows,
    )
    wrong = [one for one in everything if not one.agrees]
    central = [one for one in wrong if "/models/" not in one.path]
    run.table(
        "outside_models",
        columns=[
            {"key": "where", "label": {"zh": "位置", "en": "Where"}},
            {"key": "said", "label": {"zh": "文档写", "en": "Docstring"}},
            {"key": "real", "label": {"zh": "实际是", "en": "Signature"}},
        ],
        rows=[{"where": _place(one), "said": repr(one.said), "real": repr(one.real)} for one in central],
    )
    _record_kinds(run, everything)
    for key, value, zh, en in (
        ("compared", len(everything), "核对的默认值", "documented defaults compared"),
        ("wrong", len(wrong), "与签名不一致的默认值", "documented defaults that disagree with the signature"),
        ("wrong_central", len(central), "模型代码以外的不一致", "disagreements outside model code"),
    ):
        run.metric(key, value, unit="count", label={"zh": zh, "en": en})
    share = len(wrong) / max(1, len(everything))
    run.metric(
        "share",
        share,
        unit="ratio",
        label={"zh": "不一致的占比", "en": "share that disagrees"},
        n=len(everything),
    )


def _place(one: Documented) -> str:
    """`Class.method(argument)`, free to break after a dot and before the bracket: the columns are narrow."""
    return f"{one.owner}({one.argument})".replace(".", ".\u200b").replace("(", "\u200b(")


def _record_kinds(run: Run, everything: list[Documented]) -> None:
    """Share of wrong defaults by kind of file, with its interval."""
    by_kind: dict[str, list[Documented]] = {kind: [] for kind in KINDS}
    for one in everything:
        name = Path(one.path).name
        by_kind[next(kind for kind, (starts, _) in KINDS.items() if name.startswith(starts))].append(one)
    rows: list[dict[str, Any]] = []
    for kind, read in by_kind.items():
        if read:
            wrong = sum(not one.agrees for one in read)
            low, high = wilson(wrong / len(read), len(read))
            shown = {"kind": KINDS[kind][1], "compared": len(read), "wrong": wrong}
            rows.append({**shown, "share": wrong / len(read), "low": low, "high": high, "_name": f"@{kind}"})
    run.table(
        "kinds",
        columns=[
            {"key": "kind", "label": {"zh": "文件", "en": "Files"}},
            {"key": "compared", "label": {"zh": "核对的默认值", "en": "Defaults compared"}, "unit": "count"},
            {"key": "wrong", "label": {"zh": "不一致", "en": "Disagree"}, "unit": "count"},
            {"key": "share", "label": {"zh": "占比", "en": "Share"}, "unit": "ratio"},
        ],
        rows=[{key: row[key] for key in ("kind", "compared", "wrong", "share")} for row in rows],
    )
    dots = [
        {
            "name": row["_name"], "value": 100 * row["share"], "low": 100 * row["low"], "high": 100 * row["high"],
            "shown": f"{row['wrong']} / {row['compared']}",
        }
        for row in rows
    ]  # fmt: skip
    words = {f"@{kind}": label for kind, (_, label) in KINDS.items()}
    words["@value"] = {
        "zh": "与签名不一致的文档默认值（%）",
        "en": "documented defaults that disagree with the signature (%)",
    }
    run.chart("kinds", dots_with_intervals(dots, order=[row["_name"] for row in rows]), words=words)
