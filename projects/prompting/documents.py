"""The shop's English handbook as paragraphs and table rows: contexts for questions, articles for summaries.

Read from the committed Markdown that the handbook's PDFs are built from. Lines planted there to try out prompt
injection (week 5) are left out: this project measures prompts, not attacks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import yaml

SOURCES = "projects/rag/knowledge/sources/en"
QUESTIONS = "projects/rag/questions/{}.yml"


@dataclass(frozen=True)
class Fact:
    """A question with the one passage that answers it; `answer` holds variants as `a|b`."""

    question: str
    answer: str
    document: str
    passage: str


def read_passages(path: Path) -> list[str]:
    """Paragraphs and table rows (`header: value; …`) of one document, without headings."""
    passages: list[str] = []
    header: list[str] = []
    for line in path.read_text("utf-8").split("---", 2)[2].splitlines():
        if line.startswith("|"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if header:
                passages.append("; ".join(f"{k}: {v}" for k, v in zip(header, cells, strict=False)))
            else:
                header = cells
            continue
        header = []
        if line.strip() and not line.startswith(("#", "<!--")):
            passages.append(line.removeprefix("- ").strip())
    return passages


def read_article(path: Path) -> str:
    """A document's paragraphs without its tables, as running text."""
    text = path.read_text("utf-8").split("---", 2)[2]
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith(("|", "#", "<!--"))]
    return "\n".join(line.removeprefix("- ") for line in lines)


def load_facts(root: Path, split: str) -> list[Fact]:
    """The English questions of a split that one passage of a handbook document answers with one string."""
    folder = root / SOURCES
    found = []
    for entry in yaml.safe_load((root / QUESTIONS.format(split)).read_text("utf-8"))["en"]:
        if entry["kind"] not in ("fact", "table") or len(entry["gold"]) != 1 or len(entry["answers"]) != 1:
            continue
        gold = entry["gold"][0]
        document, _, snippets = (gold[0] if isinstance(gold, list) else gold).partition(": ")
        path = folder / (Path(document).stem + ".md")
        if not path.is_file():
            continue
        wanted = [_squeeze(part) for part in snippets.split(";;")]
        passage = next(
            (one for one in read_passages(path) if all(part in _squeeze(one) for part in wanted)), ""
        )
        if passage and any(_squeeze(v) in _squeeze(passage) for v in str(entry["answers"][0]).split("|")):
            found.append(Fact(str(entry["q"]), str(entry["answers"][0]), path.stem, passage))
    return found


def _squeeze(text: str) -> str:
    return re.sub(r"\W+", "", text).casefold()
