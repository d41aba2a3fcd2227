"""A PDF that names a face without carrying it reads the same on every machine, whatever faces that has."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pypdfium2
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from reportlab.pdfgen import canvas

from projects.rag.dense import lay_out
from projects.rag.pdf_fonts import build_face
from projects.rag.pdf_layout import read_page
from projects.rag.records import Passage
from verifolio.errors import AuthorError

ROOT = Path(__file__).parent.parent
READ = """
import ctypes, json, sys
from pathlib import Path
import pypdfium2.raw as raw
raw.FPDF_DestroyLibrary()
faces = ctypes.create_string_buffer(sys.argv[1].encode())
config = raw.FPDF_LIBRARY_CONFIG(version=2)
paths = (ctypes.POINTER(ctypes.c_char) * 2)(ctypes.cast(faces, ctypes.POINTER(ctypes.c_char)))
config.m_pUserFontPaths = ctypes.cast(paths, type(config.m_pUserFontPaths))
raw.FPDF_InitLibraryWithConfig(config)
from projects.rag.ingest import read_document
folder = Path("projects/rag/knowledge/documents").resolve()
for name in ("payments", "invoices", "membership"):
    print(json.dumps([one.text for one in read_document(folder / f"zh/{name}.pdf", folder).passages]))
"""


def read_with(faces: Path) -> list[str]:
    """Texts of Chinese documents as a machine reads them that has these faces and no others."""
    done = subprocess.run(
        [sys.executable, "-c", READ, str(faces)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [text for line in done.stdout.splitlines() for text in json.loads(line)]


def write_chinese_face(path: Path) -> None:
    """A face that pdfium takes for Chinese (it knows this name), with a glyph that fills its whole place."""
    pen = TTGlyphPen(None)
    pen.moveTo((0, -200))
    for corner in ((0, 800), (1000, 800), (1000, -200)):
        pen.lineTo(corner)
    pen.closePath()
    box, face = pen.glyph(), FontBuilder(1000)
    face.setupGlyphOrder([".notdef", "box"])
    shown = [*range(0x20, 0x7F), *range(0x2010, 0x2040), *range(0x3000, 0x3020), *range(0x4E00, 0x9FA6)]
    face.setupCharacterMap(dict.fromkeys(shown, "box"))
    face.setupGlyf({".notdef": box, "box": box})
    face.setupHorizontalMetrics(dict.fromkeys((".notdef", "box"), (1000, 0)))
    face.setupHorizontalHeader(ascent=800, descent=-200)
    face.setupNameTable({"familyName": "WenQuanYi Micro Hei", "styleName": "Regular"})
    face.setupOS2(ulCodePageRange1=1 << 18)
    face.setupPost()
    face.save(path)


def test_a_document_reads_the_same_with_and_without_a_chinese_face(tmp_path: Path) -> None:
    none, some = tmp_path / "none", tmp_path / "some"
    none.mkdir()
    some.mkdir()
    write_chinese_face(some / "face.ttf")
    texts = read_with(none)
    assert texts == read_with(some)
    assert any(
        "手续费: 无" in text for text in texts
    )  # a single letter, which pdfium leaves out if it lacks the glyph
    assert any("在“账户—安全”里申请" in text for text in texts)


def test_the_face_is_a_font_that_shows_every_character() -> None:
    import io

    from fontTools.ttLib import TTFont

    face = TTFont(io.BytesIO(build_face()))
    shown = face.getBestCmap()
    assert {shown[ord(letter)] for letter in "无“a한"} == {face.getGlyphOrder()[1]}
    assert face["glyf"][face.getGlyphOrder()[1]].numberOfContours == 1


def test_a_size_that_the_text_matrix_gives_is_a_size(tmp_path: Path) -> None:
    page = canvas.Canvas(str(tmp_path / "scaled.pdf"))
    page.scale(12, 12)
    page.setFont("Helvetica", 1)
    page.drawString(5, 50, "Returns within 30 days")
    page.save()
    lines = read_page(pypdfium2.PdfDocument(tmp_path / "scaled.pdf")[0], 1).items
    assert [(line.text, round(line.size)) for line in lines] == [("Returns within 30 days", 12)]


def test_a_passage_without_a_vector_is_named_with_what_to_run() -> None:
    passage = Passage("1", "a text that no vector was made for", "zh/new.pdf", "新", "zh", "prose")
    with pytest.raises(AuthorError, match=r"zh/new\.pdf(?s:.)*projects\.rag\.fit"):
        lay_out([passage], {"passages": [{"lines": []}]})
