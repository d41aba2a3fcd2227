"""Builds the fictional shop's documents from their sources: `python -m projects.rag.build_knowledge [FOLDER]`."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

import docx
import yaml

from projects.rag.build_pdf import Source, write_pdf
from projects.rag.build_workbooks import settle_zip, write_workbooks

HERE = Path(__file__).parent / "knowledge"
SOURCES, DOCUMENTS = HERE / "sources", HERE / "documents"

CATALOGUES = {
    "catalogue-home": ["kitchen", "cookware", "cleaning", "home"],
    "catalogue-tech-outdoor": ["audio", "charging", "outdoor", "bags"],
}
WORDS: dict[str, dict[str, Any]] = {
    "zh": {
        "titles": {
            "catalogue-home": "商品目录：厨房与家居",
            "catalogue-tech-outdoor": "商品目录：数码与户外",
        },
        "columns": ["货号", "名称", "售价"],
        "warranty": "保修",
        "header": "鹭洲 · 2026 秋冬商品目录",
        "footer": "价格含税，单位为人民币元",
    },
    "en": {
        "titles": {
            "catalogue-home": "Catalogue: kitchen and home",
            "catalogue-tech-outdoor": "Catalogue: technology and outdoor",
        },
        "columns": ["SKU", "Article", "Price"],
        "warranty": "Warranty",
        "header": "Heronholm International - Catalogue autumn and winter 2026",
        "footer": "Prices in EUR, VAT of the Netherlands included",
    },
}


def build(folder: Path) -> list[Path]:
    """Write every document below `folder` and give their paths."""
    catalogue = yaml.safe_load((SOURCES / "catalogue.yml").read_text("utf-8"))
    written = []
    for path in sorted(SOURCES.glob("*/*.md")):
        source = read_source(path)
        target = folder / source.lang / f"{path.stem}.{source.settings.get('format', 'pdf')}"
        target.parent.mkdir(parents=True, exist_ok=True)
        WRITERS[target.suffix](source, target)
        written.append(target)
    for lang in ("zh", "en"):
        for name, categories in CATALOGUES.items():
            target = folder / lang / f"{name}.pdf"
            write_pdf(catalogue_source(lang, name, [catalogue[one] for one in categories]), target)
            written.append(target)
    written += write_workbooks(SOURCES / "workbooks.yml", catalogue, folder)
    return written


def write_sums(folder: Path, path: Path) -> None:
    """List the SHA-256 of every document: one small file that experiments can rest on."""
    names = sorted(one.relative_to(folder).as_posix() for one in folder.rglob("*.*"))
    lines = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    path.write_text("".join(lines), "utf-8")


def read_source(path: Path) -> Source:
    """Read front matter and body of a source."""
    _, front, body = path.read_text("utf-8").split("---\n", 2)
    return Source(path.parent.name, yaml.safe_load(front), body.strip())


def catalogue_source(lang: str, name: str, categories: list[dict[str, Any]]) -> Source:
    """Lay a part of the catalogue out as headings, paragraphs and tables."""
    words, second = WORDS[lang], lang == "en"
    lines = [f"# {words['titles'][name]}"]
    for category in categories:
        columns = [*words["columns"], *(pair[second] for pair in category["columns"]), words["warranty"]]
        lines += [f"## {category['title'][second]}", category["about"][second], "<!-- once -->"]
        lines += [_row(columns)]
        for sku, zh, en, cny, eur, *specs, months in category["articles"]:
            values = [str(value).split("|")[-1 if second else 0] for value in specs]
            price = f"{eur:.2f} EUR" if second else f"{cny} 元"
            months = f"{months} months" if second else f"{months} 个月"
            lines.append(_row([sku, en if second else zh, price, *values, months]))
    settings = {"title": words["titles"][name], "header": words["header"], "footer": words["footer"]}
    return Source(lang, settings, "\n".join(lines))


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def write_docx(source: Source, path: Path) -> None:
    """Write the source as a Word document with real headings, lists and tables."""
    document = docx.Document()
    for kind, value in source.blocks():
        if kind == "heading":
            document.add_heading(value[1], value[0])
        elif kind == "table":
            table = document.add_table(0, len(value.rows[0]), style="Table Grid")
            for row in value.rows:
                for cell, text in zip(table.add_row().cells, row, strict=True):
                    cell.text = text
        elif kind == "bullet":
            document.add_paragraph(value, style="List Bullet")
        elif kind == "text":
            document.add_paragraph(value)
    document.core_properties.title = source.settings["title"]
    document.save(str(path))
    settle_zip(path)


def write_html(source: Source, path: Path) -> None:
    """Write the source as a page with the navigation and footer that a real one would have."""
    parts = []
    for kind, value in source.blocks():
        if kind == "heading":
            parts.append(f"<h{value[0]}>{value[1]}</h{value[0]}>")
        elif kind == "table":
            head, *rows = value.rows
            cells = ["".join(f"<th>{cell}</th>" for cell in head)]
            cells += ["".join(f"<td>{cell}</td>" for cell in row) for row in rows]
            parts.append("<table>" + "".join(f"<tr>{row}</tr>" for row in cells) + "</table>")
        elif kind == "text":
            parts.append(f"<p>{value}</p>")
    title = source.settings["title"]
    path.write_text(
        f'<!doctype html>\n<html lang="{source.lang}"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>td,th{{border:1px solid}}</style></head><body><nav><a href='/'>Heronholm</a></nav><main>\n"
        + "\n".join(parts)
        + "\n</main><footer>© Heronholm</footer></body></html>\n",
        "utf-8",
    )


def write_markdown(source: Source, path: Path) -> None:
    """Write the source as it is, without its front matter."""
    path.write_text(source.body + "\n", "utf-8")


WRITERS = {".pdf": write_pdf, ".docx": write_docx, ".html": write_html, ".md": write_markdown}

if __name__ == "__main__":
    for made in build(Path(sys.argv[1]) if len(sys.argv) > 1 else DOCUMENTS):
        print(made)
    if len(sys.argv) == 1:
        write_sums(DOCUMENTS, HERE / "SHA256SUMS")
