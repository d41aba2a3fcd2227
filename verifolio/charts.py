"""Vega-Lite specifications as inline SVG that follows the page's colours, with the data as a table.

Colours in a specification are sentinels; here they become CSS variables, so one SVG serves light and
dark. Two widths are drawn, because a chart that is only shrunk cannot be read on a phone.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import html
import importlib.util
import re
from pathlib import Path
from typing import Any

import msgspec

from verifolio.errors import AuthorError
from verifolio.files import write_cache
from verifolio.results import Chart, Words
from verifolio.words import say

WIDTHS = {"wide": 660, "narrow": 330}
MAX_ROWS = 300
VARIABLES = {
    "#1a1a1a": "--vf-ink", "#6b6b6b": "--vf-muted", "#d9d9d9": "--vf-grid", "#ffffff": "--vf-paper",
    "#0b5fff": "--vf-accent", "#0072b2": "--vf-c1", "#e69f00": "--vf-c2", "#009e73": "--vf-c3",
    "#cc79a7": "--vf-c4", "#56b4e9": "--vf-c5", "#d55e00": "--vf-c6",
}  # fmt: skip
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
SERIES = ("color", "fill", "stroke", "shape", "strokeDash")
_NOT_DATA = ("text", "tooltip", "order", "detail")  # channels that repeat what another one shows
_RENDERER = "7"  # part of the cache's key: raise it when the code below draws differently


class Drawing(msgspec.Struct, frozen=True):
    """A chart in one language: both drawings, the titles of its data's columns, the data as an HTML table."""

    wide: str
    narrow: str
    titles: list[str]
    table: str


@functools.lru_cache(maxsize=512)  # a receipt and its posts show the same drawing
def draw(chart: Chart, lang: str, cache: Path) -> Drawing:
    """All of a chart, from the cache when neither it nor this file changed, or when it still means the same."""
    known = cache / f"{_key(chart, lang)}.json"
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        return msgspec.json.decode(known.read_bytes(), type=Drawing)
    wide, narrow = (_drawn(chart, lang, size, cache) for size in WIDTHS)
    drawing = Drawing(wide, narrow, chart_data(chart, lang)[0], _data_table(chart, lang))
    write_cache(known, msgspec.json.encode(drawing))
    return drawing


def _key(chart: Chart, lang: str) -> str:
    parts = [_reader(), _engine_version().encode(), lang.encode(), msgspec.json.encode(chart)]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:32]


@functools.cache
def _reader() -> bytes:
    """The hash of this file and of the words that it uses: whoever changes them, prepares all charts anew."""
    files = (Path(__file__), Path(__file__).with_name("words.py"))
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).digest()


def _drawn(chart: Chart, lang: str, size: str, cache: Path) -> str:
    spec = _prepared(chart, lang, WIDTHS[size])
    text = msgspec.json.encode(spec, order="sorted")
    name = hashlib.sha256(f"{_RENDERER} {_engine_version()} ".encode() + text).hexdigest()[:24]
    path = cache / f"{name}.svg"
    if path.exists():
        return path.read_text(encoding="utf-8")
    import vl_convert

    try:
        drawn = vl_convert.vegalite_to_svg(vl_spec=spec)
    except ValueError as error:
        reason = str(error).splitlines()[0]
        raise AuthorError(
            f"Vega-Lite cannot draw the chart: {reason}", hint="mend the specification in the project"
        ) from None
    if re.search(r'="[^"<>]*(?:Infinity|NaN|e\+308)', drawn):
        raise AuthorError(
            "the chart has no finite size", hint="does every mark have data? an empty scale has no extent"
        )
    svg = _adapted(drawn, name[:8])
    write_cache(path, svg.encode())
    return svg


@functools.lru_cache(maxsize=256)
def chart_data(chart: Chart, lang: str) -> tuple[list[str], list[list[Any]], bool]:
    """Column titles, rows, and whether rows were left out (above MAX_ROWS)."""
    spec = _spec(chart, lang)
    titles, ends = _field_titles(spec), _interval_ends(spec)
    rows = _data_rows(spec)
    if not rows:
        raise AuthorError("the chart carries no data", hint="give Altair the data inline")
    fields = [name for name in titles if any(name in row for row in rows)] or list(rows[0])
    fields.sort(key=lambda name: (bool(titles.get(name)), name in ends))  # names first, intervals last
    cells = [[row.get(name) for name in fields] for row in rows[:MAX_ROWS]]
    heads = [say(ends[name], lang) if name in ends else titles.get(name) or name for name in fields]
    heads = [say("series", lang) if head == "name" else head for head in heads]
    return heads, cells, len(rows) > MAX_ROWS


