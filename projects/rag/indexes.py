"""Experiment: Flat, HNSW and IVF-PQ over 10 thousand, 100 thousand and a million vectors: recall, latency, memory, time.

The vectors are those of the shop's own passages and lines, and, since those are few, such vectors with noise added: each
row is a real one turned by a random direction to a cosine of about `near`, so the cloud keeps the shape of real text
(clusters, few effective dimensions) that independent random vectors lack. Queries are the real questions.
"""

from __future__ import annotations

import gc
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import faiss
import numpy as np

from projects.rag.embedded import embedded_texts
from projects.rag.embedders import load_embedder, unit
from projects.rag.gold import load_questions
from projects.rag.ingest import ingest, load_passages
from projects.rag.vectors import SHIPPED, read_vectors, stack
from projects.sentiment.metrics import wilson

if TYPE_CHECKING:
    from verifolio.record import Run

K = 10
NAMES = {"flat": "Flat", "hnsw": "HNSW", "ivfpq": "IVF-PQ"}
BATCH = 50_000


@dataclass
class Measured:
    """One index at one size."""

    kind: str
    size: int
    build_s: float
    memory: int
    """Bytes of the serialised index: what it holds, without what building it took."""
    recall: float
    times_ms: np.ndarray


def shipped_vectors() -> np.ndarray:
    """E5's vectors of the shop's passages (n, 384), as they are committed."""
    with tempfile.TemporaryDirectory() as folder:
        ingest(SHIPPED / "documents", Path(folder))
        texts = embedded_texts(load_passages(Path(folder)))
    return stack(texts, read_vectors(SHIPPED, "e5_small"), 384)


def run_indexes(run: Run) -> None:
    """Build each index at each size and search it with the questions."""
    real = shipped_vectors()
    encoder = load_embedder("e5_small")
    questions = encoder.encode_queries(
        [one.question for one in load_questions("test") + load_questions("development")][
            :: run.params["every"]
        ]
    )
    draw = np.random.default_rng(run.seed)
    rows = []
    for size in run.params["sizes"]:
        vectors = enlarge(real, size, draw, run.params["near"])
        faiss.omp_set_num_threads(run.params["build_threads"])
        start = time.perf_counter()
        flat = _flat(vectors)
        copied = time.perf_counter() - start
        truth = flat.search(questions, K)[1]
        for kind in NAMES:
            faiss.omp_set_num_threads(run.params["build_threads"])
            start = time.perf_counter()
            index = flat if kind == "flat" else _build(kind, vectors, run.params)
            spent = copied if kind == "flat" else time.perf_counter() - start
            faiss.omp_set_num_threads(1)
            rows.append(_measure(kind, size, index, questions, truth, spent))
            one = rows[-1]
            run.say(
                f"{kind} {size}: recall {one.recall:.3f}, p95 {np.percentile(one.times_ms, 95):.2f} ms, built in {spent:.0f} s"
            )
            if kind != "flat":
                del index
            gc.collect()
        del flat, vectors
        gc.collect()
    run.metric(
        "real", len(real), unit="count", label={"zh": "真实段落向量数", "en": "vectors of real passages"}
    )
    _record(run, rows)


def enlarge(real: np.ndarray, size: int, draw: np.random.Generator, near: float) -> np.ndarray:
    """Give `size` unit vectors: the real ones, then real ones turned to a cosine of `near` in a random direction (n, d)."""
    found = np.empty((size, real.shape[1]), dtype=np.float32)
    found[: min(size, len(real))] = real[:size]
    aside = np.sqrt(1 - near**2)
    for start in range(len(real), size, BATCH):
        n = min(BATCH, size - start)
        direction = draw.standard_normal((n, real.shape[1]), dtype=np.float32)
        found[start : start + n] = unit(near * real[draw.integers(0, len(real), n)] + aside * unit(direction))
    return found


def _flat(vectors: np.ndarray) -> faiss.Index:
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    return index


