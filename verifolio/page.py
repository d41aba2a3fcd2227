"""A page while it is being staged: where it stands, its language, what it rests on, its faults."""

from __future__ import annotations

import functools
import html
import posixpath
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from verifolio.errors import AuthorError, Fault
from verifolio.evidence import Evidence
from verifolio.expressions import Quantity, Ref
from verifolio.portfolio import LANGS

if TYPE_CHECKING:
    from verifolio.site import Site


@dataclass
class Page:
    """`source` is the author's file (for faults); `path` the staged one (for links)."""

    source: str
    path: str
    lang: str
    evidence: Evidence
    site: Site
    faults: list[Fault] = field(default_factory=list)
    cards: dict[str, tuple[str, Quantity]] = field(default_factory=dict)
    bound: list[str] = field(default_factory=list)  # what must agree between the languages, in order
    quoted: list[str] = field(default_factory=list)
    blamed: set[str] = field(default_factory=set)
    placed: set[Fault] = field(default_factory=set)  # faults that the page itself shows where they are

    def link(self, target: str) -> str:
        """A staged page (`receipts/x/y.md#key`) as seen from this one."""
        path, hash_mark, anchor = target.partition("#")
        return _relative(path, _folder(self.path)) + hash_mark + anchor

    def href(self, target: str) -> str:
        """The same for raw HTML, which no engine rewrites: the pages' final URLs."""
        path, hash_mark, anchor = target.partition("#")
        here = _url(self.path)
        return _relative(_url(path), here) + "/" + hash_mark + anchor

    def site_root(self, *, own: bool = False) -> str:
        """From this page up to the root of the whole site, or of its language: `../../` or `./`."""
        url = _url(self.path)
        depth = (url.count("/") + 1 if url else 0) + (self.lang != LANGS[0] and not own)
        return "../" * depth or "./"

    def receipt(self, ref: Ref) -> str:
        """The staged path of a receipt's line."""
        return f"receipts/{ref.experiment.replace('.', '/')}.md#{anchor_of(ref)}"

    def fault(self, line: int, error: AuthorError, *, shown: bool = True) -> AuthorError:
        """Note what the author must mend and say where; a fault that names its own file keeps it.

        `shown`: the caller shows it where it happens; else it will stand at the page's head.
        """
        placed = [
            one if one.path else Fault(self.source, line, one.message, one.hint) for one in error.faults
        ]
        self.faults += placed
        if shown:
            self.placed.update(placed)
        return AuthorError(faults=placed)

    def doubt(self, line: int, refs: tuple[Ref, ...]) -> bool:
        """Whether any of `refs` is not fresh; notes it once per experiment at its first line."""
        doubtful = [ref.experiment for ref in refs if self.evidence.doubts(ref.experiment)]
        for name in doubtful:
            if name not in self.blamed:
                self.blamed.add(name)
                for reason in self.evidence.doubts(name):
                    message = f"binds {name}, which is {self.evidence.state(name)}: {_without(reason.message, name)}"
                    at = f" ({reason.path})" if reason.path else ""
                    self.faults.append(Fault(self.source, line, message + at, reason.hint))
        return bool(doubtful)


def anchor_of(ref: Ref) -> str:
    """The id of a metric, table or chart on its receipt page."""
    return ref.key if ref.kind == "metric" else f"{ref.kind}-{ref.key}"


@functools.lru_cache(maxsize=4096)
def card_id(key: str) -> str:
    """An id that CSS and URLs take."""
    return "vf-card-" + re.sub(r"[^A-Za-z0-9.-]", "-", key)


def fault_inline(error: AuthorError) -> str:
    """A fault shown in the page where it happens (serve)."""
    return f'<span class="vf-fault" role="alert">{html.escape(_one_line(error))}</span>'


def fault_block(error: AuthorError) -> str:
    return f'<div class="vf-fault" role="alert">{html.escape(_one_line(error))}</div>'


def _one_line(error: AuthorError) -> str:
    return " · ".join(" ".join(str(fault).split()) for fault in error.faults)


@functools.lru_cache(maxsize=4096)  # a page links a receipt many times
def _relative(path: str, here: str) -> str:
    return posixpath.relpath(path or ".", here or ".")


@functools.lru_cache(maxsize=1024)
def _folder(path: str) -> str:
    return posixpath.dirname(path)


def _url(path: str) -> str:
    """Where the engines publish a staged page: `a/b.md` → `a/b`, `a/index.md` → `a`.

    Posts stand at `blog/<slug>`: mkdocs.yml sets the blog's `post_url_format` so.
    """
    path = path.removesuffix(".md").replace("blog/posts/", "blog/")
    return posixpath.dirname(path) if posixpath.basename(path) == "index" else path


def _without(message: str, name: str) -> str:
    return message.removeprefix(f"{name} is stale: ")