def _data_table(chart: Chart, lang: str) -> str:
    titles, rows, cut = chart_data(chart, lang)
    head = "".join(f'<th scope="col">{html.escape(title)}</th>' for title in titles)
    body = "".join("<tr>" + "".join(f"<td>{_datum(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    more = f'<tr><td colspan="{len(titles)}">…</td></tr>' if cut else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}{more}</tbody></table>"


def _datum(cell: Any) -> str:
    if cell is None:
        return "—"
    if isinstance(cell, float):
        return f"{cell:.4g}" if abs(cell) < 1e5 else f"{cell:,.0f}"
    return html.escape(str(cell))


def _prepared(chart: Chart, lang: str, width: int) -> dict[str, Any]:
    spec = _spec(chart, lang)
    spec = {key: value for key, value in spec.items() if key != "title"}
    if spec.get("width") in (None, "container"):
        spec["width"] = width
        fit = "fit-x" if width == WIDTHS["narrow"] else "fit"
        spec["autosize"] = {"type": fit, "contains": "padding"}
    spec["padding"] = 2
    own = {key: value for key, value in spec.get("config", {}).items() if key not in ("view", "background")}
    spec["config"] = {**own, **_CONFIG}
    short: dict[str, Any] = _with_short_numbers(_in_given_order(spec))
    if width == WIDTHS["narrow"]:  # a row of names would be cut off: one below the other
        short["config"]["legend"] = {**_LEGEND, "columns": 1}
        return _with_folded_titles(short)  # type: ignore[no-any-return]
    return short


def _in_given_order(node: Any) -> Any:
    """A copy whose series take their colours in the order of the data: by name, each language would have its own."""
    if isinstance(node, list):
        return [_in_given_order(value) for value in node]
    if not isinstance(node, dict):
        return node
    made = {
        key: value if key in ("data", "datasets") else _in_given_order(value) for key, value in node.items()
    }
    channels = made["encoding"] if isinstance(made.get("encoding"), dict) else {}
    for channel in SERIES:
        one = channels.get(channel)
        if not isinstance(one, dict) or one.get("type") != "nominal" or "field" not in one:
            continue
        if "sort" not in one and "domain" not in (one.get("scale") or {}):
            channels[channel] = {**one, "sort": None}
    return made


def _with_short_numbers(node: Any) -> Any:
    """A copy whose axes say 18.8k where `~s` alone would say 18.751k."""
    if isinstance(node, list):
        return [_with_short_numbers(value) for value in node]
    if not isinstance(node, dict):
        return node
    made = {
        key: value if key in ("data", "datasets") else _with_short_numbers(value)
        for key, value in node.items()
    }
    return {**made, "format": ".3~s"} if made.get("format") == "~s" else made


def _with_folded_titles(node: Any) -> Any:
    """A copy in which titles of horizontal axes that are wider than a phone stand on several lines."""
    if isinstance(node, list):
        return [_with_folded_titles(value) for value in node]
    if not isinstance(node, dict):
        return node
    made = {
        key: value if key in ("data", "datasets") else _with_folded_titles(value)
        for key, value in node.items()
    }
    across = made["encoding"].get("x") if isinstance(made.get("encoding"), dict) else None
    for holder in (across, across.get("axis")) if isinstance(across, dict) else ():
        if isinstance(holder, dict) and isinstance(holder.get("title"), str):
            lines = _folded(holder["title"])
            holder["title"] = lines if len(lines) > 1 else lines[0]
    return made


def _folded(title: str, room: int = 46) -> list[str]:
    """Broken after a space or a comma, before a bracket; `room` in Latin letters, of which a Han character takes two."""

    def width(text: str) -> int:
        return sum(2 if ord(one) > 0x2E80 else 1 for one in text)

    places = [found.end() for found in re.finditer(r" |，|、|；|(?=（)", title) if found.end()]
    fitting = [at for at in places if width(title[:at].rstrip()) <= room]
    if width(title) <= room or not fitting:
        return [title]
    return [title[: fitting[-1]].rstrip(), *_folded(title[fitting[-1] :].lstrip(), room)]


@functools.lru_cache(maxsize=256)
def _spec(chart: Chart, lang: str) -> Any:
    return _translated(chart.spec, chart.words, lang)


def _translated(node: Any, words: dict[str, Words], lang: str) -> Any:
    if isinstance(node, dict):  # numbers, which most of a chart's data are, are passed at once
        return {
            key: value if isinstance(value, float | int) else _translated(value, words, lang)
            for key, value in node.items()
        }
    if isinstance(node, list):
        return [_translated(value, words, lang) for value in node]
    if isinstance(node, str) and node.startswith("@"):
        if node not in words:
            raise AuthorError(f"the chart uses the word {node} but gives no translation for it")
        return words[node][lang]
    if isinstance(node, str) and "@" in node:
        # tokens inside Vega expressions, such as datum.method == '@lora'
        return re.sub(
            r"@[a-z][a-z0-9_]*", lambda hit: words.get(hit.group(), {}).get(lang, hit.group()), node
        )
    return node


def _adapted(svg: str, prefix: str) -> str:
    """Colours as variables, the page's font, ids of its own, a box that scales."""
    svg = svg[svg.index("<svg") :]
    size = re.search(r'<svg[^>]*\bwidth="([\d.]+)"[^>]*\bheight="([\d.]+)"', svg)
    for colour, variable in VARIABLES.items():
        svg = re.sub(re.escape(colour), f"var({variable})", svg, flags=re.IGNORECASE)
    svg = re.sub(r' font-family="[^"]*"', "", svg)
    svg = re.sub(r'\b(id="|url\(#)', lambda hit: f"{hit.group()}{prefix}-", svg)
    svg = re.sub(r' (?:aria-[a-z]+|role|xmlns:xlink|aria-roledescription)="[^"]*"', "", svg)
    svg = re.sub(r"<[^>]+>", lambda tag: re.sub(r"(\.\d\d)\d+", r"\1", tag.group()), svg)  # words stay whole
    svg = svg.replace("\n", " ")
    if size:
        svg = svg.replace(
            "<svg",
            f'<svg style="max-width:{float(size.group(1)):.0f}px" aria-hidden="true" focusable="false"',
            1,
        )
    return svg


def _field_titles(node: Any) -> dict[str, str]:
    """Encoded field → the title that a reader sees, in the order of the specification."""
    titles: dict[str, str] = {}
    if isinstance(node, dict):
        field = node.get("field")
        if isinstance(field, str):
            title = (
                node.get("title")
                or (node.get("axis") or {}).get("title")
                or (node.get("legend") or {}).get("title")
            )
            if title:
                titles[field] = title
            else:
                titles.setdefault(field, "")
        for key, value in node.items():
            if key not in ("data", "datasets", *_NOT_DATA):
                for name, title in _field_titles(value).items():
                    if title or name not in titles:
                        titles[name] = title
    elif isinstance(node, list):
        for value in node:
            for name, title in _field_titles(value).items():
                if title or name not in titles:
                    titles[name] = title
    return titles


def _interval_ends(node: Any) -> dict[str, str]:
    """Fields that are drawn as the two ends of a bar or rule."""
    ends: dict[str, str] = {}
    if isinstance(node, dict):
        encoding = node.get("encoding") or {}
        for low, high in (("x", "x2"), ("y", "y2")):
            fields = [(encoding.get(channel) or {}).get("field") for channel in (low, high)]
            if all(isinstance(field, str) for field in fields):
                ends |= {str(fields[0]): "low", str(fields[1]): "high"}
        for key, value in node.items():
            if key not in ("data", "datasets"):
                ends |= _interval_ends(value)
    elif isinstance(node, list):
        for value in node:
            ends |= _interval_ends(value)
    return ends


def _data_rows(spec: dict[str, Any]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for values in spec.get("datasets", {}).values():
        rows += [row for row in values if row not in rows]
    pending: list[Any] = [spec]
    while pending:
        node = pending.pop(0)
        if isinstance(node, dict):
            data = node.get("data")
            if isinstance(data, dict) and isinstance(data.get("values"), list):
                rows += [row for row in data["values"] if isinstance(row, dict) and row not in rows]
            pending += [
                value
                for key, value in node.items()
                if key in ("layer", "hconcat", "vconcat", "concat", "spec")
            ]
        elif isinstance(node, list):
            pending += node
    return rows


@functools.cache
def _engine_version() -> str:
    """By the name of its folder: importing importlib.metadata takes longer than all charts."""
    spec = importlib.util.find_spec("vl_convert")
    assert spec is not None
    assert spec.origin is not None
    found = next(Path(spec.origin).parent.parent.glob("vl_convert_python-*.dist-info"))
    return found.name.removeprefix("vl_convert_python-").removesuffix(".dist-info")
