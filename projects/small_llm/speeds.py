"""The runtimes' decoding speeds as a figure, drawn from their result: drawing again measures nothing again."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from verifolio.record import Run

LIBRARIES = {
    "Transformers": "PyTorch",
    "bitsandbytes": "bitsandbytes",
    "PyTorch": "PyTorch",
    "llama.cpp": "llama.cpp",
}


def run_speeds(run: Run) -> None:
    """Bars, the fastest first, and how far apart the ends are."""
    rows = sorted(run.result_of("runtimes").tables["runtimes"].rows, key=lambda row: -row["decode"])
    run.metric("spread", rows[0]["decode"] / rows[-1]["decode"], unit="times", n=len(rows),
               label={"zh": "最快的解码是最慢的几倍", "en": "fastest decoding over the slowest"})  # fmt: skip
    values = [{"name": row["runtime"], "x": round(row["decode"], 1), "library": LIBRARIES[row["runtime"].split()[0]]}
              for row in rows]  # fmt: skip
    y = {"field": "name", "type": "nominal", "title": None, "sort": [row["name"] for row in values],
         "axis": {"labelLimit": 200}}  # fmt: skip
    room = {"domainMax": 1.2 * rows[0]["decode"]}  # for the number at the end of the longest bar
    x = {"field": "x", "type": "quantitative", "title": "@speed", "scale": room}
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": "container", "height": {"step": 30}, "data": {"values": values},
        "layer": [
            {"mark": {"type": "bar"}, "encoding": {
                "y": y, "x": x, "color": {"field": "library", "type": "nominal", "title": None, "sort": ["llama.cpp", "PyTorch", "bitsandbytes"]}}},
            {"mark": {"type": "text", "align": "left", "dx": 4, "color": "#1a1a1a"}, "encoding": {"y": y, "x": x, "text": {"field": "x"}}},
        ],
    }  # fmt: skip
    run.chart("speed", spec, words={"@speed": {"zh": "解码速度（词元/秒）", "en": "decoding (tokens/s)"}})
