"""Checks that every link between staged pages leads to a page, before any engine builds them."""

from __future__ import annotations

import functools
import posixpath
import re
from collections.abc import Collection, Mapping

from verifolio.errors import Fault, did_you_mean

_CODE = re.compile(
    r"^(`{3,}|~{3,}).*?^\1\s*$|(`+)(?!`).*?(?<!`)\2(?!`)|<svg.*?</svg>", re.DOTALL | re.MULTILINE
)
_ELSEWHERE = re.compile(r"[a-z]+:|/")
_LINK = re.compile(r"\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")


def find_broken_links(
    lang: str, pages: Mapping[str, str], files: Collection[str], *, later: Collection[str] = ()
) -> list[Fault]:
    """Faults for relative links that lead nowhere; `later` are posts that are not out yet."""
    faults = []
    known = set(pages) | set(files)
    for name, text in pages.items():
        folder = posixpath.dirname(name)
        doubtful = [
            (found.start(), target, path)
            for found in _LINK.finditer(text)
            if (target := found.group(1).partition("#")[0]) and not _ELSEWHERE.match(target)
            if (path := _target(folder, target)) not in known
            if f"{path}/index.md" not in known
        ]
        code = [found.span() for found in _CODE.finditer(text)] if doubtful else []
        for at, target, path in doubtful:
            if any(start <= at < end for start, end in code):
                continue
            near = did_you_mean(path, sorted(known))
            if path in later:
                near = "that post is a draft or comes out later: link to it once it is out"
            faults.append(Fault(f"build/docs/{lang}/{name}", 0, f"link to {target}, which is no page", near))
    return faults


@functools.lru_cache(maxsize=4096)  # many links of a page lead to one receipt
def _target(folder: str, link: str) -> str:
    return posixpath.normpath(posixpath.join(folder, link))
