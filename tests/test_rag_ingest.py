"""Documents become passages: what is read, with what place, and that only changed files are read again."""

from __future__ import annotations

import datetime as dt
import shutil
import time
from pathlib import Path

import docx
import openpyxl
import pypdfium2
import pytest
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen import canvas
from reportlab.platypus import SimpleDocTemplate, Table

from projects.rag import build_knowledge
from projects.rag import ingest as ingest_module
from projects.rag.chunking import Chunking
from projects.rag.ingest import ingest, load_passages, read_document

DOCUMENTS = Path(__file__).parent.parent / "projects/rag/knowledge/documents"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    ingest(DOCUMENTS, store)
    return store


@pytest.fixture(scope="module")
def passages(store):
    return load_passages(store)


def rows(passages, document, *parts):
    return [one for one in passages if one.document == document and all(part in one.text for part in parts)]


def texts(path: Path, **options) -> list[str]:
    return [one.text for one in read_document(path, path.parent, **options).passages]


# -- the knowledge base ----------------------------------------------------------------------------


def test_the_committed_documents_are_what_the_script_builds(tmp_path, passages):
    build_knowledge.build(tmp_path / "documents")
    ingest(tmp_path / "documents", tmp_path / "store")
    assert load_passages(tmp_path / "store") == passages


def test_the_sums_that_experiments_rest_on_are_those_of_the_documents(tmp_path):
    build_knowledge.write_sums(DOCUMENTS, tmp_path / "sums")
    assert (tmp_path / "sums").read_text() == (DOCUMENTS.parent / "SHA256SUMS").read_text()


def test_the_base_has_the_documents_it_promises():
    kinds = [path.suffix for path in DOCUMENTS.rglob("*.*")]
    assert kinds.count(".pdf") >= 12
    assert kinds.count(".xlsx") >= 4
    assert {".docx", ".html", ".md"} <= set(kinds)
    assert sum(path.stat().st_size for path in DOCUMENTS.rglob("*.*")) < 6 * 2**20


def test_the_catalogue_has_every_article_in_both_languages_as_a_whole_row(passages):
    for lang, header in (("zh", "货号"), ("en", "SKU")):
        articles = [one for one in passages if f"{lang}/catalogue-" in one.document and one.kind == "row"]
        assert len({one.text.split(" | ")[0] for one in articles}) == 128
        assert all(one.text.startswith(f"{header}: HH-") and one.text.count(" | ") >= 6 for one in articles)


def test_a_table_that_goes_on_without_its_header_keeps_it(passages):
    (row,) = rows(passages, "en/catalogue-home.pdf", "HH-H816")
    assert row.page == 3
    assert row.text.startswith(
        "SKU: HH-H816 | Article: Nightfall Curtain | Price: 35.50 EUR | Size: 150 × 270 cm"
    )


def test_a_table_without_rules_is_read_by_its_alignment(passages):
    (row,) = rows(passages, "en/payments.pdf", "BLIK")
    assert row.text == "Method: BLIK | Countries: Poland | Fee: none | Limit: 2,300 EUR"


def test_columns_are_read_one_after_the_other(passages):
    faq = [one.text for one in passages if one.document == "en/faq.pdf"]
    assert len(faq) == 19
    assert faq[0].startswith("Can I cancel my order?\nUntil it is dispatched")
    assert faq[-1].startswith("Do you offer gift wrapping?\nYes, for 3.50 EUR")


def test_running_heads_and_page_numbers_are_dropped(passages):
    text = "\n".join(one.text for one in passages if one.document.endswith(".pdf"))
    for head in (
        "客户服务手册",
        "Customer handbook",
        "Edition September",
        "第 1 页",
        "Page 2",
        "Notice 14/2026",
    ):
        assert head not in text


def test_a_page_that_is_only_a_picture_is_reported(tmp_path):
    report = ingest(DOCUMENTS, tmp_path)
    assert report.warnings == {"en/notice.pdf": ["page 2: only a picture (a scan?), no text to read"]}
    assert report.unreadable == {}


def test_a_workbook_shows_money_shares_dates_and_saved_values(passages):
    (price,) = rows(passages, "en/price-list.xlsx", "Net price", "HH-K101")
    assert price.text.endswith("Price incl. VAT: €27.90 | VAT rate: 21 % | Net price: €23.06")
    (stock,) = rows(passages, "zh/price-list.xlsx", "现货数量", "HH-K108")
    assert (
        stock.text == "类别: 厨房电器 | 货号: HH-K108 | 名称: 石磨豆浆机 | 现货数量: 0 | 到货日期: 2026-12-08"
    )
    assert (stock.sheet, stock.cells) == ("库存", "A11:E11")
    assert stock.place("zh") == "库存!A11:E11"


