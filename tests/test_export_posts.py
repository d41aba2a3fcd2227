"""Every post for every place: no markup that the place would show or drop, nothing announced that is not there."""

from __future__ import annotations

import re

import pytest
from repository import REPOSITORY

from verifolio.export import portable
from verifolio.export.command import PLACES, export_post

POSTS = sorted(path.parent.name for path in (REPOSITORY / "blog").glob("*/en.md"))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("post", POSTS)
def test_a_post_leaves_nothing_behind_that_the_place_cannot_show(tmp_path, monkeypatch, post, place):
    monkeypatch.setattr(
        portable, "svg_to_png", lambda *_: b""
    )  # seconds each, and nothing of them is read here
    text = export_post(REPOSITORY, post, place, out=tmp_path)[0].read_text(encoding="utf-8")
    assert "<math" not in text
    if place == "linkedin":
        assert not re.search(r":\n\n(?:▍|The whole post)", text)
        assert not re.search(r"^(?:\||!\[|```|>)|<[a-z]+[ >]", text, re.MULTILINE)
    if place == "devto":
        for formula in re.findall(r"\{% katex[^%]*%\}(.*?)\{% endkatex %\}", text):
            assert not re.search(r"\\[^a-z]|\{\{", formula), formula
