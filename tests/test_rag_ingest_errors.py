"""Broken and hostile documents get a clear error each, and none of them stops the others or spoils the store."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import openpyxl
import pytest
from PIL import Image
from reportlab.pdfgen import canvas

from projects.rag import guards
from projects.rag.guards import DocumentError, escape_cell, safe_name
from projects.rag.ingest import StoreError, ingest, load_passages, read_document

REPOSITORY = Path(__file__).parent.parent
GOOD = REPOSITORY / "projects/rag/knowledge/documents"


def make_pdf(path: Path, pages: int = 1, **options) -> Path:
    page = canvas.Canvas(str(path), pagesize=(200, 100), pageCompression=0, **options)
    for number in range(pages):
        page.drawString(20, 50, f"Words of page {number + 1}")
        page.showPage()
    page.save()
    return path


def encrypted_pdf(path: Path) -> None:
    make_pdf(path, encrypt="secret")


def truncated_pdf(path: Path) -> None:
    path.write_bytes((GOOD / "en/returns.pdf").read_bytes()[:1500])


def too_long_pdf(path: Path) -> None:
    make_pdf(path, 2001)


def image_only_pdf(path: Path) -> None:
    Image.new("L", (80, 80), 200).save(path.with_suffix(".png"))
    page = canvas.Canvas(str(path))
    page.drawImage(str(path.with_suffix(".png")), 0, 0)
    page.save()
    path.with_suffix(".png").unlink()


def blank_pdf(path: Path) -> None:
    page = canvas.Canvas(str(path))
    page.showPage()
    page.save()


def bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", "<workbook/>")
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * (40 * 2**20))


def many_parts(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        for number in range(guards.MAX_MEMBERS + 1):
            archive.writestr(f"xl/{number}", "")


def entities(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "xl/workbook.xml", '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><workbook>&b;</workbook>'
        )


def truncated_xlsx(path: Path) -> None:
    path.write_bytes((GOOD / "en/price-list.xlsx").read_bytes()[:9000])


def hollow_xlsx(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")


def blank_xlsx(path: Path) -> None:
    openpyxl.Workbook().save(path)


def hollow_docx(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("word/document.xml", "<document/>")


def protected_xlsx(path: Path) -> None:
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))


def xlsx_named_pdf(path: Path) -> None:
    shutil.copy(GOOD / "en/price-list.xlsx", path)


def pdf_named_md(path: Path) -> None:
    shutil.copy(GOOD / "en/faq.pdf", path)


def program_named_html(path: Path) -> None:
    path.write_bytes(b"\x7fELF\x02\x01\x01" + bytes(200))


def picture_named_pdf(path: Path) -> None:
    Image.new("L", (8, 8)).save(path, "PNG")


BROKEN = [
    (encrypted_pdf, "a.pdf", "encrypted", "without one"),
    (truncated_pdf, "a.pdf", "truncated", "upload it again"),
    (Path.touch, "a.pdf", "empty", "no bytes"),
    (too_long_pdf, "a.pdf", "too_many_pages", "2001 pages; at most 2000"),
    (image_only_pdf, "a.pdf", "no_text", "OCR"),
    (blank_pdf, "a.pdf", "no_text", "no page has text"),
    (bomb, "a.xlsx", "bomb", "no real document"),
    (many_parts, "a.xlsx", "bomb", "parts"),
    (entities, "a.xlsx", "bomb", "XML entities"),
    (truncated_xlsx, "a.xlsx", "truncated", "upload it again"),
    (hollow_xlsx, "a.xlsx", "truncated", "upload it again"),
    (blank_xlsx, "a.xlsx", "empty", "no cell"),
    (hollow_docx, "a.docx", "truncated", "upload it again"),
    (protected_xlsx, "a.xlsx", "encrypted", "without a password"),
    (xlsx_named_pdf, "a.pdf", "wrong_type", "its content is: Excel workbook"),
    (pdf_named_md, "a.md", "wrong_type", "its content is: PDF"),
    (program_named_html, "a.html", "wrong_type", "unknown binary data"),
    (picture_named_pdf, "a.pdf", "wrong_type", "unknown binary data"),
    (Path.touch, "a.exe", "unsupported", "expected one of .pdf"),
]


@pytest.mark.parametrize(
    ("make", "name", "code", "said"), BROKEN, ids=[f"{b[0].__name__}-{b[1]}" for b in BROKEN]
)
def test_a_bad_document_gets_its_own_clear_error(make, name, code, said, tmp_path):
    make(tmp_path / name)
    with pytest.raises(DocumentError) as caught:
        read_document(tmp_path / name, tmp_path)
    assert caught.value.code == code
    assert said in caught.value.message
    assert str(tmp_path) not in caught.value.message


def test_a_file_too_large_is_refused_before_it_is_opened(tmp_path):
    with (tmp_path / "a.pdf").open("wb") as stream:
        stream.write(b"%PDF-1.7\n")
        stream.truncate(guards.MAX_BYTES + 1)
    with pytest.raises(DocumentError, match=r"50\.0 MB; at most 50 MB"):
        read_document(tmp_path / "a.pdf", tmp_path)


def test_two_thousand_pages_are_read(tmp_path):
    found = read_document(make_pdf(tmp_path / "a.pdf", 2000), tmp_path).passages
    assert found[-1].page == 2000
    assert found[-1].text == "Words of page 2000"


def test_one_broken_file_does_not_stop_the_others(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    encrypted_pdf(folder / "a.pdf")
    bomb(folder / "b.xlsx")
    (folder / "c.md").write_text("Good words.")
    report = ingest(folder, tmp_path / "store")
    assert {name: error.code for name, error in report.unreadable.items()} == {
        "a.pdf": "encrypted",
        "b.xlsx": "bomb",
    }
    assert [one.text for one in load_passages(tmp_path / "store")] == ["Good words."]


def test_a_parser_that_fails_in_a_new_way_is_reported_with_its_file(tmp_path, monkeypatch):
    def fail(_: Path) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setitem(sys.modules["projects.rag.ingest"].READERS, ".md", fail)
    (tmp_path / "a.md").write_text("x")
    report = ingest(tmp_path, tmp_path / "store")
    assert report.unreadable["a.md"].message == "the parser gave up (ZeroDivisionError: oh)"


def test_a_document_that_broke_leaves_the_store_and_is_named(tmp_path):
    folder, store = tmp_path / "folder", tmp_path / "store"
    folder.mkdir()
    (folder / "a.md").write_text("Old words.")
    ingest(folder, store)
    (folder / "a.md").write_bytes(b"\0\1")
    report = ingest(folder, store)
    assert (report.removed, list(report.unreadable)) == (["a.md"], ["a.md"])


# -- names and cells -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "../a.pdf",
        "..",
        "/etc/passwd",
        "a/b.pdf",
        "a\\b.pdf",
        "C:a.pdf",
        "a\x00.pdf",
        "a\n.pdf",
        ".env",
        "~$a.xlsx",
        "-rf.pdf",
        "con.pdf",
        "COM1",
        "a.pdf ",
        "a\u202efdp.exe",
        "",
        "长" * 80 + ".pdf",
    ],
)
def test_names_that_play_tricks_are_refused(name):
    with pytest.raises(DocumentError) as caught:
        safe_name(name)
    assert caught.value.code == "bad_name"


@pytest.mark.parametrize("name", ["a.pdf", "退货 政策(2).pdf", "price-list.v2.xlsx", "Café.docx"])
def test_plain_names_pass(name):
    assert safe_name(name) == name


def test_links_that_lead_out_of_the_folder_are_not_followed(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "secret.md").write_text("secret")
    (folder / "a.md").symlink_to(tmp_path / "secret.md")
    (folder / ".hidden.md").write_text("hidden")
    (folder / "b.md").write_text("open")
    ingest(folder, tmp_path / "store")
    assert [one.text for one in load_passages(tmp_path / "store")] == ["open"]


@pytest.mark.parametrize("value", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =HYPERLINK()"])
def test_formulas_are_disarmed_on_export(value):
    assert escape_cell(value) == "'" + value


def test_harmless_cells_are_exported_as_they_are():
    assert [escape_cell(value) for value in ("a=b", "", "27.90 EUR", 5)] == ["a=b", "", "27.90 EUR", "5"]


# -- kill, full disk, two at once ------------------------------------------------------------------

KILLED_WHILE_READING = """
import os, signal, sys, pathlib
from projects.rag.ingest import ingest
def progress(done, total, name):
    if done == 1:
        os.kill(os.getpid(), signal.SIGKILL)
