"""Make the site's web fonts: small woff2 subsets of IBM Plex Sans (variable) and IBM Plex Mono.

The fonts come from two npm packages (SIL Open Font License 1.1). In an empty folder:

    npm install --ignore-scripts @fontsource-variable/ibm-plex-sans@5.3.0 @fontsource/ibm-plex-mono@5.3.0
    python scripts/subset_fonts.py path/to/that/folder/node_modules

Needs `fonttools` and `brotli`. Chinese is not subset: it comes from the reader's system.
"""

from __future__ import annotations

import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont
from fontTools.varLib import instancer

OUT = Path(__file__).resolve().parents[1] / "site_src" / "assets" / "fonts"
BUDGET = 80_000  # bytes, all woff2 files together

SANS = "@fontsource-variable/ibm-plex-sans"
MONO = "@fontsource/ibm-plex-mono"

ASCII = range(0x20, 0x7F)
LATIN_1 = range(0xA0, 0x100)
PUNCTUATION = [
    *(0x2009, 0x2013, 0x2014, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2026),
    *(0x2032, 0x2033, 0x2191, 0x2193, 0x2212, 0xFFFD),
]
TEXT = [*ASCII, *LATIN_1, *PUNCTUATION]
CODE = [*ASCII, 0xA0, 0xB1, 0xB5, 0xB7, 0xD7, *PUNCTUATION]

# target, package, file in the package, characters, range of weights that the site uses
FONTS = [
    ("sans.woff2", SANS, "ibm-plex-sans-latin-wght-normal", TEXT, (400, 700)),
    ("sans-italic.woff2", SANS, "ibm-plex-sans-latin-wght-italic", CODE, (400, 400)),
    ("mono.woff2", MONO, "ibm-plex-mono-latin-400-normal", CODE, None),
    ("mono-bold.woff2", MONO, "ibm-plex-mono-latin-600-normal", CODE, None),
]


def main(node_modules: Path) -> int:
    """Write every subset and say what it weighs; fail when the budget is broken."""
    total = 0
    for target, package, stem, characters, weights in FONTS:
        source = node_modules / package / "files" / f"{stem}.woff2"
        size = write_subset(source, OUT / target, characters, weights)
        total += size
        print(f"{target:20} {size:7,} bytes")
    write_licence(node_modules)
    print(f"{'together':20} {total:7,} bytes (budget {BUDGET:,})")
    return 0 if total <= BUDGET else 1


def write_subset(source: Path, target: Path, characters: list[int], weights: tuple[int, int] | None) -> int:
    """Cut one font down to the characters and weights in use; return its size."""
    options = subset.Options(flavor="woff2", hinting=False, desubroutinize=True)
    options.layout_features = ["kern", "liga", "mark", "ccmp"]
    options.name_IDs = [0, 1, 2, 13, 14]  # copyright and licence travel with the file
    font = TTFont(source)
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=characters)
    cutter.subset(font)
    if weights is not None:
        low, high = weights
        instancer.instantiateVariableFont(font, {"wght": low if low == high else (low, high)}, inplace=True)
    # "Plex" is a reserved name under the licence: a changed font must not carry it.
    font["name"].setName(f"Verifolio {target.stem}", 1, 3, 1, 0x409)
    subset.save_font(font, str(target), options)
    return target.stat().st_size


def write_licence(node_modules: Path) -> None:
    """Put both copyright lines and the licence, which is the same for both, beside the fonts."""
    sans = (node_modules / SANS / "LICENSE").read_text(encoding="utf-8")
    mono = (node_modules / MONO / "LICENSE").read_text(encoding="utf-8")
    notice = mono.splitlines()[0].split(" IBMPlexMono-")[0]
    text = sans.split("\n", 1)[1]
    (OUT / "OFL.txt").write_text(
        f"IBM Plex Sans: {sans.split(' IBMPlexSans-')[0].splitlines()[0]}\n"
        f"IBM Plex Mono: {notice}\n"
        "Subsets made by scripts/subset_fonts.py; renamed as the licence asks.\n" + text,
        encoding="utf-8",
    )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1])))