def test_headers_merged_over_columns_name_each_column(passages):
    (row,) = rows(passages, "en/shipping-rates.xlsx", "5 to 10 kg")
    assert (
        "Western Europe Parcel shop: €7.80 | Western Europe Door: €9.90 | Eastern Europe Parcel shop"
        in row.text
    )


def test_places_and_languages_are_known(passages):
    assert {one.lang for one in passages if one.document.startswith("zh/")} == {"zh"}
    assert {one.lang for one in passages if one.document.startswith("en/")} == {"en"}
    (row,) = rows(passages, "zh/returns.pdf", "信用卡")
    assert (row.page, row.heading, row.place("zh"), row.place("en")) == (
        1,
        "五、退款多久到账",
        "第 1 页",
        "p. 1",
    )
    assert len({one.id for one in passages}) == len(passages)


def test_pdfs_are_read_at_twenty_pages_a_second(tmp_path):
    paths = sorted(DOCUMENTS.rglob("*.pdf"))
    pages = sum(len(pypdfium2.PdfDocument(path)) for path in paths)
    start = time.process_time()
    for path in paths:
        read_document(path, DOCUMENTS)
    assert pages / (time.process_time() - start) >= 20


# -- other people's documents ----------------------------------------------------------------------


def test_word_documents_keep_their_order_of_headings_lists_and_tables(tmp_path):
    document = docx.Document()
    document.add_heading("Tea", 1)
    document.add_paragraph("Water first.")
    document.add_paragraph("Three minutes.", style="List Bullet")
    table = document.add_table(2, 2)
    for cell, text in zip(
        [*table.rows[0].cells, *table.rows[1].cells], ["Kind", "Heat", "Green", "70"], strict=True
    ):
        cell.text = text
    document.add_heading("Milk", 2)
    document.add_paragraph("Never.")
    document.save(tmp_path / "tea.docx")
    found = read_document(tmp_path / "tea.docx", tmp_path)
    assert [(one.heading, one.text) for one in found.passages] == [
        ("", "Water first.\n• Three minutes."),
        ("", "Kind: Green | Heat: 70"),
        ("Milk", "Never."),
    ]
    assert found.title == "Tea"


def test_html_is_read_without_scripts_and_navigation(tmp_path):
    (tmp_path / "a.html").write_text(
        "<!doctype html><title>T</title><nav>menu</nav><script>bad()</script><h1>H</h1><p>Words <b>here</b>.</p>"
        "<ul><li>one</li></ul><table><tr><th>A</th><th>B</th></tr><tr><td>1</td><td>2</td></tr></table>"
    )
    assert texts(tmp_path / "a.html") == ["Words here .\n• one", "A: 1 | B: 2"]


def test_markdown_and_old_chinese_encodings_are_read(tmp_path):
    (tmp_path / "a.md").write_bytes(
        "# 标题\n\n退货要七天。\n\n| 甲 | 乙 |\n|---|---|\n| 1 | 2 |\n".encode("gb18030")
    )
    with pytest.raises(ingest_module.DocumentError, match="unknown binary data"):
        texts(tmp_path / "a.md")
    (tmp_path / "b.md").write_text("# 标题\n\n退货要七天。\n\n| 甲 | 乙 |\n|---|---|\n| 1 | 2 |\n")
    assert texts(tmp_path / "b.md") == ["退货要七天。", "甲: 1 | 乙: 2"]


def test_a_cell_of_several_lines_stays_one_value(tmp_path):
    style = [("GRID", (0, 0), (-1, -1), 0.5, colors.black)]
    document = SimpleDocTemplate(str(tmp_path / "a.pdf"), pagesize=A4)
    document.build(
        [
            Table(
                [["Name", "Note"], ["Kettle", "boils water\nand nothing else"], ["Pan", "fries"]], style=style
            )
        ]
    )
    assert texts(tmp_path / "a.pdf") == [
        "Name: Kettle | Note: boils water and nothing else",
        "Name: Pan | Note: fries",
    ]


