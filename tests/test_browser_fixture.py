"""Without Chromium, tests that need one say so and are skipped; on CI they fail."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from workbench import find_chromium

HERE = Path(__file__).parent


@pytest.mark.parametrize(("ci", "outcome"), [("", "1 skipped"), ("true", "1 error")])
def test_no_chromium(ci, outcome, tmp_path):
    (tmp_path / "test_it.py").write_text("def test_it(browser): pass\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = browser\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "conftest", "-p", "no:cacheprovider", "-rs", "test_it.py"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(HERE), "PATH": str(tmp_path), "CI": ci},
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome in done.stdout
    assert "no Chromium: apt-get install chromium" in done.stdout


def test_a_chromium_of_ones_own_is_found(tmp_path, monkeypatch):
    chromium = tmp_path / "my-chromium"
    chromium.touch(mode=0o755)
    monkeypatch.setenv("VERIFOLIO_CHROMIUM", str(chromium))
    assert find_chromium() == str(chromium)
    monkeypatch.delenv("VERIFOLIO_CHROMIUM")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_chromium() is None
    chromium.rename(tmp_path / "chromium-browser")
    assert find_chromium() == str(tmp_path / "chromium-browser")
