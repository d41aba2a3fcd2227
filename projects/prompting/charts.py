"""The one chart of these experiments: shares in per cent, a dot with its interval for each way of asking."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from projects.prompting.tables import dot
from projects.sentiment.plots import named_dots

if TYPE_CHECKING:
    from verifolio.record import Run

TICKS = [0, 20, 40, 60, 80, 100]  # the room for names and numbers reaches beyond; a share does not


def record_dots(
    run: Run,
    key: str,
    shares: Mapping[str, np.ndarray],
    names: Mapping[str, dict[str, str]],
    zh: str,
    en: str,
) -> None:
    """`shares` (n,) of each way, in the order of the mapping; `zh` and `en` name the axis."""
    dots = [dot(f"@{way}", values) for way, values in shares.items()]
    spec = named_dots(dots, order=[one["name"] for one in dots])
    for layer in spec["layer"]:
        if "field" in layer["encoding"]["x"]:
            layer["encoding"]["x"]["axis"] = {"values": TICKS}
    words = {f"@{way}": names[way] for way in shares} | {"@value": {"zh": zh, "en": en}}
    run.chart(key, spec, words=words)
