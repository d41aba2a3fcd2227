"""The combined charts, arranged so that they can be read on a phone as well."""

from __future__ import annotations

from typing import Any

from projects.sentiment.charts import INK, dots_with_intervals, lines


def named_dots(rows: list[dict[str, Any]], *, order: list[str]) -> dict[str, Any]:
    """`dots_with_intervals` with the names above the dots: beside them they take half of a phone."""
    spec = dots_with_intervals(rows, order=order)
    spec["height"] = {"step": 48}
    _rule, dot, value = spec["layer"]
    y, x = dot["encoding"]["y"], dot["encoding"]["x"]
    for layer in spec["layer"]:
        layer["encoding"]["y"] = {**y, "axis": None}
        layer["encoding"]["x"]["scale"] = {"zero": False, "padding": 36}
    value["mark"] = {"type": "text", "align": "left", "dx": 7, "color": INK}
    value["encoding"]["x"] = {**x, "field": "high"}
    name = {"y": {**y, "axis": None}, "x": {"value": 2}, "text": {"field": "name"}}
    spec["layer"].append(
        {"mark": {"type": "text", "align": "left", "dy": -16, "color": INK}, "encoding": name}
    )
    return spec


def named_lines(rows: list[dict[str, Any]], **options: bool) -> dict[str, Any]:
    """`lines` with one legend: bars have no shapes, so shapes would get a second one."""
    spec = lines(rows, **options)
    for layer in spec["layer"]:
        encoding = layer["encoding"]
        if "shape" in encoding:
            encoding["shape"] = {**encoding["shape"], "legend": None}
    return spec
