"""The real portfolio is true: what is committed is fresh, bound and in both languages."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from verifolio.check import check
from verifolio.freshness import check_freshness
from verifolio.pipeline import would_run
from verifolio.portfolio import read_portfolio

ROOT = Path(__file__).resolve().parent.parent


def test_nothing_is_to_be_mended():
    assert [str(fault) for fault in check(ROOT)] == []


def test_pytask_would_run_nothing():
    assert would_run(ROOT) == []


def test_every_published_result_comes_from_committed_code():
    receipts = {
        name: one.result.receipt for name, one in check_freshness(read_portfolio(ROOT)).items() if one.result
    }
    assert receipts
    assert [name for name, receipt in receipts.items() if receipt.dirty or not receipt.commit] == []


def test_adapters_are_small_enough_for_git():
    sizes = {path: path.stat().st_size for path in ROOT.glob("projects/*/results/**/*") if path.is_file()}
    assert {path.name: size for path, size in sizes.items() if size > 2_000_000} == {}


def test_the_run_times_are_what_weeks_2_and_12_say():
    seconds: Counter[str] = Counter()
    for name, one in check_freshness(read_portfolio(ROOT)).items():
        seconds[name.partition(".")[0]] += one.result.receipt.duration_s if one.result else 0
    assert seconds["sentiment"] < 3600, "week 2: within an hour"
    assert seconds.total() < 7200, "week 12: within two hours"
