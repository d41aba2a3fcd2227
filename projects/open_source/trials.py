"""Two findings tried at length: pieces of random texts, and answers of an index in parts, before and after the patch."""

from __future__ import annotations

import importlib
import importlib.util
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np

from projects.open_source.findings import Finding, patched_copy, read_findings
from projects.sentiment.metrics import wilson
from projects.sentiment.plots import named_lines

if TYPE_CHECKING:
    from verifolio.record import Run

# Written with care for the odd ones: matches of nothing, looks to the side, greedy runs.
PLAIN = [r",", r"[,;]", r"\s+", r"(?:,|;)", r",\s*", r"(?<=,)", r",(?=a)", r"\.|\n", r";?,", r"b*"]
GROUPED = [r"(,|;)", r"([,;])\s*", r"(\s)+", r"((a)b)", r"(,)|(;)", r"(a)(b)?"]
ALPHABET = "aab,; .\n"
Split = Callable[..., list[str]]


@contextmanager
def patched_module(slug: str) -> Iterator[Any]:
    """The module that a finding's patch changes, loaded from the patched copy; the installed one stays as it is."""
    finding = next(one for one in read_findings() if one.slug == slug)
    with patched_copy(finding) as overlay:
        package = ".".join(Path(finding.entry.file).parts[:-1])  # so that its relative imports find their way
        spec = importlib.util.spec_from_file_location(f"{package}._patched", overlay / finding.entry.file)
        if spec is None or spec.loader is None:
            raise RuntimeError(f"{finding.entry.file} cannot be loaded")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module


def installed_module(slug: str) -> Any:
    """The same module as installed."""
    finding: Finding = next(one for one in read_findings() if one.slug == slug)
    return importlib.import_module(".".join(Path(finding.entry.file).with_suffix("").parts))


def outcome(split: Split, text: str, pattern: str) -> str:
    """`kept` when the pieces put together are the text, `altered` when not, `raised` when there are none."""
    try:
        pieces = split(text, pattern, keep_separator=True)
    except (
        TypeError,
        IndexError,
    ):  # a group that took no part is None; an odd number of pieces has no last pair
        return "raised"
    return "kept" if "".join(pieces) == text else "altered"


def run_splitter(run: Run) -> None:
    """Random texts through the splitter, with patterns that have groups and with those that have none."""
    import re

    draw = random.Random(run.seed)
    texts = ["".join(draw.choices(ALPHABET, k=draw.randint(1, 24))) for _ in range(run.params["texts"])]
    before = installed_module("langchain-regex-groups")._split_text_with_regex
    with patched_module("langchain-regex-groups") as module:
        after = module._split_text_with_regex
        same = [
            before(text, pattern, keep_separator=keep) == after(text, pattern, keep_separator=keep)
            for pattern in PLAIN
            for text in texts
            for keep in (True, "end", False)
        ]
        rows = []
        for pattern in GROUPED:
            cut = [text for text in texts if re.search(pattern, text)]
            old, new = ([outcome(split, text, pattern) for text in cut] for split in (before, after))
            rows.append((pattern, len(cut), old, new))
    run.table(
        "patterns",
        columns=[
            {"key": "pattern", "label": {"zh": "正则", "en": "Pattern"}},
            {"key": "texts", "label": {"zh": "切得开的文本", "en": "Texts it cuts"}, "unit": "count"},
            {"key": "kept", "label": {"zh": "原样", "en": "Kept"}, "unit": "ratio"},
            {"key": "altered", "label": {"zh": "被改", "en": "Altered"}, "unit": "ratio"},
            {"key": "raised", "label": {"zh": "报错", "en": "Raised"}, "unit": "ratio"},
            {"key": "patched", "label": {"zh": "补丁后原样", "en": "Kept, patched"}, "unit": "ratio"},
        ],
        rows=[
            {
                "pattern": pattern,
                "texts": n,
                **{way: old.count(way) / n for way in ("kept", "altered", "raised")},
                "patched": new.count("kept") / n,
            }
            for pattern, n, old, new in rows
        ],
    )
    trials = sum(n for _, n, _, _ in rows)
    for key, way, side, zh, en in (
        ("kept", "kept", 2, "安装的版本：拼回原文的文本", "installed: texts kept whole"),
        ("altered", "altered", 2, "安装的版本：被改的文本", "installed: texts altered"),
        ("raised", "raised", 2, "安装的版本：报错的文本", "installed: texts that raise"),
        ("patched_kept", "kept", 3, "打过补丁：拼回原文的文本", "patched: texts kept whole"),
    ):
        share = sum(row[side].count(way) for row in rows) / trials  # type: ignore[union-attr,attr-defined]
        run.metric(
            key, share, unit="ratio", n=trials, ci=wilson(share, trials), ci_method="Wilson 95 %",
            label={"zh": zh, "en": en},
        )  # fmt: skip
    run.metric(
        "plain_same", sum(same) / len(same), unit="ratio", n=len(same),
        label={"zh": "没有捕获组：新旧结果相同", "en": "no groups: same pieces before and after"},
    )  # fmt: skip
    run.metric(
        "plain_patterns", len(PLAIN), unit="count",
        label={"zh": "没有捕获组的正则", "en": "patterns without groups"},
    )  # fmt: skip


