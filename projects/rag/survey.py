"""Experiment: what ingestion makes of the shop's documents, and what naive cutting would break."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pypdfium2
import yaml

from projects.rag.chunking import Chunking
from projects.rag.gold import Question, load_questions
from projects.rag.ingest import ingest, load_passages, read_document
from projects.rag.records import Passage
from projects.sentiment.metrics import wilson
from projects.sentiment.plots import named_dots

if TYPE_CHECKING:
    from verifolio.record import Run

KNOWLEDGE = Path(__file__).parent / "knowledge"
DOCUMENTS = KNOWLEDGE / "documents"
KINDS = {
    "row": {"zh": "表格行", "en": "table rows"},
    "prose": {"zh": "正文段落", "en": "prose"},
    "faq": {"zh": "问答", "en": "question and answer"},
}


def run_ingestion(run: Run) -> None:
    """Ingest the base, time the PDFs, and count how many gold passages survive each way of cutting."""
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        report = ingest(DOCUMENTS, store)
        passages = load_passages(store)
        start = time.perf_counter()
        ingest(DOCUMENTS, store)
        again = time.perf_counter() - start
    _record_base(run, passages, sum(map(len, report.warnings.values())), again)
    _record_speed(run)
    questions = [one for split in ("development", "test") for one in load_questions(split) if one.answerable]
    _record_cutting(run, questions, run.params["windows"], run.params["overlap"])


def _record_base(run: Run, passages: list[Passage], unreadable: int, again: float) -> None:
    for key, value, zh, en in (
        ("documents", len({one.document for one in passages}), "文档数", "documents"),
        ("passages", len(passages), "段落数", "passages"),
        ("articles", len({one.text[:12] for one in passages if "zh/catalogue" in one.document and one.kind == "row"}),
         "商品数", "articles"),
        ("unreadable_pages", unreadable, "读不出文字、已报告的页数", "pages reported as unreadable"),
    ):  # fmt: skip
        run.metric(key, value, unit="count", label={"zh": zh, "en": en})
    run.metric(
        "unchanged_seconds", again, unit="seconds", better="lower",
        label={"zh": "文件都没变时再运行一次", "en": "running again with nothing changed"},
    )  # fmt: skip
    counts = Counter((one.kind, one.lang) for one in passages)
    run.table(
        "kinds",
        columns=[
            {"key": "kind", "label": {"zh": "种类", "en": "kind"}},
            {"key": "zh", "label": {"zh": "中文", "en": "Chinese"}, "unit": "count"},
            {"key": "en", "label": {"zh": "英文", "en": "English"}, "unit": "count"},
            {
                "key": "length",
                "label": {"zh": "字符数（中位数）", "en": "characters (median)"},
                "unit": "count",
            },
        ],
        rows=[
            {
                "kind": KINDS[kind],
                "zh": counts[kind, "zh"],
                "en": counts[kind, "en"],
                "length": statistics.median(len(one.text) for one in passages if one.kind == kind),
            }
            for kind in KINDS
        ],
    )


def _record_speed(run: Run) -> None:
    """Time all PDFs several times over; the median is what a reader can expect."""
    paths = sorted(DOCUMENTS.rglob("*.pdf"))
    pages = sum(len(pypdfium2.PdfDocument(path)) for path in paths)
    speeds = []
    for _ in range(run.params["rounds"]):
        start = time.perf_counter()
        for path in paths:
            read_document(path, DOCUMENTS)
        speeds.append(pages / (time.perf_counter() - start))
    run.metric("pdf_pages", pages, unit="count", label={"zh": "PDF 页数", "en": "PDF pages"})
    run.metric(
        "pages_per_second", statistics.median(speeds), unit="items_per_s", better="higher", n=len(speeds),
        ci=(min(speeds), max(speeds)), ci_method="slowest and fastest round",
        label={"zh": "每秒读取的 PDF 页数", "en": "PDF pages read per second"},
    )  # fmt: skip


def _record_cutting(run: Run, questions: list[Question], sizes: list[int], overlap: int) -> None:
    """Share of the gold passages that a way of cutting leaves whole, over all answerable questions."""
    rows = []
    ways = [("whole", Chunking())]
    ways += [(f"w{size}", Chunking(rows="window", size=size, overlap=overlap)) for size in sizes]
    for key, chunking in ways:
        passages = [
            passage
            for path in sorted(DOCUMENTS.rglob("*.*"))
            for passage in read_document(path, DOCUMENTS, chunking).passages
        ]
        found = [hit for question in questions for hit in question.found(passages)]
        named, rows_asked = _named_values(passages)
        share = sum(found) / len(found)
        low, high = wilson(named, rows_asked)
        rows.append({"key": key, "share": share, "low": low, "high": high, "named": named, "n": len(passages),
                     "length": statistics.mean(len(one.text) for one in passages)})  # fmt: skip
        run.metric(
            f"whole_{key}", share, unit="ratio", better="higher", n=len(found), ci=wilson(share, len(found)), ci_method="Wilson 95 %",
            label={"zh": f"答案所在段落保持完整的比例：{_name(key)['zh']}",
                   "en": f"Gold passages left whole: {_name(key)['en']}"},
        )  # fmt: skip
        run.metric(
            f"named_{key}", named, unit="ratio", better="higher", n=rows_asked, ci=(low, high), ci_method="Wilson 95 %",
            label={"zh": f"商品参数与货号、表头同在一段的比例：{_name(key)['zh']}",
                   "en": f"Catalogue values that stand with SKU and header: {_name(key)['en']}"},
        )  # fmt: skip
    _record_cutting_output(run, rows)


def _named_values(passages: list[Passage]) -> tuple[float, int]:
    """Share (and number) of the catalogue's rows whose SKU stands in one passage with the header of the last column."""
    catalogue = yaml.safe_load((KNOWLEDGE / "sources" / "catalogue.yml").read_text("utf-8"))
    skus = [article[0] for category in catalogue.values() for article in category["articles"]]
    good = [
        any(
            sku in one.text and header in one.text
            for one in passages
            if one.document.startswith(f"{lang}/catalogue")
        )
        for lang, header in (("zh", "保修"), ("en", "Warranty"))
        for sku in skus
    ]
    return sum(good) / len(good), len(good)


