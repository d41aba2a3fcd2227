"""What goes wrong, told to the person who can mend it.

VerifolioError
└── AuthorError      the author's fault (content, data, environment): shown without a traceback
Any other exception is a fault of ours and keeps its traceback.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


class VerifolioError(Exception):
    """Base of all errors that the engine raises on purpose."""


@dataclass(frozen=True, order=True)
class Fault:
    """One thing to mend: where, what, and the way out."""

    path: str
    line: int
    message: str
    hint: str = ""

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}" if self.line else self.path
        text = f"{where}: {self.message}" if where else self.message
        return f"{text}\n    → {self.hint}" if self.hint else text


class AuthorError(VerifolioError):
    """Faults that the author can mend; several are reported together, sorted by file."""

    def __init__(
        self,
        message: str = "",
        *,
        path: str | Path = "",
        line: int = 0,
        hint: str = "",
        faults: list[Fault] | None = None,
    ) -> None:
        self.faults = sorted(set(faults)) if faults else [Fault(str(path), line, message, hint)]
        self.path, self.line, self.hint = str(path), line, hint
        super().__init__("\n".join(str(fault) for fault in self.faults))


def did_you_mean(word: str, known: list[str]) -> str:
    """A hint that names the nearest known words, or the known ones when none is near."""
    from difflib import get_close_matches

    near = get_close_matches(word, known, n=3, cutoff=0.5)
    if near:
        return "did you mean " + " or ".join(f"‘{name}’" for name in near) + "?"
    listed = ", ".join(sorted(known)[:8])
    return f"known here: {listed}{'…' if len(known) > 8 else ''}" if known else ""
