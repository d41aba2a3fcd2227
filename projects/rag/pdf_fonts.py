"""The one face that stands in for every Chinese, Japanese or Korean face that a PDF names and does not carry.

pdfium takes such a face from the machine, measures its glyphs, and leaves out a piece of text whose glyphs it lacks, so
that one PDF reads differently on two machines. Here every character is the same small square: places and widths are then
the PDF's own. Western faces that are lacking are pdfium's own ones. For reading only: a page drawn in this process would
show squares.
"""

from __future__ import annotations

import ctypes
import struct
from functools import cache
from typing import Any

import pypdfium2.raw as raw

EM = 1000
_WESTERN = (0, 1, 2)
"""ANSI, default and symbol (as in FPDF_SYSFONTINFO): for these pdfium has faces of its own, with widths that a PDF may lean on."""
_SQUARE = (50, 150)
"""Narrower than any letter, so that it never reaches out of the place that the PDF gives."""


def build_face() -> bytes:
    """A TrueType font that shows every character of Unicode as its glyph 1 (OpenType 1.9, chapter 5)."""
    low, high = _SQUARE
    glyph = struct.pack(">5h H H 4B", 1, low, low, high, high, 3, 0, *[0x01] * 4)  # one contour of 4 corners
    glyph += struct.pack(">8h", low, 0, high - low, 0, low, high - low, 0, low - high)
    first, last, number = 0x20, 0x10FFFF, 1
    many_to_one = struct.pack(">HHIII 3I", 13, 0, 28, 0, 1, first, last, number)
    tables = {
        b"cmap": struct.pack(">HH HHI", 0, 1, 3, 10, 12) + many_to_one,
        b"glyf": glyph,
        b"head": struct.pack(">4I HH QQ 4h HHhhh", 0x10000, 0x10000, 0, 0x5F0F3CF5, 0, EM, 0, 0, 0, 0, EM, EM, 0, 8, 2, 0, 0),
        b"hhea": struct.pack(">I 3h H 11h H", 0x10000, 800, -200, 0, EM, *[0] * 11, 1),
        b"hmtx": struct.pack(">Hhh", EM, 0, low),
        b"loca": struct.pack(">3H", 0, 0, len(glyph) // 2),
        b"maxp": struct.pack(">I 14H", 0x10000, 2, 4, 1, *[0] * 11),
    }  # fmt: skip
    head = struct.pack(">I 4H", 0x10000, len(tables), 64, 2, 16 * len(tables) - 64)
    at, directory, body = len(head) + 16 * len(tables), b"", b""
    for name, table in tables.items():
        directory += struct.pack(">4s 3I", name, 0, at + len(body), len(table))
        body += table + bytes(-len(table) % 4)
    return head + directory + body


@cache
def use_one_face() -> None:
    """From now on pdfium asks for no face of the machine; pages that are open keep theirs."""
    raw.FPDF_SetSystemFontInfo(ctypes.byref(_INFO))


_FACE = build_face()
_FIELDS = dict(raw.FPDF_SYSFONTINFO._fields_)


@_FIELDS["MapFont"]
def _map_font(_info: object, _weight: int, _italic: int, charset: int, *_: object) -> int | None:
    return None if charset in _WESTERN else 1  # a handle; any but null


@_FIELDS["GetFontData"]
def _give_data(_info: object, _font: object, table: int, buffer: Any, size: int) -> int:
    """The file as a whole, or only its length where `buffer` is too small; pdfium asks for single tables of collections."""
    if table:
        return 0
    if size >= len(_FACE):
        ctypes.memmove(buffer, _FACE, len(_FACE))
    return len(_FACE)


_INFO = raw.FPDF_SYSFONTINFO(version=1, MapFont=_map_font, GetFontData=_give_data)  # pdfium keeps its address