def run_shards(run: Run) -> None:
    """One index in several parts behind ClientIndex: how many of the true nearest ten come back."""
    import faiss

    draw = np.random.default_rng(run.seed)
    vectors, queries = (
        draw.standard_normal((count, run.params["dimensions"])).astype("float32")
        for count in (run.params["vectors"], run.params["queries"])
    )
    for some in (vectors, queries):
        faiss.normalize_L2(some)
    installed = installed_module("faiss-client-index")
    found: dict[str, list[float]] = {"ip": [], "patched": [], "l2": []}
    with patched_module("faiss-client-index") as patched:
        for parts in run.params["parts"]:
            for name, module, metric in (
                ("ip", installed, faiss.METRIC_INNER_PRODUCT),
                ("patched", patched, faiss.METRIC_INNER_PRODUCT),
                ("l2", installed, faiss.METRIC_L2),
            ):
                found[name].append(_recall(module, metric, vectors, queries, parts))
    names = {
        "ip": {"zh": "内积，安装的版本", "en": "inner product, installed"},
        "patched": {"zh": "内积，打过补丁", "en": "inner product, patched"},
        "l2": {"zh": "欧氏距离，安装的版本", "en": "Euclidean distance, installed"},
    }
    for name, label in names.items():
        for parts, recall in zip(run.params["parts"], found[name], strict=True):
            n = len(queries) * 10
            run.metric(
                f"{name}_{parts}", recall, unit="ratio", better="higher", n=n, ci=wilson(recall, n),
                ci_method="Wilson 95 %",
                label={"zh": f"前十召回率：{label['zh']}，{parts} 份", "en": f"recall at ten: {label['en']}, {parts} parts"},
            )  # fmt: skip
    rows = [
        {"name": f"@{name}", "x": parts, "y": round(100 * recall, 2)}
        for name, recalls in found.items()
        for parts, recall in zip(run.params["parts"], recalls, strict=True)
    ]
    words = {f"@{name}": label for name, label in names.items()}
    words["@x"] = {"zh": "索引分成几份", "en": "parts of the index"}
    words["@y"] = {"zh": "前十召回率（%）", "en": "recall at ten (%)"}
    run.chart("recall", named_lines(rows, log_x=True), words=words)


def _recall(module: Any, metric: int, vectors: np.ndarray, queries: np.ndarray, parts: int) -> float:
    """Share of the true ten nearest that a ClientIndex over `parts` servers returns; no sockets."""
    import faiss

    dimensions = vectors.shape[1]
    whole = faiss.IndexFlat(dimensions, metric)
    whole.add(vectors)
    servers = []
    for ids in np.array_split(np.arange(len(vectors)), parts):
        shard = faiss.index_factory(dimensions, "IVF1,Flat", metric)
        shard.train(vectors)
        shard.add_with_ids(vectors[ids], ids)
        servers.append(module.SearchServer(None, shard))
    with mock.patch.object(module.rpc, "Client", lambda host, port, v6: servers[port]):
        client = module.ClientIndex([("", port) for port in range(parts)])
        _, answer = client.search(queries, 10)
        client.pool.terminate()
    _, truth = whole.search(queries, 10)
    return float(np.mean([len(set(a) & set(t)) / 10 for a, t in zip(answer, truth, strict=True)]))
