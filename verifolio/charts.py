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

from verifolio.chartspec import WIDTHS, prepared
from verifolio.errors import AuthorError
from verifolio.files import write_cache
from verifolio.results import Chart, Words
from verifolio.words import say

MAX_ROWS = 300
VARIABLES = {
    "#1a1a1a": "--vf-ink", "#6b6b6b": "--vf-muted", "#d9d9d9": "--vf-grid", "#ffffff": "--vf-paper",
    "#0b5fff": "--vf-accent", "#0072b2": "--vf-c1", "#e69f00": "--vf-c2", "#009e73": "--vf-c3",
    "#cc79a7": "--vf-c4", "#56b4e9": "--vf-c5", "#d55e00": "--vf-c6",
}  # fmt: skip
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
    """The hash of this file and of what it uses: whoever changes them, prepares all charts anew."""
    names = ("charts.py", "chartspec.py", "words.py")
    return hashlib.sha256(b"\0".join(Path(__file__).with_name(name).read_bytes() for name in names)).digest()


def _drawn(chart: Chart, lang: str, size: str, cache: Path) -> str:
    spec = prepared(_spec(chart, lang), size, _data_rows(_spec(chart, lang)))
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