def _name(key: str) -> dict[str, str]:
    if key == "whole":
        return {"zh": "按结构切分，表格行保持完整", "en": "by structure, table rows whole"}
    size = key[1:]
    return {"zh": f"固定窗口，英文 {size} 字符", "en": f"fixed windows of {size} characters"}


def _record_cutting_output(run: Run, rows: list[dict]) -> None:
    names = {row["key"]: _name(row["key"]) for row in rows}
    columns = (
        ("whole", "答案段落完整", "gold passages whole", "ratio"),
        ("named", "货号与表头同段", "SKU together with header", "ratio"),
        ("passages", "段落数", "passages", "count"),
        ("length", "平均字符数", "mean characters", "count"),
    )
    run.table(
        "cutting",
        columns=[
            {"key": "way", "label": {"zh": "切分方式", "en": "way of cutting"}},
            *({"key": key, "label": {"zh": zh, "en": en}, "unit": unit} for key, zh, en, unit in columns),
        ],
        rows=[
            {"way": names[row["key"]], "whole": row["share"], "named": row["named"], "passages": row["n"],
             "length": round(row["length"])}
            for row in rows
        ],
    )  # fmt: skip
    dots = [
        {
            "name": f"@{row['key']}",
            "value": round(100 * row["named"], 2),
            "low": round(100 * row["low"], 2),
            "high": round(100 * row["high"], 2),
            "shown": f"{100 * row['named']:.0f} %",
        }
        for row in sorted(rows, key=lambda row: row["named"])
    ]
    words = {f"@{key}": name for key, name in names.items()}
    words["@value"] = {
        "zh": "货号与表头同在一段的商品（%），横线为 95 % 区间",
        "en": "SKU and header in one passage (%)",
    }
    spec = named_dots(dots, order=[dot["name"] for dot in dots])
    # The room for the last number reaches beyond 100, which no share does.
    for layer in spec["layer"][:2]:
        x = layer["encoding"]["x"]
        x["axis"] = {**(x.get("axis") or {}), "values": list(range(0, 101, 20))}
    run.chart("cutting", spec, words=words)
