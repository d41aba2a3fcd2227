"""Documents that are valid and still odd: what they hold is read as its author meant it, or refused by name."""

from __future__ import annotations

import io
import os
import re
import zipfile
from pathlib import Path

import docx
import openpyxl
import pytest
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from projects.rag.chunking import _sentences
from projects.rag.guards import DocumentError
from projects.rag.ingest import ingest, read_document
from projects.rag.read_xlsx import shown


def repacked(path: Path, part: str, old: str, new: str) -> None:
    """Change one part of an Office file."""
    out = io.BytesIO()
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as changed:
        for name in archive.namelist():
            data = archive.read(name)
            if name == part:
                assert old.encode() in data
                data = data.replace(old.encode(), new.encode(), 1)
            changed.writestr(name, data)
    path.write_bytes(out.getvalue())


def test_a_merged_area_of_billions_of_cells_is_refused_before_it_is_loaded(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["Article", "Price"])
    book.active.append(["Tote", 12.5])
    book.active.merge_cells("A3:B3")
    book.save(tmp_path / "a.xlsx")
    read_document(tmp_path / "a.xlsx", tmp_path)
    repacked(tmp_path / "a.xlsx", "xl/worksheets/sheet1.xml", "A3:B3", "A3:XFD1048576")
    with pytest.raises(DocumentError, match="cells; split the workbook") as caught:
        read_document(tmp_path / "a.xlsx", tmp_path)
    assert caught.value.code == "too_large"


def test_a_word_cell_that_spans_billions_of_columns_is_refused(tmp_path: Path) -> None:
    document = docx.Document()
    table = document.add_table(1, 2)
    table.cell(0, 0).merge(table.cell(0, 1)).text = "Terms"
    document.save(str(tmp_path / "a.docx"))
    repacked(
        tmp_path / "a.docx", "word/document.xml", 'w:gridSpan w:val="2"', 'w:gridSpan w:val="2147483647"'
    )
    with pytest.raises(DocumentError) as caught:
        read_document(tmp_path / "a.docx", tmp_path)
    assert caught.value.code == "bomb"


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("[$€-2] #,##0.00", "€12.50"), ("[$£-809]#,##0.00", "£12.50"), ("[$EUR] #,##0.00", "EUR 12.50"), ("[$-409]#,##0.00", "12.50"),
        ("#,##0.00 [$kr-414]", "kr 12.50"), ("$#,##0.00", "$12.50"), ('"¥"#,##0.00', "¥12.50"), ("[$CHF-807] 0.00", "CHF 12.50"),
    ],
)  # fmt: skip
def test_money_keeps_its_own_currency(form: str, text: str) -> None:
    assert shown(12.5, form) == text


def test_an_html_page_is_read_in_the_encoding_that_it_names(tmp_path: Path) -> None:
    page = (
        '<html><head><meta charset="windows-1252"></head><body><p>Rückgabe binnen 30 Tagen.</p></body></html>'
    )
    (tmp_path / "a.html").write_bytes(page.encode("windows-1252"))
    assert "Rückgabe" in read_document(tmp_path / "a.html", tmp_path).passages[0].text
    (tmp_path / "b.html").write_bytes(
        page.replace("windows-1252", "no-such-thing").replace("ü", "u").encode()
    )
    assert "Ruckgabe" in read_document(tmp_path / "b.html", tmp_path).passages[0].text


def test_a_tracked_change_counts_as_accepted_and_what_is_left_out_is_told(tmp_path: Path) -> None:
    document = docx.Document()
    paragraph = document.add_paragraph("Return it within ")
    inserted = f'<w:ins {nsdecls("w")} w:id="1" w:author="x"><w:r><w:t>30</w:t></w:r></w:ins>'
    deleted = f'<w:del {nsdecls("w")} w:id="2" w:author="x"><w:r><w:delText>14</w:delText></w:r></w:del>'
    paragraph._p.append(parse_xml(deleted))
    paragraph._p.append(parse_xml(inserted))
    paragraph.add_run(" days.")
    sdt = f"<w:sdt {nsdecls('w')}><w:sdtContent><w:p><w:r><w:t>Hidden here</w:t></w:r></w:p></w:sdtContent></w:sdt>"
    document.element.body.insert(0, parse_xml(sdt))
    document.save(str(tmp_path / "a.docx"))
    found = read_document(tmp_path / "a.docx", tmp_path)
    assert "Return it within 30 days." in found.passages[0].text
    assert "1 part(s) not read" in found.warnings[0]


def test_a_file_name_that_is_no_utf8_stops_no_other_document(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "good.md").write_text("# A\n\nText.", encoding="utf-8")
    try:
        Path(os.fsdecode(os.fsencode(folder) + b"/\xcb\xb5\xc3\xf7.md")).write_text(
            "# B\n\nText.", encoding="utf-8"
        )
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    report = ingest(folder, tmp_path / "store")
    assert report.added == ["good.md"]
    assert [error.code for error in report.unreadable.values()] == ["bad_name"]


@pytest.mark.parametrize(
    "text",
    [
        "，".join(f"第{n}项收费{n}80元" for n in range(60)) + "。",
        "Articles cost " + ", ".join(f"{n}1,250.00 EUR in group {n}" for n in range(60)) + ".",
        "1234567890" * 60,
    ],
)
def test_a_sentence_longer_than_a_passage_is_never_cut_within_a_number(text: str) -> None:
    pieces = list(_sentences(text, 210))
    assert all(0 < len(piece) <= 210 for piece in pieces)
    assert re.sub(r"\s", "", "".join(pieces)) == re.sub(r"\s", "", text)
    if not text.isdigit():
        assert sorted(re.findall(r"\d[\d,.]*\d", " ".join(pieces))) == sorted(
            re.findall(r"\d[\d,.]*\d", text)
        )


def test_an_ingest_without_a_change_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, store = tmp_path / "docs", tmp_path / "store"
    folder.mkdir()
    (folder / "a.md").write_text("# A\n\nText.", encoding="utf-8")
    ingest(folder, store)
    monkeypatch.setattr("projects.rag.ingest._replace", lambda *_: pytest.fail("it wrote"))
    assert ingest(folder, store).unchanged == ["a.md"]
