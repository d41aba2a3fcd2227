"""The values of metrics over past commits, read from git in two calls and kept until HEAD moves."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verifolio.files import write_cache


@dataclass(frozen=True)
class PastValue:
    """A metric as it stood in a commit."""

    commit: str
    date: str
    value: float
    unit: str


History = dict[str, dict[str, list[PastValue]]]  # experiment -> metric -> newest first


def read_history(root: Path) -> History:
    """Past values by experiment and metric; empty without git or without commits."""
    head = _git(root, "rev-parse", "HEAD").strip()
    if not head:
        return {}
    cache = root / "build" / "cache" / "history.json"
    raw = _cached(cache, head)
    if raw is None:
        raw = _collect(root)
        write_cache(cache, json.dumps({"head": head, "values": raw}).encode())
    return {
        experiment: {key: [PastValue(*one) for one in values] for key, values in metrics.items()}
        for experiment, metrics in raw.items()
    }


def _collect(root: Path) -> dict[str, dict[str, list[list[Any]]]]:
    log = _git(root, "log", "--format=@%H %cs", "--name-only", "--", ":(glob)projects/*/results/*.json")
    wanted: list[tuple[str, str, str]] = []
    commit = date = ""
    for line in log.splitlines():
        if line.startswith("@"):
            commit, date = line[1:].split()
        elif line.strip():
            wanted.append((commit, date, line.strip()))
    blobs = _blobs(root, [f"{commit}:{path}" for commit, _, path in wanted])
    found: dict[str, dict[str, list[list[Any]]]] = {}
    for (commit, date, path), blob in zip(wanted, blobs, strict=True):
        parts = Path(path).parts
        metrics = _metrics(blob)
        for key, (value, unit) in metrics.items():
            values = found.setdefault(f"{parts[1]}.{Path(path).stem}", {}).setdefault(key, [])
            if values and values[-1][2] == value:
                values[-1] = [commit, date, value, unit]  # the commit in which it first stood so
            else:
                values.append([commit, date, value, unit])
    return found


def _metrics(blob: bytes) -> dict[str, tuple[float, str]]:
    try:
        metrics = json.loads(blob).get("metrics", {})
        return {key: (one["value"], one["unit"]) for key, one in metrics.items()}
    except (ValueError, KeyError, AttributeError, TypeError):
        return {}  # deleted in that commit, or not a result of ours


def _blobs(root: Path, names: list[str]) -> list[bytes]:
    if not names:
        return []
    import subprocess

    done = subprocess.run(
        ["git", "cat-file", "--batch"],
        cwd=root,
        input="\n".join(names).encode(),
        capture_output=True,
        check=False,
    )
    data, blobs, at = done.stdout, [], 0
    for _ in names:
        end = data.find(b"\n", at)
        head = data[at:end].split()
        at = end + 1
        if len(head) == 3 and head[1] == b"blob":
            size = int(head[2])
            blobs.append(data[at : at + size])
            at += size + 1
        else:
            blobs.append(b"")
    return blobs


def _cached(path: Path, head: str) -> dict[str, dict[str, list[list[Any]]]] | None:
    try:
        raw = json.loads(path.read_bytes())
        values: dict[str, dict[str, list[list[Any]]]] | None = raw["values"] if raw["head"] == head else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return values


def _git(root: Path, *args: str) -> str:
    import subprocess  # not when a check merely names this module

    try:
        done = subprocess.run(["git", *args], cwd=root, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout if done.returncode == 0 else ""
