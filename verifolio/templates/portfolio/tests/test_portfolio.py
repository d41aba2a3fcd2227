"""The portfolio is true and builds: freshness and bindings, the experiments at the smoke profile, the site."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def verifolio(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "verifolio", "--root", str(root), *arguments],
        cwd=ROOT, capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy to run and build in, so that a test changes nothing of yours."""
    root = tmp_path_factory.mktemp("copy") / "portfolio"
    shutil.copytree(ROOT, root, ignore=shutil.ignore_patterns(".venv", "build", ".git", "__pycache__"))
    return root


def test_every_result_is_fresh_and_every_binding_good():
    assert "every result fresh" in verifolio(ROOT, "check")


def test_the_experiments_run_at_the_smoke_profile(copy: Path):
    verifolio(copy, "run", "--profile", "smoke")
    assert list((copy / "build/results/smoke").glob("*/*.json"))


def test_the_site_builds_in_both_languages(copy: Path):
    verifolio(copy, "site")
    for page in ("index.html", "en/index.html", "blog/index.html", "en/receipts/index.html"):
        assert "<h1" in (copy / "build/site" / page).read_text(encoding="utf-8"), page
