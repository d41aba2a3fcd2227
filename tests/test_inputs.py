"""Inputs come from a package or the hub, and are what the catalogue says, or the run does not start."""

from __future__ import annotations

import pytest

from verifolio.errors import AuthorError
from verifolio.inputs import resolve_input
from verifolio.portfolio import read_portfolio

CATALOGUE = "projects/catalogue.yml"


@pytest.fixture
def on_path(workbench, monkeypatch):
    monkeypatch.syspath_prepend(str(workbench.root))
    return workbench


def resolve(workbench):
    return resolve_input(read_portfolio(workbench.root), "reviews")


def test_an_input_is_found_in_its_package(on_path):
    assert (resolve(on_path) / "reviews.csv").is_file()


def test_an_input_may_be_a_single_file(on_path):
    on_path.edit(CATALOGUE, "path: tiny_reviews", "path: tiny_reviews/reviews.csv")
    assert resolve(on_path).name == "reviews.csv"


def test_an_input_that_changed_upstream_is_refused(on_path):
    with (on_path.root / "tiny_reviews/reviews.csv").open("a") as stream:
        stream.write("One more,1\n")
    with pytest.raises(
        AuthorError, match=r"reviews.csv has SHA-256 .*, the catalogue says 7ad0de2a8084…"
    ) as caught:
        resolve(on_path)
    assert caught.value.path == CATALOGUE


def test_a_file_that_the_package_lacks_is_named(on_path):
    (on_path.root / "tiny_reviews/reviews.csv").unlink()
    with pytest.raises(AuthorError, match=r"reviews: reviews.csv is missing from tiny-reviews==1.0"):
        resolve(on_path)


def test_neither_package_nor_hub_says_what_to_install(workbench):
    workbench.edit(CATALOGUE, "tiny-reviews==1.0", "no-such-package==1.0")
    with pytest.raises(AuthorError, match=r"package no-such-package==1\.0 is not installed") as caught:
        resolve(workbench)
    assert "make env" in caught.value.hint


def test_without_a_network_the_hub_is_a_clear_error(workbench):
    workbench.edit(CATALOGUE, "package: tiny-reviews==1.0", "hub: nobody/no-such-reviews\n  revision: abc123")
    offline = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(workbench.root / "hf")}
    done = workbench.verifolio("execute", "toy.measure", **offline)
    assert done.code == 1
    assert "projects/catalogue.yml: reviews: cannot fetch nobody/no-such-reviews" in done.said
    assert "HF_ENDPOINT" in done.said
    assert "Traceback" not in done.said
    assert workbench.verifolio("check").code == 0  # the same bytes are asked for; the result stands
