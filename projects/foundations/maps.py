"""Where a trained model looks: attention weights as numbers and as Vega-Lite heat maps."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from projects.foundations.pinyin import Clause, Words, as_arrays
from projects.foundations.transformer import Transformer

BLUE = "#0072B2"


@torch.no_grad()
def cross_weights(model: Transformer, clauses: list[Clause], source: Words, target: Words) -> np.ndarray:
    """(clauses, heads, characters, syllables) of the last decoder layer; all clauses of one length."""
    model.eval()
    n = len(clauses[0].syllables)
    sources, targets = as_arrays(clauses, source, target, n)
    model(
        torch.from_numpy(sources), torch.from_numpy(targets[:, :n])
    )  # position i is about to write character i
    return model.decoder[-1].cross.weights.numpy()


@torch.no_grad()
def encoder_weights(
    model: Transformer, clauses: list[Clause], source: Words, target: Words
) -> list[np.ndarray]:
    """One (clauses, heads, syllables, syllables) a layer."""
    model.eval()
    sources, _ = as_arrays(clauses, source, target, len(clauses[0].syllables))
    model.encode(torch.from_numpy(sources))
    return [layer.attention.weights.numpy() for layer in model.encoder]


def by_distance(weights: np.ndarray, reach: int) -> np.ndarray:
    """(heads, 2·reach + 1): mean weight on the syllable at each distance, −reach … reach."""
    n = weights.shape[-1]
    inner = range(reach, n - reach)  # positions with a full neighbourhood
    return np.stack([weights[:, :, i, i - reach : i + reach + 1].mean(0) for i in inner]).mean(0)


def heat_map(clause: Clause, weights: np.ndarray) -> dict[str, Any]:
    """Characters down, syllables across; the darker, the more weight. `weights` (characters, syllables)."""
    across = [f"{n + 1} {s}" for n, s in enumerate(clause.syllables)]  # numbered: a syllable may come twice
    down = [f"{n + 1} {c}" for n, c in enumerate(clause.characters)]
    rows = [
        {"syllable": across[j], "character": down[i], "weight": round(float(weights[i, j]), 3)}
        for i in range(len(down))
        for j in range(len(across))
    ]
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": "container",
        "height": {"step": 30},
        "data": {"values": rows},
        "mark": {"type": "rect", "color": BLUE},
        "encoding": {
            "x": {"field": "syllable", "type": "nominal", "sort": None, "title": "@syllable",
                  "axis": {"labelAngle": -40, "domain": False, "ticks": False}},
            "y": {"field": "character", "type": "nominal", "sort": None, "title": "@character",
                  "axis": {"domain": False, "ticks": False, "labelFontSize": 15}},
            "opacity": {"field": "weight", "type": "quantitative", "title": "@weight",
                        "legend": {"values": [0, 0.5, 1], "symbolType": "square", "symbolSize": 300,
                                   "symbolFillColor": BLUE, "symbolStrokeWidth": 0},
                        "scale": {"domain": [0, 1], "range": [0.03, 1]}},
        },
    }  # fmt: skip


def distance_bars(profiles: np.ndarray, reach: int) -> dict[str, Any]:
    """Small multiples, one a head: weight by distance. `profiles` (heads, 2·reach + 1)."""
    rows = [
        {"head": head + 1, "distance": d - reach, "weight": round(float(profiles[head, d]), 4)}
        for head in range(len(profiles))
        for d in range(2 * reach + 1)
    ]
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": "container",
        "height": 230,
        "data": {"values": rows},
        "mark": {"type": "line", "point": {"filled": True, "size": 45}, "strokeWidth": 2},
        "encoding": {
            "x": {"field": "distance", "type": "ordinal", "title": "@distance", "axis": {"labelAngle": 0}},
            "y": {"field": "weight", "type": "quantitative", "title": "@weight"},
            "color": {"field": "head", "type": "nominal", "title": "@head"},
            "shape": {"field": "head", "type": "nominal", "legend": None},  # a second one would say the same
        },
    }
