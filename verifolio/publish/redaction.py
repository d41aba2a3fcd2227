"""Keeps tokens out of what is said: whatever a server echoes is blotted out before it is shown."""

from __future__ import annotations

import os
import re
from pathlib import Path

_NAMES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "MODELSCOPE_API_TOKEN", "GITHUB_TOKEN")
_SHAPES = re.compile(
    r"\b(hf_[A-Za-z0-9]{8,}|ms-[A-Za-z0-9-]{12,}|gh[pousr]_[A-Za-z0-9]{20,})|(?<=Bearer )\S+"
)


def redact(text: str) -> str:
    """The text without any token that this process could know or that looks like one."""
    for secret in _known():
        text = text.replace(secret, "‹token›")
    return _SHAPES.sub("‹token›", text)


def _known() -> list[str]:
    found = [os.environ.get(name, "") for name in _NAMES]
    home = Path(os.environ.get("HF_HOME", Path.home() / ".cache" / "huggingface"))
    for stored in (os.environ.get("HF_TOKEN_PATH", ""), str(home / "token")):
        try:
            found.append(Path(stored).read_text(encoding="utf-8").strip() if stored else "")
        except OSError:
            continue
    return [one for one in found if len(one) >= 8]
