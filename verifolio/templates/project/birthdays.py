"""How often two of n people share a birthday: simulated, and by the formula."""

from __future__ import annotations

import math
import random
from typing import Any

PEOPLE = (5, 10, 15, 20, 23, 30, 40, 50)


def run_birthdays(run: Any) -> None:
    """Simulate each size of room; the result holds metrics, a table, a chart and recorded answers."""
    rooms = run.params["rooms"]
    chances = random.Random(run.seed)
    rows = []
    for people in PEOPLE:
        hits = sum(has_pair(people, chances) for _ in range(rooms))
        low, high = wilson(hits, rooms)
        rows.append(
            {"people": people, "simulated": hits / rooms, "exact": exact(people), "low": low, "high": high}
        )
    row = next(row for row in rows if row["people"] == 23)
    share = {"zh": "有人同一天生日的屋子", "en": "rooms with a shared birthday"}
    run.metric(
        "shared", row["simulated"], unit="ratio", n=rooms,
        ci=(row["low"], row["high"]), ci_method="Wilson 95 %", label=share,
    )  # fmt: skip
    run.metric("exact", row["exact"], unit="ratio", label={"zh": "公式给出的概率", "en": "by the formula"})
    run.metric("rooms", rooms, unit="count", label={"zh": "每种人数的屋子数", "en": "rooms of each size"})
    run.table(
        "sizes",
        columns=[
            {"key": "people", "label": {"zh": "人数", "en": "people"}, "unit": "count"},
            {"key": "simulated", "label": {"zh": "模拟", "en": "simulated"}, "unit": "ratio"},
            {"key": "exact", "label": {"zh": "公式", "en": "formula"}, "unit": "ratio"},
        ],
        rows=[{key: row[key] for key in ("people", "simulated", "exact")} for row in rows],
    )
    run.table(
        "examples",
        columns=[
            {"key": "input", "label": {"zh": "人数", "en": "people"}},
            {"key": "output", "label": {"zh": "回答", "en": "answer"}},
        ],
        rows=[{"input": text, "output": answer(text)} for text in ("23", "5", "60")],
    )
    run.chart(
        "curve",
        _curve(rows),
        words={"@people": {"zh": "屋里的人数", "en": "people in the room"}, "@share": share},
    )


def answer(text: str) -> str:
    """What the demo says to a number of people, in both languages."""
    try:
        people = int(text)
    except ValueError:
        people = 0
    if not 1 <= people <= 365:
        return "请输入 1 到 365 之间的整数 · A whole number from 1 to 365, please"
    return f"{100 * exact(people):.1f} %"


def exact(people: int) -> float:
    """The chance that at least two of `people` share one of 365 equally likely days."""
    return 1 - math.prod((365 - taken) / 365 for taken in range(people))


def has_pair(people: int, chances: random.Random) -> bool:
    """Whether one random room holds a shared birthday."""
    return len({chances.randrange(365) for _ in range(people)}) < people


def wilson(hits: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """The Wilson interval of a proportion (Wilson 1927), 95 % at z = 1.96."""
    share, spread = hits / n, z * z / n
    middle = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(share * (1 - share) / n + spread / (4 * n))
    return middle - half, middle + half


def _curve(rows: list[dict[str, float]]) -> dict[str, Any]:
    x = {"field": "people", "type": "quantitative", "title": "@people"}
    y = {"type": "quantitative", "title": "@share", "axis": {"format": "%"}, "scale": {"domain": [0, 1]}}
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "data": {"values": rows},
        "width": "container",
        "height": 260,
        "layer": [
            {
                "mark": {"type": "line", "color": "#6b6b6b"},
                "encoding": {"x": x, "y": {"field": "exact", **y}},
            },
            {
                "mark": {"type": "point", "filled": True, "size": 70, "color": "#0072b2"},
                "encoding": {"x": x, "y": {"field": "simulated", **y}},
            },
        ],
    }
