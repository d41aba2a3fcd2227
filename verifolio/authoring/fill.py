"""Copies a folder of templates: tokens such as __SLUG__ filled in, in names too; never over what is there."""

from __future__ import annotations

import keyword
import re
from pathlib import Path

from verifolio.errors import AuthorError
from verifolio.files import write_atomic

TEMPLATES = Path(__file__).resolve().parents[1] / "templates"
_IDENTIFIER = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*\Z")
_HYPHENED = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\Z")


def filled(kind: str, tokens: dict[str, str]) -> dict[str, str]:
    """Relative path → text of every file below templates/KIND."""
    folder = TEMPLATES / kind
    texts = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            name = _fill(path.relative_to(folder).as_posix(), tokens)
            texts[name] = _fill(path.read_text(encoding="utf-8"), tokens)
    return texts


def write_new(root: Path, texts: dict[str, str]) -> list[Path]:
    """Write files that are all new; nothing at all when one of them is there already."""
    paths = {root / name: text for name, text in texts.items()}
    for path in paths:
        if path.exists():
            raise AuthorError(
                "is there already; nothing was written",
                path=path.relative_to(root).as_posix(),
                hint="choose another name, or move it away first",
            )
    for path, text in paths.items():
        write_atomic(path, text)
    return list(paths)


def check_identifier(name: str, what: str) -> str:
    """A project or demo is a Python package: lower case, digits and single underscores."""
    if not _IDENTIFIER.match(name) or keyword.iskeyword(name):
        near = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
        why = "Python imports it: lower case letters, digits and _, a letter first, no word of Python's own"
        hint = (
            f"such as {near}"
            if _IDENTIFIER.match(near) and not keyword.iskeyword(near)
            else "such as my_project"
        )
        raise AuthorError(f"‘{name}’ cannot name a {what}. {why}", hint=hint)
    return name


def check_slug(name: str) -> str:
    """A post's name is its folder and its address: lower case, digits and single hyphens."""
    if not _HYPHENED.match(name):
        near = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "my-post"
        raise AuthorError(
            f"‘{name}’ cannot name a post. It is part of the address: lower case letters, digits and hyphens",
            hint=f"such as {near}; the title inside may be anything",
        )
    return name


def _fill(text: str, tokens: dict[str, str]) -> str:
    for name, value in tokens.items():
        text = text.replace(f"__{name}__", value)
    return text
