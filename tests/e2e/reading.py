"""A built site as its files tell: pages, links, headings and texts, read without a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote, unquote, urldefrag, urljoin

VOID = set(re.findall(r"\w+", "area base br col embed hr img input link meta source track wbr"))


@dataclass
class Element:
    """An element with its children, elements and texts in their order."""

    tag: str
    attrs: dict[str, str]
    parent: Element | None = None
    children: list[Element | str] = field(default_factory=list)

    def walk(self) -> Iterator[Element]:
        """This element and those below it, as they stand in the page."""
        left = [self]
        while left:
            one = left.pop()
            yield one
            left.extend(child for child in reversed(one.children) if isinstance(child, Element))

    def find(self, tag: str = "", **attrs: str) -> list[Element]:
        """Elements of this tag below this one; `class_name="x"` asks for a class among others."""
        wanted = attrs.pop("class_name", "")
        return [
            one
            for one in self.walk()
            if (not tag or one.tag == tag)
            and (not wanted or wanted in one.classes)
            and all(one.attrs.get(name) == value for name, value in attrs.items())
        ]

    @property
    def classes(self) -> list[str]:
        return self.attrs.get("class", "").split()

    @property
    def text(self) -> str:
        parts = [child if isinstance(child, str) else child.text for child in self.children]
        return re.sub(r"\s+", " ", "".join(parts)).strip()

    def within(self, *tags: str) -> bool:
        """Whether this element or one around it has one of these tags."""
        return self.tag in tags or (self.parent is not None and self.parent.within(*tags))


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = self.at = Element("", {})

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs}, self.at)
        self.at.children.append(element)
        if tag not in VOID:
            self.at = element

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.at = self.at.parent or self.root

    def handle_endtag(self, tag: str) -> None:
        at = self.at
        while at.parent is not None and at.tag != tag:
            at = at.parent
        if at.parent is not None:
            self.at = at.parent

    def handle_data(self, data: str) -> None:
        self.at.children.append(data)


@dataclass(frozen=True)
class SitePage:
    """One HTML file: `url` is its address below the site's root, "" for the home page."""

    file: Path
    url: str

    @property
    def lang(self) -> str:
        return "en" if self.url.startswith("en/") else "zh"

    @cached_property
    def tree(self) -> Element:
        builder = _Builder()
        builder.feed(self.file.read_text(encoding="utf-8"))
        return builder.root

    @cached_property
    def ids(self) -> list[str]:
        return [one.attrs["id"] for one in self.tree.walk() if "id" in one.attrs]

    @property
    def headings(self) -> list[Element]:
        return [one for one in self.tree.walk() if re.fullmatch("h[1-6]", one.tag)]

    @property
    def title(self) -> str:
        return next(one.text for one in self.headings if one.tag == "h1")

    def references(self) -> Iterator[tuple[str, str]]:
        """(what kind of place, address) of everything that the page leads to or loads."""
        for one in self.tree.walk():
            for name in ("href", "src", "poster", "data", "action", "xlink:href"):
                if name in one.attrs and not (one.tag == "link" and name == "data"):
                    kind = f"{one.tag} {one.attrs.get('rel', '')}".strip()
                    yield kind, one.attrs[name]
            for part in one.attrs.get("srcset", "").split(","):
                if part.strip():
                    yield one.tag, part.split()[0]


@dataclass(frozen=True)
class BuiltSite:
    """A built site in `folder`, to be published at `address`."""

    folder: Path
    address: str

    @cached_property
    def pages(self) -> list[SitePage]:
        files = sorted(self.folder.rglob("*.html"))
        return [SitePage(file, self._url(file)) for file in files]

    @cached_property
    def by_file(self) -> dict[Path, SitePage]:
        return {page.file: page for page in self.pages}

    def _url(self, file: Path) -> str:
        return quote(file.relative_to(self.folder).as_posix().removesuffix("index.html"))

    def page(self, url: str) -> SitePage:
        return next(page for page in self.pages if page.url == url)

    def posts(self, lang: str) -> list[SitePage]:
        """The posts of a language: the pages right below blog/ that are no list."""
        pattern = r"(en/)?blog/[^/]+/"
        return [page for page in self.pages if page.lang == lang and re.fullmatch(pattern, page.url)]

    def file_of(self, address: str) -> Path | None:
        """The file behind a full address; None if there is none, or if it is not ours."""
        if not address.startswith(self.address):
            return None
        path = self.folder / unquote(address.removeprefix(self.address).partition("?")[0])
        path = path / "index.html" if address.partition("?")[0].endswith("/") or path.is_dir() else path
        return path if path.is_file() else None

    def resolve(self, page: SitePage, reference: str) -> tuple[str, str]:
        """The full address that a reference on a page means, and its fragment."""
        base = self.address + page.url
        if page.url.endswith("404.html") and not reference.startswith(("/", "#")):
            base = "http://anywhere.invalid/"  # it is shown at any address: a relative one is wrong there
        address, fragment = urldefrag(urljoin(base, reference))
        return address, unquote(fragment)
