"""A chart's Vega-Lite specification made ready for drawing: its width, its looks, and what all charts do alike."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

Rows = list[dict[str, Any]]

WIDTHS = {"wide": 660, "narrow": 330}
TICKS = {"wide": 8, "narrow": 5}  # about as many on a horizontal axis; Vega alone would take twice as many
SERIES = ("color", "fill", "stroke", "shape", "strokeDash")
_BEYOND = "(datum.value < 0 || datum.value > 100)"
_AXIS = {
    "labelColor": "#1a1a1a", "titleColor": "#1a1a1a", "tickColor": "#6b6b6b", "domainColor": "#6b6b6b",
    "gridColor": "#d9d9d9", "labelFontSize": 13, "titleFontSize": 13, "titleFontWeight": "normal", "titleLimit": 300,
}  # fmt: skip
_LEGEND = {
    "labelColor": "#1a1a1a", "titleColor": "#1a1a1a", "labelFontSize": 13, "titleFontSize": 13,
    "titleFontWeight": "normal", "orient": "top", "symbolStrokeWidth": 2, "labelLimit": 290,
}  # fmt: skip
_CONFIG = {
    "background": None, "font": "sans-serif", "view": {"stroke": None}, "axis": _AXIS, "axisX": {"titleAnchor": "end", "labelFlush": False, "titleLimit": 600}, "legend": _LEGEND,
    "header": {"labelColor": "#1a1a1a", "titleColor": "#1a1a1a", "labelFontSize": 13, "titleFontSize": 13},
    "text": {"color": "#1a1a1a", "fontSize": 13}, "rule": {"color": "#1a1a1a"},
    "range": {"category": ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00"]},
}  # fmt: skip


def prepared(spec: dict[str, Any], size: str, rows: Rows) -> dict[str, Any]:
    """A copy of the specification, to be drawn `wide` or `narrow`; `rows` are its data."""
    made = {key: value for key, value in spec.items() if key != "title"}
    if made.get("width") in (None, "container"):
        made["width"] = WIDTHS[size]
        made["autosize"] = {"type": "fit-x" if size == "narrow" else "fit", "contains": "padding"}
    made["padding"] = 2
    own = {key: value for key, value in made.get("config", {}).items() if key not in ("view", "background")}
    made["config"] = {**own, **_CONFIG}
    if size == "narrow":  # a row of names would be cut off: one below the other
        made["config"]["legend"] = {**_LEGEND, "columns": 1}
    changed: dict[str, Any] = _each_channel(made, lambda name, one: _channel(name, one, size, rows))
    return changed


def _each_channel(node: Any, change: Callable[[str, dict[str, Any]], dict[str, Any]]) -> Any:
    """A copy in which every channel of an encoding is changed; data stay what they are."""
    if isinstance(node, list):
        return [_each_channel(value, change) for value in node]
    if not isinstance(node, dict):
        return node
    made = {
        key: value if key in ("data", "datasets") else _each_channel(value, change)
        for key, value in node.items()
    }
    if isinstance(made.get("encoding"), dict):
        made["encoding"] = {
            name: change(name, one) if isinstance(one, dict) else one
            for name, one in made["encoding"].items()
        }
    return made


def _channel(name: str, one: dict[str, Any], size: str, rows: Rows) -> dict[str, Any]:
    """What all charts do alike with a channel."""
    made = _with_short_numbers(one)
    if name in SERIES and made.get("type") == "nominal" and "domain" not in (made.get("scale") or {}):
        # In the order of the data: by name, each language would give the colours to other series.
        made.setdefault("sort", None)
    if name in ("x", "y") and made.get("type") == "quantitative" and made.get("axis", {}) is not None:
        made |= {"axis": _axis(name, made, size, rows)}
    if name == "x" and size == "narrow":
        for holder in (made, made.get("axis")):
            if isinstance(holder, dict) and isinstance(holder.get("title"), str):
                lines = _folded(holder["title"])
                holder["title"] = lines if len(lines) > 1 else lines[0]
    return made


def _with_short_numbers(one: dict[str, Any]) -> dict[str, Any]:
    """`~s` alone would say 18.751k where 18.8k is meant."""
    made = {
        key: _with_short_numbers(value) if isinstance(value, dict) else value for key, value in one.items()
    }
    return made | {"format": ".3~s"} if made.get("format") == "~s" else made


def _axis(name: str, one: dict[str, Any], size: str, rows: Rows) -> dict[str, Any]:
    """Not too many ticks across; a share has none below 0 and above 100 %, where names and numbers find their room."""
    axis = dict(one.get("axis", {}))
    if "values" in axis:
        return axis
    if name == "x" and (one.get("scale") or {}).get("type") != "log":
        axis.setdefault("tickCount", TICKS[size])
    field = str(one.get("field"))
    numbers = [row[field] for row in rows if isinstance(row.get(field), int | float)]
    if (
        "%" in str(one.get("title") or axis.get("title"))
        and numbers
        and 0 <= min(numbers) <= max(numbers) <= 100
    ):
        axis |= {"labelExpr": f"{_BEYOND} ? '' : datum.label"}
        axis |= {
            part: {"condition": {"test": _BEYOND, "value": 0}, "value": 1}
            for part in ("gridOpacity", "tickOpacity")
        }
    return axis


def _folded(title: str, room: int = 46) -> list[str]:
    """Broken after a space or a comma, before a bracket; `room` in Latin letters, of which a Han character takes two."""

    def width(text: str) -> int:
        return sum(2 if ord(one) > 0x2E80 else 1 for one in text)

    places = [found.end() for found in re.finditer(r" |，|、|；|(?=（)", title) if found.end()]
    fitting = [at for at in places if width(title[:at].rstrip()) <= room]
    if width(title) <= room or not fitting:
        return [title]
    return [title[: fitting[-1]].rstrip(), *_folded(title[fitting[-1] :].lstrip(), room)]
