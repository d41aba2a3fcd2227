"""`verifolio publish` as it is used: the dry run, the whole way to a hub and back, and no token anywhere."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.fakes.hub import TOKEN
from tests.test_publish_hubs import hub  # noqa: F401
from verifolio.cli import main
from verifolio.publish.static import static_files

ROOT = Path(__file__).parents[1]


@pytest.fixture
def small(tmp_path):
    """A portfolio with one demo, planned, and a built site with its page."""
    root = tmp_path / "portfolio"
    for name, text in {
        "mkdocs.yml": "site_name: x\n",
        "publish.yml": "huggingface: me\nsite: https://me.example/\n",
        "requirements.lock": "gradio==6.31.0\n",
        "projects/p/experiments.yml": "title: {zh: x, en: x}\nsummary: {zh: x, en: x}\nexperiments: {}\n",
        "demos/d/demo.yml": "title: {zh: x, en: x}\nsummary: {zh: x, en: x}\nproject: p\n"
        "publish: {huggingface: [{sdk: static}]}\n",
        "demos/d/README.md": "---\ntitle: x\nemoji: x\nsdk: gradio\n---\nText\n",
        "build/site/index.html": "home",
        "build/site/demos/d/index.html": '<link href="../../a/s.css"><a href="../../about/">x</a>'
        '<script src="../../a/d.js"></script><div data-weights="w/"></div>',
        "build/site/demos/d/w/part.bin": "weights",
        "build/site/about/index.html": "about",
        "build/site/a/s.css": "a{background:url(i.svg)}",
        "build/site/a/i.svg": "<svg/>",
        "build/site/a/d.js": 'import("./x.js")',
        "build/site/a/x.js": "1",
        "build/site/other.txt": "not needed",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


def run(root: Path, *words: str):
    return CliRunner().invoke(main, ["--root", str(root), "publish", *words])


def test_a_static_bundle_holds_the_page_and_all_that_it_loads(small):
    files = static_files(small, "d", "https://me.example/")
    names = [
        "README.md",
        "a/d.js",
        "a/i.svg",
        "a/s.css",
        "a/x.js",
        "demos/d/index.html",
        "demos/d/w/part.bin",
    ]
    assert sorted(files) == [*names, "index.html"]
    assert b'href="https://me.example/about"' in files["demos/d/index.html"]
    assert b"cross-origin-embedder-policy: require-corp" in files["README.md"]


def test_the_dry_run_shows_all_and_changes_nothing(small, hub):  # noqa: F811
    done = run(small, "demo", "d")
    assert done.exit_code == 0, done.output
    assert "+ demos/d/w/part.bin" in done.output
    assert "not there yet: would be created" in done.output
    assert "dry run" in done.output
    assert hub.count("POST") == 0
    assert hub.repos == {}


def test_without_an_owner_the_dry_run_says_what_to_set_and_yes_fails(small, hub):  # noqa: F811
    (small / "publish.yml").write_text("")
    assert "set ‘huggingface: NAME’ in publish.yml" in run(small, "demo", "d").output
    done = run(small, "demo", "d", "--yes")
    assert (done.exit_code, hub.count("POST")) == (1, 0)


@pytest.mark.parametrize("honest", [True, False])
def test_a_published_demo_is_fetched_and_compared(small, hub, monkeypatch, honest):  # noqa: F811
    hub.app_host = "https://me-d.static.hf.example"
    hub.stages = ["RUNNING"]

    def served(request, timeout):
        name = request.full_url.removeprefix(hub.app_host + "/")
        body = io.BytesIO(hub.repos["me/d"][name][1] if honest else b"garbage")
        body.headers = {}  # type: ignore[attr-defined]
        return body

    monkeypatch.setattr("urllib.request.urlopen", served)
    done = run(small, "demo", "d", "--yes")
    assert done.exit_code == (0 if honest else 1), done.output
    assert ("files as here" if honest else "serves other bytes") in done.output


def test_the_token_stands_in_no_output_and_no_file(small, hub):  # noqa: F811
    hub.faults["POST /api/repos/create"] = [403]  # the fake echoes the header that it got
    done = run(small, "demo", "d", "--yes")
    assert done.exit_code == 1
    assert TOKEN not in done.output
    written = [one for one in small.rglob("*") if one.is_file()]
    assert written
    assert not [one for one in written if TOKEN.encode() in one.read_bytes()]


def test_the_site_goes_to_a_folder_and_back_to_the_same_is_no_change(small, tmp_path):
    target = tmp_path / "www"
    assert "dry run" in run(small, "site", "--to", "folder", str(target)).output
    assert not target.exists()
    assert run(small, "site", "--to", "folder", str(target), "--yes").exit_code == 0
    marker = json.loads((target / "verifolio-site.json").read_text())["files"]
    assert marker["other.txt"] == hashlib.sha256(b"not needed").hexdigest()
    assert "nothing to change" in run(small, "site", "--to", "folder", str(target)).output


def test_unknown_names_are_told(small):
    done = run(small, "demo", "e")
    assert done.exit_code == 1
    assert "no demo ‘e’" in done.output
