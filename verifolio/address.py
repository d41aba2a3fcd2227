"""The site's own address, as mkdocs.yml and mkdocs.en.yml ask for it."""

from __future__ import annotations

import os
from pathlib import Path

from verifolio.files import read_yaml

HERE = "http://127.0.0.1"  # what stands there while no address is known


def set_address(root: Path) -> None:
    """Put SITE_URL and SITE_URL_EN into the environment: from SITE_URL, else from `site:` in publish.yml."""
    address = os.environ.get("SITE_URL", "")
    settings = root / "publish.yml"
    if not address and settings.is_file():
        found = read_yaml(settings, shown="publish.yml")
        address = str(found.get("site") or "") if isinstance(found, dict) else ""
    if address:  # MkDocs brings its own slash; `extra.site_root` and the English address have none
        os.environ["SITE_URL"] = address.rstrip("/") + "/"
        os.environ.setdefault("SITE_URL_EN", os.environ["SITE_URL"] + "en/")
