"""The second engine builds the same staged tree: nothing in it is MkDocs' alone."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from reading import BuiltSite


@pytest.mark.parametrize(("lang", "config"), [("zh", "mkdocs.yml"), ("en", "mkdocs.en.yml")])
def test_zensical_builds_the_same_pages(
    root: Path, site: BuiltSite, tmp_path: Path, lang: str, config: str
) -> None:
    """Notebooks apart: mkdocs-jupyter has no like there."""
    for name in ("mkdocs.yml", "mkdocs.en.yml"):
        shutil.copy2(root / name, tmp_path)
    shutil.copytree(root / "site_src", tmp_path / "site_src")
    shutil.copytree(root / "build" / "docs", tmp_path / "build" / "docs")
    done = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict", "--config-file", config],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    built = tmp_path / "build" / "site" / ("en" if lang == "en" else "")
    prefix = "en/" if lang == "en" else ""
    pages = {page.url.removeprefix(prefix) for page in site.pages if page.lang == lang}
    theirs = BuiltSite(built, site.address)
    assert {page.url for page in theirs.pages} == {url for url in pages if not url.startswith("notebooks/")}
    for page in theirs.pages:
        assert re.search(r"<h1[\s>]", page.file.read_text("utf-8")), page.url
