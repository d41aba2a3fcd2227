"""Cuts blocks into passages: table rows whole with their headers, prose by paragraphs under its heading."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

from projects.rag.blocks import Block, row_text
from projects.rag.records import Passage, passage_id


@dataclass(frozen=True)
class Chunking:
    """How documents are cut."""

    rows: str = "whole"
    """`whole`: a table row is a passage and carries its headers. `window`: the naive way, windows over the bare text."""
    size: int = 420
    """Longest passage of prose in characters of English; Chinese, denser, gets `size * zh_share`."""
    zh_share: float = 0.5
    overlap: int = 60
    """Characters that neighbouring windows share; of use to `window` only."""

    def as_json(self) -> dict[str, object]:
        """Give the settings for the manifest."""
        return asdict(self)


@dataclass
class _Draft:
    """A passage before it knows its document."""

    text: str
    kind: str
    trail: list[str] = field(default_factory=list)
    block: Block = field(default_factory=lambda: Block("text"))


def cut(document: str, title: str, blocks: list[Block], chunking: Chunking) -> list[Passage]:
    """Give the passages of a document in reading order."""
    lang = language(" ".join(block.text or block.raw for block in blocks))
    drafts = _windows(blocks, chunking, lang) if chunking.rows == "window" else _whole(blocks, chunking, lang)
    passages: dict[str, Passage] = {}
    for draft in drafts:
        place = draft.block
        # The title opens every trail; to repeat it there would only make every heading alike.
        heading = " › ".join(part for part in draft.trail if part != title)
        where = f"{place.page}|{place.sheet}|{place.cells}|{heading}"
        key = passage_id(document, where, draft.text)
        passages.setdefault(
            key,
            Passage(
                key,
                draft.text,
                document,
                title,
                lang,
                draft.kind,
                heading,
                place.page,
                place.sheet,
                place.cells,
            ),
        )
    return list(passages.values())


def language(text: str) -> str:
    """Say which language a text is in: `zh` from one Chinese character in eight letters on."""
    chinese = len(re.findall(r"[\u4e00-\u9fff]", text))
    latin = len(re.findall(r"[A-Za-z]", text))
    return "zh" if chinese * 7 > latin else "en"


def _whole(blocks: list[Block], chunking: Chunking, lang: str) -> Iterator[_Draft]:
    limit = _limit(chunking, lang)
    trail: list[Block] = []
    bare: set[int] = set()  # headings with nothing below them yet: text all the same, and not to be lost
    waiting: list[Block] = []

    def flush() -> Iterator[_Draft]:
        names = [heading.text for heading in trail]
        if waiting and names and names[-1].endswith(("?", "？")):
            text = names[-1] + "\n" + "\n".join(block.text for block in waiting)
            yield _Draft(text, "faq", names[:-1], waiting[0])
        else:
            for text, block in _paragraphs(waiting, limit):
                yield _Draft(text, "prose", names, block)
        waiting.clear()

    def leave(level: int) -> Iterator[_Draft]:
        while trail and trail[-1].level >= level:
            heading = trail.pop()
            if id(heading) in bare and (heading.sheet is None or heading.cells):
                yield _Draft(heading.text, "prose", [one.text for one in trail], heading)

    for block in blocks:
        if block.kind == "heading":
            yield from flush()
            yield from leave(block.level)
            bare.difference_update(map(id, trail))
            trail.append(block)
            bare.add(id(block))
            continue
        bare.difference_update(map(id, trail))
        if block.kind == "row":
            yield from flush()
            yield _Draft(row_text(block.row), "row", [one.text for one in trail], block)
            continue
        if waiting and waiting[-1].page != block.page:
            yield from flush()
        waiting.append(block)
    yield from flush()
    yield from leave(0)


def _paragraphs(blocks: list[Block], limit: int) -> Iterator[tuple[str, Block]]:
    """Join short paragraphs up to the limit and cut long ones between sentences."""
    text, first = "", None
    for block in blocks:
        for piece in _sentences(block.text, limit):
            if text and len(text) + len(piece) + 1 > limit:
                yield text, first or block
                text, first = "", None
            text = f"{text}\n{piece}" if text else piece
            first = first or block
    if text and first:
        yield text, first


def _sentences(text: str, limit: int) -> Iterator[str]:
    """Give a text whole if it fits, else in runs of whole sentences, a monstrous sentence in slices."""
    if len(text) <= limit:
        yield text
        return
    run = ""
    for sentence in re.findall(r".+?(?:[。！？；!?]+[”’」』]?|[.](?=\s)|$)\s*", text, flags=re.S):
        while len(sentence) > limit:
            if run:
                yield run.strip()
                run = ""
            at = _slice(sentence, limit)
            yield sentence[:at].strip()
            sentence = sentence[at:]
        if run and len(run) + len(sentence) > limit:
            yield run.strip()
            run = ""
        run += sentence
    if run.strip():
        yield run.strip()


def _slice(sentence: str, limit: int) -> int:
    """Where a monstrous sentence may be cut: after its last comma or word that fits, and never within a number."""
    for mark in (r"[，；：、;]|[,:](?!\d)", r"\s"):
        if places := [found.end() for found in re.finditer(mark, sentence[:limit])]:
            return places[-1]
    at = limit
    while at > 1 and sentence[at - 1].isdigit() and sentence[at].isdigit():
        at -= 1
    return at


def _windows(blocks: list[Block], chunking: Chunking, lang: str) -> Iterator[_Draft]:
    """Cut the text of each page or sheet every so many characters, as tutorials do."""
    limit = _limit(chunking, lang)
    step = max(limit - chunking.overlap, 1)
    groups: dict[tuple[int | None, str | None], list[Block]] = {}
    for block in blocks:
        groups.setdefault((block.page, block.sheet), []).append(block)
    for (page, sheet), group in groups.items():
        text = "\n".join(_bare(group))
        for start in range(0, max(len(text) - chunking.overlap, 1), step):
            if piece := text[start : start + limit].strip():
                yield _Draft(piece, "prose", [], Block("text", page=page, sheet=sheet))


def _bare(group: list[Block]) -> Iterator[str]:
    """Give the lines of a page as plain extraction does: a table's header once, then values alone."""
    headers: list[str] = []
    for block in group:
        if block.kind != "row":
            yield block.text
            continue
        names = [header for header, _ in block.row]
        if not set(names) <= set(headers):
            headers = names
            yield " ".join(names)
        yield block.raw


def _limit(chunking: Chunking, lang: str) -> int:
    return max(int(chunking.size * (chunking.zh_share if lang == "zh" else 1)), 20)