ingest(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), progress=progress)
"""
KILLED_BETWEEN_RENAMES = """
import os, signal, sys, pathlib
from projects.rag.ingest import ingest
real, calls = os.replace, []
def replace(*args):
    calls.append(args)
    if len(calls) > int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
    real(*args)
os.replace = replace
ingest(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
"""


@pytest.fixture
def stored(tmp_path):
    """A folder that was ingested, and then changed."""
    folder, store = tmp_path / "folder", tmp_path / "store"
    folder.mkdir()
    (folder / "a.md").write_text("Old a.")
    (folder / "b.md").write_text("Old b.")
    ingest(folder, store)
    (folder / "a.md").write_text("New a.")
    (folder / "b.md").write_text("New b.")
    return folder, store


def run(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize(
    ("code", "arguments", "left"),
    [
        (KILLED_WHILE_READING, [], ["Old a.", "Old b."]),
        (KILLED_BETWEEN_RENAMES, [0], ["Old a.", "Old b."]),
        (KILLED_BETWEEN_RENAMES, [1], ["New a.", "New b."]),
    ],
)
def test_a_killed_ingest_leaves_a_whole_store_and_the_next_one_works(stored, code, arguments, left):
    folder, store = stored
    assert run(code, folder, store, *arguments).returncode == -signal.SIGKILL
    assert [one.text for one in load_passages(store)] == left
    ingest(folder, store)
    assert [one.text for one in load_passages(store)] == ["New a.", "New b."]
    assert sorted(path.name for path in store.iterdir()) == [".lock", "manifest.json", "passages.jsonl"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_refused_write_is_a_clear_error_and_keeps_the_old(stored, number, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    folder, store = stored
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", refuse)
        with pytest.raises(StoreError, match="the old index is untouched") as caught:
            ingest(folder, store)
    assert os.strerror(number) in str(caught.value)
    assert [one.text for one in load_passages(store)] == ["Old a.", "Old b."]
    assert not list(store.glob("*.tmp")) + list(store.glob(".*.tmp"))


FULL_DISK = """
mount -t tmpfs -o size=64k tmpfs "$1" && cp -r "$2/." "$1" || exit 99
dd if=/dev/zero of="$1/fill" bs=1k 2>/dev/null
"$3" -c "$4" "$5" "$1"
code=$?
cp "$1/passages.jsonl" "$6"
exit $code
"""
INGEST = """
import sys, pathlib
from projects.rag.ingest import StoreError, ingest
try:
    ingest(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
except StoreError as error:
    sys.exit(str(error))
"""


def test_on_a_disk_that_is_really_full_the_old_store_survives(stored, tmp_path):
    probe = ["unshare", "--mount", "--map-root-user", "sh", "-c", "mount -t tmpfs tmpfs /mnt"]
    if not shutil.which("unshare") or subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("no mount namespaces here")
    folder, store = stored
    disk, after = tmp_path / "disk", tmp_path / "after"
    disk.mkdir()
    (folder / "a.md").write_text("New a. " * 3000)
    command = ["unshare", "--mount", "--map-root-user", "sh", "-c", FULL_DISK, "sh"]
    command += [disk, store, sys.executable, INGEST, folder, after]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1, done.stderr
    assert "No space left on device; the disk is full" in done.stderr
    assert "Traceback" not in done.stderr
    assert after.read_text() == (store / "passages.jsonl").read_text()


def test_two_ingests_do_not_write_into_one_store(stored):
    folder, store = stored
    inner = []

    def progress(*_: object) -> None:
        with pytest.raises(StoreError, match="another ingest is running"):
            ingest(folder, store)
        inner.append(True)

    ingest(folder, store, progress=progress)
    assert inner


def test_a_damaged_or_missing_store_says_what_to_do(stored, tmp_path):
    folder, store = stored
    with pytest.raises(StoreError, match="ingest FOLDER"):
        load_passages(tmp_path / "nowhere")
    (store / "passages.jsonl").write_text('{"id": 1}\n')
    with pytest.raises(StoreError, match="remove the store and ingest again"):
        load_passages(store)
    ingest(folder, store)
    assert [one.text for one in load_passages(store)] == ["New a.", "New b."]


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(StoreError, match="expected a folder with documents"):
        ingest(tmp_path / "nowhere", tmp_path / "store")
