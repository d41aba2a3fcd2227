"""The site's address: from the environment, else from publish.yml, and both languages' alike."""

from __future__ import annotations

import os

import pytest

from verifolio.address import set_address


@pytest.mark.parametrize(
    ("environment", "settings", "zh", "en"),
    [
        ("https://x.example/blog", "", "https://x.example/blog/", "https://x.example/blog/en/"),
        ("", "site: https://me.example/p/\n", "https://me.example/p/", "https://me.example/p/en/"),
        ("https://x.example/", "site: https://me.example/\n", "https://x.example/", "https://x.example/en/"),
        ("", 'site: ""\n', None, None),
        ("", "", None, None),
    ],
)
def test_both_languages_have_an_address(tmp_path, monkeypatch, environment, settings, zh, en):
    if environment:
        monkeypatch.setenv("SITE_URL", environment)
    if settings:
        (tmp_path / "publish.yml").write_text(settings)
    set_address(tmp_path)
    assert (os.environ.get("SITE_URL"), os.environ.get("SITE_URL_EN")) == (zh, en)
