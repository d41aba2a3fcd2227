"""Chart specifications (Vega-Lite) shared by the experiments. Words are tokens; colours are the theme's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from verifolio.record import Run

SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"
INK, MUTED, ACCENT = "#1a1a1a", "#6b6b6b", "#0b5fff"


def record_loss(run: Run, curve: list[dict[str, float]]) -> None:
    """Training loss over steps."""
    rows = [{"step": row["step"], "loss": round(row["loss"], 4)} for row in curve]
    spec = {
        "$schema": SCHEMA,
        "width": "container",
        "height": 220,
        "data": {"values": rows},
        "mark": {"type": "line", "color": "#0072B2", "strokeWidth": 2},
        "encoding": {
            "x": {"field": "step", "type": "quantitative", "title": "@step", "axis": {"grid": False}},
            "y": {"field": "loss", "type": "quantitative", "title": "@loss"},
        },
    }
    words = {
        "@step": {"zh": "训练步", "en": "training step"},
        "@loss": {"zh": "训练损失（nat）", "en": "training loss (nats)"},
    }
    run.chart("loss", spec, words=words)


def dots_with_intervals(rows: list[dict[str, Any]], *, order: list[str], unit: str = "%") -> dict[str, Any]:
    """One dot a row with its 95 % interval: rows of name, value, low, high; `name` may be a token."""
    y = {"field": "name", "type": "nominal", "sort": order, "title": None, "axis": {"labelLimit": 200}}
    x = {"type": "quantitative", "title": "@value", "scale": {"zero": False}}
    return {
        "$schema": SCHEMA,
        "width": "container",
        "height": {"step": 36},
        "data": {"values": rows},
        "layer": [
            {
                "mark": {"type": "rule", "color": MUTED, "strokeWidth": 2},
                "encoding": {"y": y, "x": {**x, "field": "low"}, "x2": {"field": "high"}},
            },
            {
                "mark": {"type": "point", "filled": True, "size": 90, "color": "#0072B2", "opacity": 1},
                "encoding": {"y": y, "x": {**x, "field": "value"}},
            },
            {
                "mark": {"type": "text", "dy": -11, "color": INK},
                "encoding": {"y": y, "x": {**x, "field": "value"}, "text": {"field": "shown"}},
            },
        ],
    }


def lines(
    rows: list[dict[str, Any]], *, log_x: bool = False, band: bool = False, diagonal: bool = False
) -> dict[str, Any]:
    """Lines by `name` through x and y, named at their end, with bars from low to high if `band`."""
    scale = {"type": "log"} if log_x else {"zero": False}
    x = {"field": "x", "type": "quantitative", "title": "@x", "scale": scale, "axis": {"grid": False}}
    if log_x:
        x["axis"] = {"grid": False, "values": sorted({row["x"] for row in rows}), "format": "~s"}
    y = {"field": "y", "type": "quantitative", "title": "@y", "scale": {"zero": False}}
    colour = {"field": "name", "type": "nominal", "title": None}
    layers: list[dict[str, Any]] = []
    if diagonal:
        ends = [{"x": 50, "y": 50}, {"x": 100, "y": 100}]
        layers.append(
            {
                "data": {"values": ends},
                "mark": {"type": "line", "color": MUTED, "strokeDash": [4, 4]},
                "encoding": {"x": x, "y": y},
            }
        )
    if band:
        layers.append(
            {
                "mark": {"type": "rule", "strokeWidth": 2, "opacity": 0.6},
                "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}, "color": colour},
            }
        )
    point = {"filled": True, "size": 50}
    layers.append(
        {
            "mark": {"type": "line", "point": point, "strokeWidth": 2},
            "encoding": {"x": x, "y": y, "color": colour, "shape": colour},
        }
    )
    return {
        "$schema": SCHEMA,
        "width": "container",
        "height": 260,
        "data": {"values": rows},
        "layer": layers,
    }
