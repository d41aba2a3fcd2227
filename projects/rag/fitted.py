"""The fitted weights: of passages (`rank`), of pieces (`piece`), and of whether the documents say (`answer`, `topic`)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

WEIGHTS = Path(__file__).parent / "weights.json"


def read_weights() -> dict[str, Any]:
    """Read what `fit` wrote: weights by name; `topic` is a vector in the space of USE."""
    return json.loads(WEIGHTS.read_text("utf-8"))  # type: ignore[no-any-return]
