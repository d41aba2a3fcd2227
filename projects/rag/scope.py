"""Requests that no document can answer: a customer's own order or account, or a piece of writing.

By rule, from how the development questions ask for them; everything else is left to the fitted weights.
"""

from __future__ import annotations

import re

_OUTSIDE = re.compile(
    r"\b(?:where is|where's|status of|track) my\b|\bmy (?:last )?(?:order|parcel|refund) (?:no\.?|number|status)?\s*\d{4,}"
    r"|^(?:please )?(?:write|compose|draft)\b"
    r"|我(?:的|那).{0,8}(?:到哪|哪一步|走到)|查(?:一)?下我|单号\s*\d{4,}|写(?:个|一|篇|封)",
    re.IGNORECASE,
)


def is_outside(question: str) -> bool:
    """Say whether a question asks for what no document of a shop can hold."""
    return bool(_OUTSIDE.search(question.strip()))
