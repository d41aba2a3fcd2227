"""The environment's script where another apt holds a lock; a stand-in for apt-get says what the real one says."""

from __future__ import annotations

import os

import pytest

from scripts import setup_env

APT_GET = """#!/bin/sh
echo "$@" >> "$0.log"
if [ -e "$0.locks" ] && [ -s "$0.locks" ]; then
  sed -i 1d "$0.locks"
  echo "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 7 (apt-get)" >&2
  exit 100
fi
if [ -e "$0.broken" ]; then echo "E: Unable to locate package chromium" >&2; exit 100; fi
"""


@pytest.fixture
def apt(tmp_path, monkeypatch):
    """A machine without Chromium, whose apt-get is ours."""
    path = tmp_path / "apt-get"
    path.write_text(APT_GET)
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")
    monkeypatch.delenv("VERIFOLIO_CHROMIUM", raising=False)
    monkeypatch.setattr(setup_env, "BROWSERS", ("no-such-browser",))
    monkeypatch.setattr(setup_env, "LOCK_PAUSE_S", 0)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return path


def calls(apt) -> list[str]:
    return [line.split()[0] for line in apt.with_name("apt-get.log").read_text().splitlines()]


def test_it_waits_for_another_apt_and_says_so_once(apt, capsys):
    apt.with_name("apt-get.locks").write_text("held\nheld\n")
    setup_env.need_browser()
    assert calls(apt) == ["update", "update", "update", "install"]
    said = capsys.readouterr()
    assert said.out.count("another apt or dpkg is at work; waiting for it") == 1
    assert said.err == ""


def test_it_gives_up_in_the_end(apt, capsys, monkeypatch):
    monkeypatch.setattr(setup_env, "LOCK_WAIT_S", 0)
    apt.with_name("apt-get.locks").write_text("held\n" * 9)
    setup_env.need_browser()
    assert calls(apt) == ["update"]
    assert "held by process 7" in capsys.readouterr().err


def test_another_fault_is_told_at_once(apt, capsys):
    apt.with_name("apt-get.broken").touch()
    setup_env.need_browser()
    assert calls(apt) == ["update"]
    said = capsys.readouterr()
    assert "Unable to locate package chromium" in said.err
    assert "‘apt-get update -qq’ failed; end-to-end tests cannot run" in said.err
    assert "waiting" not in said.out
