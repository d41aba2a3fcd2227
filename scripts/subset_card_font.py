"""Make the font of the social cards: Noto Sans CJK SC Bold with the characters of GB 2312, Latin and signs.

    python scripts/subset_card_font.py /usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc

(Debian: apt-get install fonts-noto-cjk.) Needs `fonttools`. The cards are drawn with this very file, so that
they come out the same on a machine without any Chinese font; other characters come from the system's fonts.
"""

from __future__ import annotations

import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTCollection

OUT = Path(__file__).resolve().parents[1] / "verifolio" / "fonts" / "cards.otf"
SIGNS = "–—…‘’“”·×±≈≤≥→←−°²³αβγδεμλπσ"


def characters() -> set[str]:
    """All of GB 2312 but box drawings, and ASCII."""
    found = {chr(code) for code in range(0x20, 0x7F)} | set(SIGNS)
    for row in (0xA1, 0xA3, *range(0xB0, 0xF8)):
        for cell in range(0xA1, 0xFF):
            found |= set(bytes([row, cell]).decode("gb2312", errors="ignore"))
    return found


def main(source: str) -> None:
    """Cut, rename as the licence asks, write."""
    fonts = TTCollection(source).fonts
    font = next(one for one in fonts if one["name"].getDebugName(1) == "Noto Sans CJK SC")
    options = subset.Options(hinting=False, layout_features=[], notdef_outline=True)
    options.name_IDs = [0, 1, 2, 4, 6, 13, 14]
    cutter = subset.Subsetter(options)
    cutter.populate(text="".join(sorted(characters())))
    cutter.subset(font)
    for number, name in (
        (1, "Verifolio Cards"),
        (2, "Regular"),
        (4, "Verifolio Cards"),
        (6, "VerifolioCards"),
    ):
        font["name"].setName(name, number, 3, 1, 0x409)
    font["OS/2"].usWeightClass = 400
    font["OS/2"].fsSelection = (font["OS/2"].fsSelection & ~0x20) | 0x40
    font["head"].macStyle = 0
    font["CFF "].cff.fontNames = ["VerifolioCards"]
    font.save(OUT)
    print(f"{OUT.name}: {OUT.stat().st_size:,} bytes")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