def test_sheets_with_a_formula_never_calculated_are_reported(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["Item", "When", "Sum"])
    book.active.append(["a", dt.date(2026, 3, 1), "=1+1"])
    book.save(tmp_path / "a.xlsx")
    document = read_document(tmp_path / "a.xlsx", tmp_path)
    assert [one.text for one in document.passages] == ["Item: a | When: 2026-03-01"]
    assert "1 formula(s) without a saved value, first C2" in document.warnings[0]


def test_a_sheet_of_one_column_and_a_heading_without_text_are_not_lost(tmp_path):
    book = openpyxl.Workbook()
    for value in ("Opening hours", "Monday is closed", "Tuesday from nine"):
        book.active.append([value])
    book.save(tmp_path / "a.xlsx")
    (passage,) = read_document(tmp_path / "a.xlsx", tmp_path).passages
    assert (passage.heading, passage.text) == ("Sheet › Opening hours", "Monday is closed\nTuesday from nine")
    (tmp_path / "b.md").write_text("# Only a title\n\n## Closed on Sundays\n\n## Open on Mondays\n")
    assert texts(tmp_path / "b.md") == ["Closed on Sundays", "Open on Mondays"]


def test_naive_windows_cut_rows_where_they_fall(tmp_path):
    path = DOCUMENTS / "zh/catalogue-home.pdf"
    naive = read_document(path, DOCUMENTS, Chunking(rows="window", size=300, overlap=20)).passages
    assert {one.kind for one in naive} == {"prose"}
    assert all(len(one.text) <= 150 for one in naive)
    assert sum("HH-K101" in one.text and "保修" in one.text for one in naive) <= 1


def test_a_long_paragraph_is_cut_between_sentences(tmp_path):
    (tmp_path / "a.md").write_text(" ".join(f"One sentence, number {i}, stands here." for i in range(60)))
    pieces = texts(tmp_path / "a.md", chunking=Chunking(size=200))
    assert all(len(piece) <= 200 and piece.startswith("One") and piece.endswith("here.") for piece in pieces)
    assert sum(piece.count("One") for piece in pieces) == 60


# -- incremental -----------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.md").write_text("# A\n\nFirst text.\n")
    (folder / "sub/b.md").write_text("# B\n\nSecond text.\n")
    return folder


def test_only_changed_files_are_read_again_and_removed_ones_leave(folder, tmp_path, monkeypatch):
    store = tmp_path / "store"
    assert ingest(folder, store).added == ["a.md", "sub/b.md"]
    kept = load_passages(store)[1]
    read = []
    real = ingest_module.READERS[".md"]
    monkeypatch.setitem(ingest_module.READERS, ".md", lambda path: read.append(path.name) or real(path))
    report = ingest(folder, store)
    assert (read, report.unchanged, report.touched) == ([], ["a.md", "sub/b.md"], False)
    (folder / "a.md").write_text("# A\n\nOther text.\n")
    (folder / "c.md").write_text("Third.")
    report = ingest(folder, store)
    assert (read, report.changed, report.added) == (["a.md", "c.md"], ["a.md"], ["c.md"])
    assert [one.text for one in load_passages(store)] == ["Other text.", "Third.", "Second text."]
    assert kept in load_passages(store)
    shutil.rmtree(folder / "sub")
    assert ingest(folder, store).removed == ["sub/b.md"]
    assert {one.document for one in load_passages(store)} == {"a.md", "c.md"}


def test_other_chunking_reads_everything_again(folder, tmp_path):
    ingest(folder, tmp_path / "store")
    report = ingest(folder, tmp_path / "store", chunking=Chunking(rows="window"))
    assert report.added == ["a.md", "sub/b.md"]


def test_progress_names_each_file_and_ends_complete(folder, tmp_path):
    seen = []
    ingest(folder, tmp_path / "store", progress=lambda *step: seen.append(step))
    assert seen == [(0, 2, "a.md"), (1, 2, "sub/b.md"), (2, 2, "")]


def test_a_drawing_of_text_in_columns_and_words_is_no_table(tmp_path):
    page = canvas.Canvas(str(tmp_path / "a.pdf"), pagesize=A4)
    for i in range(6):
        page.drawString(60, 700 - 14 * i, f"Left column line {i} is filled with words")
        page.drawString(320, 700 - 14 * i, f"right column line {i} has as many words")
    page.save()
    text = "\n".join(texts(tmp_path / "a.pdf"))
    assert text.index("Left column line 5") < text.index("right column line 0")
