"""Every word that an author may write is told in CONTRIBUTING.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from verifolio.bind import _OPTIONS
from verifolio.browser import Browser, Later
from verifolio.demos import Demo, Recorded
from verifolio.listings import Shelf
from verifolio.portfolio import CatalogueEntry, ExperimentEntry, ProjectEntry
from verifolio.posts import FrontMatter, Week
from verifolio.publish.declare import Ask, ModelRepo, Publish, Settings, Target
from verifolio.units import UNITS

HANDBOOK = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
WORDS = {
    "unit": UNITS,
    "option": _OPTIONS,
    "block": Shelf([], []).handlers(),
    "key of an experiment": ExperimentEntry.__struct_fields__,
    "key of a project": ProjectEntry.__struct_fields__,
    "key of the catalogue": CatalogueEntry.__struct_fields__,
    "key of front matter": FrontMatter.__struct_fields__,
    "key of a week": Week.__struct_fields__,
    "key of a demo": Demo.__struct_fields__,
    "key of a demo's recording": Recorded.__struct_fields__,
    "key of a browser rung": Browser.__struct_fields__,
    "key of later files": Later.__struct_fields__,
    "key of publish": Publish.__struct_fields__,
    "key of a place": Target.__struct_fields__,
    "key of a model repository": ModelRepo.__struct_fields__,
    "key of ask": Ask.__struct_fields__,
    "key of publish.yml": Settings.__struct_fields__,
}


@pytest.mark.parametrize("kind", WORDS)
def test_the_handbook_tells_every(kind):
    assert [word for word in WORDS[kind] if not re.search(rf"\b{word}\b", HANDBOOK)] == []