def _build(kind: str, vectors: np.ndarray, params: dict[str, Any]) -> faiss.Index:
    size, dimensions = vectors.shape
    if kind == "hnsw":
        index = faiss.IndexHNSWFlat(dimensions, 16, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction, index.hnsw.efSearch = params["construction"], params["search"]
        index.add(vectors)
        return index
    lists = int(2 ** np.round(np.log2(np.sqrt(size))))
    index = faiss.IndexIVFPQ(
        faiss.IndexFlatIP(dimensions), dimensions, lists, 48, 8, faiss.METRIC_INNER_PRODUCT
    )
    index.own_fields, index.nprobe = False, max(1, lists // 16)
    index.train(vectors[: 40 * max(lists, 256)])
    index.add(vectors)
    return index


def _measure(
    kind: str, size: int, index: faiss.Index, questions: np.ndarray, truth: np.ndarray, spent: float
) -> Measured:
    index.search(questions[:1], K)
    times, hits = [], 0
    for question, right in zip(questions, truth, strict=True):
        start = time.perf_counter()
        found = index.search(question[None], K)[1][0]
        times.append(1000 * (time.perf_counter() - start))
        hits += len(set(found.tolist()) & set(right.tolist()))
    return Measured(kind, size, spent, _bytes(kind, index), hits / truth.size, np.array(times))


def _bytes(kind: str, index: faiss.Index) -> int:
    """Bytes that an index holds, by its own arithmetic: to serialise a million vectors would double them."""
    vectors = 4 * index.ntotal * index.d
    if kind == "flat":
        return vectors
    if kind == "hnsw":
        return vectors + 4 * int(index.hnsw.neighbors.size()) + 8 * int(index.hnsw.offsets.size())
    return index.ntotal * (index.pq.code_size + 8) + 4 * index.d * (index.nlist + index.pq.ksub)


def _record(run: Run, rows: list[Measured]) -> None:
    for one in rows:
        zh = en = f"{NAMES[one.kind]}, {one.size:,}"
        key = f"{one.kind}_{one.size}"
        n = K * len(one.times_ms)
        run.metric(f"recall_{key}", one.recall, unit="ratio", better="higher", n=n, ci=wilson(one.recall, n), ci_method="Wilson 95 %",
                   label={"zh": f"对精确结果的召回@10：{zh}", "en": f"recall@10 of the exact neighbours: {en}"})  # fmt: skip
        for percent in (50, 95):
            run.metric(f"p{percent}_{key}", float(np.percentile(one.times_ms, percent)), unit="milliseconds", better="lower",
                       n=len(one.times_ms), label={"zh": f"搜索延迟 p{percent}：{zh}", "en": f"search, p{percent}: {en}"})  # fmt: skip
        run.metric(f"memory_{key}", one.memory, unit="bytes", better="lower",
                   label={"zh": f"索引内存：{zh}", "en": f"memory of the index: {en}"})  # fmt: skip
        run.metric(f"build_{key}", one.build_s, unit="seconds", better="lower",
                   label={"zh": f"建索引用时：{zh}", "en": f"time to build: {en}"})  # fmt: skip
    columns = (
        ("recall", "召回@10", "recall@10", "ratio"), ("p50", "p50 延迟", "p50", "milliseconds"),
        ("p95", "p95 延迟", "p95", "milliseconds"), ("memory", "内存", "memory", "bytes"), ("build", "建索引", "to build", "seconds"),
    )  # fmt: skip
    run.table(
        "indexes",
        columns=[
            {"key": "index", "label": {"zh": "索引", "en": "index"}},
            {"key": "size", "label": {"zh": "向量数", "en": "vectors"}, "unit": "count"},
            *({"key": key, "label": {"zh": zh, "en": en}, "unit": unit} for key, zh, en, unit in columns),
        ],
        rows=[
            {"index": NAMES[one.kind], "size": one.size, "recall": one.recall, "p50": float(np.percentile(one.times_ms, 50)),
             "p95": float(np.percentile(one.times_ms, 95)), "memory": one.memory, "build": one.build_s}
            for one in rows
        ],
    )  # fmt: skip
