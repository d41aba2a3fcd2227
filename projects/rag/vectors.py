"""Vectors on the disk: each text is embedded once, kept under the hash of its text, and found again from then on.

A model's vectors are a file beside the store. Those of the shop's own passages that take long to make are committed.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np

from projects.rag.embedders import Embedder
from projects.rag.ingest import StoreError

SHIPPED = Path(__file__).parent / "knowledge"
BATCH = 32
Progress = Callable[[int, int, str], None]


def key_of(text: str) -> str:
    """Give the 16 hexadecimal digits under which a text's vector is kept."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def embed(
    texts: Iterable[str],
    embedder: Embedder,
    home: Path,
    *,
    others: Iterable[Path] = (),
    progress: Progress | None = None,
) -> None:
    """Bring the vectors kept in `home` in step with `texts`; only those found nowhere are made. Raises `StoreError`."""
    wanted = {key_of(text): text for text in texts}
    kept = read_vectors(home, embedder.name)
    if kept.keys() == wanted.keys():
        return
    known = dict(kept)
    for other in (*others, SHIPPED):
        if not wanted.keys() <= known.keys():
            known = read_vectors(other, embedder.name) | known
    new = [key for key in wanted if key not in known]
    for start in range(0, len(new), BATCH):
        batch = new[start : start + BATCH]
        if progress:
            progress(start, len(new), f"embedding with {embedder.name}")
        made = embedder.encode_passages([wanted[key] for key in batch]).astype(np.float16)
        known |= dict(zip(batch, made, strict=True))
    if progress and new:
        progress(len(new), len(new), "")
    write_vectors(home, embedder.name, {key: known[key] for key in wanted}, embedder.dimensions)


def stack(texts: Iterable[str], known: Mapping[str, np.ndarray], dimensions: int) -> np.ndarray:
    """Give the vectors of texts as float32 (n, dimensions). Raises `KeyError` for a text without one."""
    rows = [known[key_of(text)] for text in texts]
    return np.stack(rows).astype(np.float32) if rows else np.zeros((0, dimensions), dtype=np.float32)


def read_vectors(home: Path, name: str) -> dict[str, np.ndarray]:
    """Read the vectors of a model, float16; none if there are none yet or the file is damaged: they are made again."""
    try:
        with np.load(_path(home, name), allow_pickle=False) as stored:
            return dict(zip(stored["keys"].tolist(), stored["vectors"], strict=True))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return {}


def write_vectors(home: Path, name: str, vectors: Mapping[str, np.ndarray], dimensions: int) -> None:
    """Write the vectors of a model, whole or not at all. Raises `StoreError`."""
    path, temporary = _path(home, name), ""
    rows = np.stack(list(vectors.values())) if vectors else np.zeros((0, dimensions), dtype=np.float16)
    try:
        handle, temporary = tempfile.mkstemp(dir=home, prefix=f".{path.name}.", suffix=".tmp")
        with os.fdopen(handle, "wb") as stream:
            np.savez(stream, keys=np.array(list(vectors), dtype="U16"), vectors=rows)
        os.replace(temporary, path)
    except OSError as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        raise StoreError(f"{path}: cannot write ({error.strerror}); the old index is untouched") from error


def _path(home: Path, name: str) -> Path:
    return home / f"vectors-{name.replace('/', '--')}.npz"
