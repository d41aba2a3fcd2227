"""What a document must be before we open it, and what we promise when a table leaves us again."""

from __future__ import annotations

import re
import unicodedata
import zipfile
from pathlib import Path

MAX_BYTES = 50 * 1024 * 1024
MAX_PAGES = 2000
MAX_UNPACKED = 100 * 1024 * 1024
MAX_RATIO = 150
MAX_MEMBERS = 2000
TYPES = {
    ".pdf": "PDF",
    ".xlsx": "Excel workbook",
    ".docx": "Word document",
    ".md": "Markdown",
    ".html": "HTML",
}
ALIASES = {".htm": ".html", ".markdown": ".md", ".txt": ".md"}


class DocumentError(Exception):
    """A document that cannot be read: `code` for programs, `message` for people.

    Codes: encrypted, truncated, empty, too_large, too_many_pages, no_text, wrong_type, unsupported, bomb, bad_name,
    unreadable.
    """

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code
        self.message = message


def suffix_of(path: Path) -> str:
    """Give the lower-case suffix by which a document is read; equal kinds share one."""
    suffix = path.suffix.lower()
    return ALIASES.get(suffix, suffix)


def check_file(path: Path) -> str:
    """Give the suffix by which `path` is to be read, after looking at its size and first bytes."""
    suffix = suffix_of(path)
    if suffix not in TYPES:
        known = ", ".join([*TYPES, *ALIASES])
        raise DocumentError("unsupported", f"expected one of {known}, got {path.suffix or 'no extension'}")
    size = path.stat().st_size
    if size == 0:
        raise DocumentError("empty", "the file has no bytes")
    if size > MAX_BYTES:
        raise DocumentError("too_large", f"{size / 2**20:.1f} MB; at most {MAX_BYTES // 2**20} MB are taken")
    found = sniff(path)
    if found == "ole":
        raise DocumentError(
            "encrypted",
            "an Office file that is password-protected or of the old format; save it without a password as .xlsx or .docx",
        )
    if found == "zip" and suffix in (".xlsx", ".docx"):
        raise DocumentError(
            "truncated", "the file is damaged or not an Office document; save or upload it again"
        )
    if found != suffix and not (found == "text" and suffix in (".md", ".html")):
        what = TYPES.get(
            found, {"zip": "ZIP archive", "text": "plain text"}.get(found, "unknown binary data")
        )
        raise DocumentError(
            "wrong_type",
            f"named as a {TYPES[suffix]}, but its content is: {what}; give it its proper extension",
        )
    if found in (".xlsx", ".docx"):
        check_zip(path)
    return suffix


def sniff(path: Path) -> str:
    """Name what a file is by its content: a suffix of `TYPES`, `zip`, `ole`, `text` or `binary`."""
    with path.open("rb") as stream:
        head = stream.read(4096)
    if b"%PDF-" in head[:1024]:
        return ".pdf"
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        return "ole"
    if head.startswith(b"PK"):
        try:
            with zipfile.ZipFile(path) as archive:
                names = set(archive.namelist())
        except (zipfile.BadZipFile, OSError, ValueError):
            return "zip"
        parts = {"xl/workbook.xml": ".xlsx", "word/document.xml": ".docx"}
        return next((suffix for part, suffix in parts.items() if part in names), "zip")
    if b"\0" in head:
        return "binary"
    if re.match(rb"(\xef\xbb\xbf)?\s*(<!--.*?-->\s*)?<(!doctype html|html|head|body)\b", head, re.I | re.S):
        return ".html"
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:
            return "binary"
    return "text"


def check_zip(path: Path) -> None:
    """Refuse an Office file that would unpack to far more than it should, or that defines XML entities."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        unpacked = sum(member.file_size for member in members)
        packed = max(sum(member.compress_size for member in members), 1)
        if len(members) > MAX_MEMBERS or unpacked > MAX_UNPACKED:
            raise DocumentError(
                "bomb",
                f"would unpack to {unpacked / 2**20:.0f} MB in {len(members)} parts; at most "
                f"{MAX_UNPACKED // 2**20} MB in {MAX_MEMBERS} parts are taken",
            )
        if unpacked > 2**20 and unpacked / packed > MAX_RATIO:
            raise DocumentError(
                "bomb", f"packed {unpacked / packed:.0f} to 1, as no real document is; not opened"
            )
        if any(member.flag_bits & 1 for member in members):
            raise DocumentError("encrypted", "the archive is encrypted; save it without a password")
        for member in members:
            if member.filename.endswith((".xml", ".rels")):
                with archive.open(member) as stream:
                    if b"<!DOCTYPE" in stream.read(1024):
                        raise DocumentError("bomb", f"{member.filename} defines XML entities; not opened")


def safe_name(name: str) -> str:
    """Give the plain file name under which an upload may be kept, or refuse one that tries to leave its folder."""
    name = unicodedata.normalize("NFC", name)
    plain = not re.search(r'[/\\:*?"<>|\x00-\x1f\x7f]', name) and name not in ("", ".", "..")
    hidden = name.startswith((".", "~", "-")) or name.endswith((".", " "))
    device = re.fullmatch(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?", name)
    turned = any(unicodedata.category(letter) in ("Cf", "Cs") for letter in name)
    if not plain or hidden or device or turned or len(name.encode()) > 200:
        raise DocumentError("bad_name", f"not a plain file name: {name[:80]!r}; give a name without folders")
    return name


def escape_cell(value: object) -> str:
    """Give a value as text that no spreadsheet takes for a formula when it opens our CSV."""
    text = str(value)
    return (
        "'" + text
        if text.lstrip().startswith(("=", "+", "-", "@")) or (text[:1] in "\t\r\n" and text)
        else text
    )
