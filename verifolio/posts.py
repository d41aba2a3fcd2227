"""Posts: `blog/<folder>/{zh,en}.md` with front matter, in pairs that say the same."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from verifolio.errors import AuthorError, Fault, did_you_mean
from verifolio.files import parse_yaml, read_yaml
from verifolio.portfolio import LANGS
from verifolio.results import Words, missing_languages

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\Z")


class Reading(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """One thing worth reading after a post; `note` says why, in the post's language."""

    title: str
    url: str
    by: str = ""
    year: int | None = None
    note: str = ""


class FrontMatter(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What stands between the `---` lines of a post."""

    title: str
    description: str
    date: datetime.date
    slug: str
    week: int | None = None
    categories: list[str] = []
    tags: list[str] = []
    notebook: str = ""
    demo: str = ""
    updated: datetime.date | None = None
    draft: bool = False
    reading: list[Reading] = []


class Promise(msgspec.Struct, forbid_unknown_fields=True):
    """What a week promised, and the evidence by which it is judged."""

    what: Words
    results: list[str] = []
    demo: str = ""
    post: str = ""
    page: str = ""
    note: Words = {}


class Week(msgspec.Struct, forbid_unknown_fields=True):
    """A week of the road map, in blog/weeks.yml."""

    week: int
    title: Words
    promises: list[Promise] = []


@dataclass(frozen=True)
class Post:
    """A post in one language; `first_line` is where its body starts in the file."""

    source: str
    lang: str
    meta: FrontMatter
    body: str
    first_line: int
    broken: bool = False  # a stand-in: the file could not be read
    state: str = "published"  # or "draft", "scheduled": see `date_posts`

    @property
    def staged(self) -> str:
        return f"blog/posts/{self.meta.slug}.md"


def split_front_matter(text: str, source: str) -> tuple[dict[str, Any], str, int]:
    """(front matter, body, first line of the body); a page without front matter gets {}."""
    if not text.startswith("---\n"):
        return {}, text, 1
    end = text.find("\n---", 3)
    if end < 0:
        raise AuthorError("front matter is not closed", path=source, line=1, hint="end it with a line ---")
    head, body = text[4 : end + 1], text[text.find("\n", end + 1) + 1 :]
    meta = parse_yaml(head, path=source, first_line=2) or {}
    if not isinstance(meta, dict):
        raise AuthorError("front matter is not a list of keys", path=source, line=2)
    return meta, body, text[: len(text) - len(body)].count("\n") + 1


def read_posts(root: Path) -> tuple[list[Post], list[Fault]]:
    """All posts of all folders, newest first, and the faults of those that cannot be read."""
    posts: list[Post] = []
    faults: list[Fault] = []
    for folder in sorted(path for path in (root / "blog").glob("*") if path.is_dir()):
        found = [path for lang in LANGS if (path := folder / f"{lang}.md").exists()]
        for path in found:
            try:
                posts.append(_read_post(root, path))
            except AuthorError as error:
                faults += error.faults
                posts.append(_stand_in(root, path))
        if found and len(found) < len(LANGS):
            missing = next(lang for lang in LANGS if not (folder / f"{lang}.md").exists())
            where = f"{folder.relative_to(root).as_posix()}/{missing}.md"
            faults.append(
                Fault(where, 0, "missing translation", f"write it beside {found[0].name}, with the same slug")
            )
    posts.sort(key=lambda post: (post.meta.date, post.meta.week or 0, post.meta.slug), reverse=True)
    return posts, faults + _check_slugs(posts)


def date_posts(posts: list[Post], today: datetime.date) -> list[Post]:
    """The posts with their states on that day; a draft stays one whatever its date."""
    return [post if post.broken else replace(post, state=_state_on(post, today)) for post in posts]


def appears_before(post: Post, other: Post) -> bool:
    """Whether `other` is on the site for certain once `post` is: what `post` may link to."""
    if "draft" in (post.state, other.state):
        return post.state == "draft"
    return other.state == "published" or other.meta.date <= post.meta.date


def _state_on(post: Post, today: datetime.date) -> str:
    if post.meta.draft:
        return "draft"
    return "scheduled" if post.meta.date > today else "published"


def check_pair(zh: Post, en: Post, bound: dict[str, list[str]], quoted: dict[str, list[str]]) -> list[Fault]:
    """Two languages, one truth: same slug, date and week, same bindings, same code."""
    faults = []
    for name in ("slug", "date", "week", "demo", "notebook", "draft"):
        ours, theirs = getattr(zh.meta, name), getattr(en.meta, name)
        if ours != theirs:
            faults.append(
                Fault(en.source, 1, f"{name} is {theirs}, in {zh.source} it is {ours}", "make them equal")
            )
    reading = {post.lang: [one.url for one in post.meta.reading] for post in (zh, en)}
    for what, lists in (("binds", bound), ("quotes", quoted), ("recommends", reading)):
        for key in sorted(set(lists["zh"]) - set(lists["en"])):
            faults.append(
                Fault(
                    en.source, 0, f"{zh.source} {what} ‘{key}’, this translation does not", "say it in both"
                )
            )
        for key in sorted(set(lists["en"]) - set(lists["zh"])):
            faults.append(
                Fault(zh.source, 0, f"{en.source} {what} ‘{key}’, this original does not", "say it in both")
            )
    return faults


def read_weeks(root: Path) -> list[Week]:
    """The weeks of the road map; none when the file is missing."""
    path = root / "blog" / "weeks.yml"
    if not path.exists():
        return []
    try:
        weeks = msgspec.convert(read_yaml(path, shown="blog/weeks.yml"), list[Week])
    except msgspec.ValidationError as error:
        raise AuthorError(str(error), path="blog/weeks.yml") from None
    for week in weeks:
        named = [("title", week.title), *(("promise", one.what) for one in week.promises)]
        named += [("note", one.note) for one in week.promises if one.note]
        for what, words in named:
            if missing := missing_languages(words):
                raise AuthorError(f"week {week.week}: {what}: no words in {missing}", path="blog/weeks.yml")
    return weeks


def _read_post(root: Path, path: Path) -> Post:
    source = path.relative_to(root).as_posix()
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise AuthorError(f"not UTF-8 text ({error.reason})", path=source) from None
    meta, body, first_line = split_front_matter(text.replace("\r\n", "\n"), source)
    known = list(FrontMatter.__struct_fields__)
    for key in meta:
        if key not in known:
            line = next((n for n, one in enumerate(text.split("\n"), 1) if one.startswith(f"{key}:")), 1)
            raise AuthorError(
                f"unknown key ‘{key}’ in front matter",
                path=source,
                line=line,
                hint=did_you_mean(str(key), known),
            )
    try:
        front = msgspec.convert(meta, FrontMatter)
    except msgspec.ValidationError as error:
        raise AuthorError(f"front matter: {error}", path=source, line=1) from None
    if not _SLUG.match(front.slug):
        raise AuthorError(
            f"slug ‘{front.slug}’", path=source, line=1, hint="lower case letters, digits and hyphens"
        )
    return Post(source, path.stem, front, body, first_line)


def _stand_in(root: Path, path: Path) -> Post:
    """An empty post where a broken one was, so that `serve` can show the fault at its address."""
    text = path.read_text(encoding="utf-8", errors="replace")
    slug = re.search(r"^slug:\s*([a-z0-9-]+)\s*$", text, re.MULTILINE)
    name = slug.group(1) if slug else re.sub(r"[^a-z0-9]+", "-", path.parent.name.lower()).strip("-")
    meta = FrontMatter(
        title=path.parent.name, description="", date=datetime.date(1970, 1, 1), slug=name, draft=True
    )
    return Post(path.relative_to(root).as_posix(), path.stem, meta, "<!-- more -->\n", 1, broken=True)


def _check_slugs(posts: list[Post]) -> list[Fault]:
    faults: list[Fault] = []
    seen: dict[tuple[str, str], Post] = {}
    for post in reversed(posts):  # newest first: what is published keeps its address
        first = seen.setdefault((post.lang, post.meta.slug), post)
        if first is not post:
            faults.append(
                Fault(post.source, 1, f"slug ‘{post.meta.slug}’ is taken by {first.source}", "choose another")
            )
    return faults
