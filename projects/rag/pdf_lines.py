"""Turns the glyphs of a PDF page into lines of text."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Iterable
from dataclasses import dataclass

import pypdfium2 as pdfium
import pypdfium2.raw as raw


@dataclass
class Line:
    """A run of text on one baseline without a wide gap; coordinates in points from the lower left."""

    text: str
    x0: float
    x1: float
    base: float
    """The baseline."""
    size: float
    bold: bool = False

    @property
    def y0(self) -> float:
        return self.base - 0.2 * self.size

    @property
    def y1(self) -> float:
        return self.base + 0.75 * self.size

    @property
    def middle(self) -> float:
        return (self.y0 + self.y1) / 2


def read_lines(textpage: pdfium.PdfTextPage) -> list[Line]:
    """The lines of a page, in the order in which the file sets them."""
    handle = textpage.raw
    lines: list[Line] = []
    line: Line | None = None
    space = 0
    for index in range(textpage.count_chars()):
        code = raw.FPDFText_GetUnicode(handle, index)
        if code in (0, 0x02, 0xAD, 0xFFFE):  # hyphens that only break a line
            continue
        letter = chr(code)
        if letter.isspace():
            # A space that pdfium guessed from the layout counts only if there is a gap to see.
            space = 2 if not raw.FPDFText_IsGenerated(handle, index) else max(space, 1)
            continue
        x0, x1, base, size = _place(handle, index)
        if line is not None:
            gap = x0 - line.x1
            if abs(base - line.base) < 0.6 * max(size, line.size) and -0.6 * size < gap < 1.1 * size:
                apart = space == 2 or (space == 1 and gap > 0.08 * size)
                line.text += (" " if apart else "") + letter
                line.x1 = max(line.x1, x1)
                # One word in another face must not make a heading of its line: size is the mean, bold means all.
                line.size += (size - line.size) / len(line.text)
                line.bold = line.bold and (not apart or _is_bold(handle, index))
                space = 0
                continue
        line = Line(letter, x0, x1, base, size, _is_bold(handle, index))
        lines.append(line)
        space = 0
    return lines


def _place(handle: object, index: int) -> tuple[float, float, float, float]:
    """Where a character begins and ends, its baseline, and the size at which it is shown."""
    box, matrix = raw.FS_RECTF(), raw.FS_MATRIX()
    across, base = ctypes.c_double(), ctypes.c_double()
    raw.FPDFText_GetLooseCharBox(handle, index, box)  # as wide as the PDF says, not as the glyph is
    raw.FPDFText_GetCharOrigin(handle, index, across, base)
    raw.FPDFText_GetMatrix(handle, index, matrix)
    size = raw.FPDFText_GetFontSize(handle, index) * math.hypot(matrix.c, matrix.d)
    return box.left, box.right, base.value, size


def _is_bold(handle: object, index: int) -> bool:
    if raw.FPDFText_GetFontWeight(handle, index) >= 600:
        return True
    name = ctypes.create_string_buffer(64)
    flags = ctypes.c_int()
    raw.FPDFText_GetFontInfo(handle, index, name, 64, ctypes.byref(flags))
    return b"bold" in name.value.lower() or b"heavy" in name.value.lower()


def join_lines(texts: Iterable[str]) -> str:
    """Join the lines of a paragraph: with a space, but not between two Chinese characters."""
    whole = ""
    for text in texts:
        tight = not whole or (is_cjk(whole[-1]) and is_cjk(text[:1])) or whole[-1] == "-"
        whole += ("" if tight else " ") + text
    return whole


def is_cjk(letter: str) -> bool:
    """Say whether a character is written without spaces around it."""
    return bool(letter) and ("\u2e80" <= letter <= "\u9fff" or "\uf900" <= letter <= "\uffef")
