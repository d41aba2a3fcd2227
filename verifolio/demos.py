"""Demos as `demos/<slug>/demo.yml` declares them; knows the shape of a declaration, nothing of any demo."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import msgspec

from verifolio.browser import Browser
from verifolio.errors import AuthorError
from verifolio.evidence import Evidence
from verifolio.files import read_yaml
from verifolio.publish.declare import Publish
from verifolio.recorded import Recorded
from verifolio.results import Words, missing_languages


class Demo(msgspec.Struct, forbid_unknown_fields=True):
    """A demo's declaration."""

    title: Words
    summary: Words
    project: str
    good_at: Words = {}
    bad_at: Words = {}
    recorded: Recorded | None = None  # none yet: the demo is planned and says so
    browser: Browser | None = None  # none: it does not run in the reader's browser
    app: str = "app.py"
    publish: Publish | None = None  # none: it goes nowhere


def read_demos(root: Path) -> dict[str, Demo]:
    """All declared demos by slug."""
    demos = {}
    for path in sorted(root.glob("demos/*/demo.yml")):
        stat = path.stat()
        demos[path.parent.name] = _read(
            path, path.relative_to(root).as_posix(), stat.st_mtime_ns, stat.st_size
        )
    return demos


def demos_of(evidence: Evidence) -> dict[str, Demo]:
    """The same, looked for once for all pages that rest on this evidence."""
    if "demos" not in evidence.found:
        evidence.found["demos"] = read_demos(evidence.portfolio.root)
    demos: dict[str, Demo] = evidence.found["demos"]
    return demos


@functools.lru_cache(maxsize=64)
def _read(path: Path, shown: str, _mtime: int, _size: int) -> Demo:
    try:
        found: Any = msgspec.convert(read_yaml(path, shown=shown), Demo)
    except msgspec.ValidationError as error:
        raise AuthorError(str(error), path=shown) from None
    assert isinstance(found, Demo)
    named = {"title": found.title, "summary": found.summary}
    if found.recorded:
        named |= {"good_at": found.good_at, "bad_at": found.bad_at}
    if found.browser and found.browser.note:
        named |= {"browser: note": found.browser.note}
    for what, words in named.items():
        if missing := missing_languages(words):
            raise AuthorError(f"{what}: no words in {missing}", path=shown)
    return found
