"""Finds the bytes behind a name of the catalogue: the package offline, the hub online, one hash."""

from __future__ import annotations

import re
from pathlib import Path

from verifolio.errors import AuthorError
from verifolio.files import sha256_of
from verifolio.portfolio import CatalogueEntry, Portfolio
from verifolio.results import Input

CATALOGUE = "projects/catalogue.yml"


def resolve_input(portfolio: Portfolio, name: str) -> Path:
    """The local file or folder of a catalogue entry, each file checked against its SHA-256."""
    entry = portfolio.catalogue[name]
    path = _from_package(entry) or _from_hub(name, entry)
    for file, expected in entry.sha256.items():
        found = path if path.is_file() else path / file
        if not found.is_file():
            raise AuthorError(f"{name}: {file} is missing from {_source(entry)}", path=CATALOGUE)
        if (actual := sha256_of(found)) != expected:
            raise AuthorError(
                f"{name}: {file} has SHA-256 {actual[:12]}…, the catalogue says {expected[:12]}…",
                path=CATALOGUE,
                hint="the upstream file changed: check it, then write the new hash into the catalogue",
            )
    return path


def describe_input(portfolio: Portfolio, asked: str, name: str) -> Input:
    """The receipt's line for an input."""
    entry = portfolio.catalogue[name]
    return Input(
        name=asked,
        title=entry.title,
        source=_source(entry),
        license=entry.license,
        sha256=entry.sha256,
        revision=entry.revision or "",
        url=entry.url,
    )


def _source(entry: CatalogueEntry) -> str:
    return entry.package or entry.hub


def _from_package(entry: CatalogueEntry) -> Path | None:
    distribution_name = re.split(r"[=<>~!\[ ]", entry.package)[0]
    if not distribution_name:
        return None
    import importlib.metadata  # takes longer than all else that a check imports

    try:
        distribution = importlib.metadata.distribution(distribution_name)
    except importlib.metadata.PackageNotFoundError:
        return None
    path = Path(str(distribution.locate_file(entry.path)))
    return path if path.exists() else None


def _from_hub(name: str, entry: CatalogueEntry) -> Path:
    way_out = "install the package it comes in (make env), or connect to the hub or a mirror (HF_ENDPOINT)"
    if not entry.hub:
        raise AuthorError(f"{name}: package {entry.package} is not installed", path=CATALOGUE, hint=way_out)
    try:
        from huggingface_hub import snapshot_download

        kind = "dataset" if entry.kind == "data" else "model"
        wanted = list(entry.sha256) or None
        return Path(
            snapshot_download(entry.hub, repo_type=kind, revision=entry.revision, allow_patterns=wanted)
        )
    except ImportError:
        raise AuthorError(
            f"{name}: neither its package nor huggingface_hub is installed", path=CATALOGUE, hint=way_out
        ) from None
    except Exception as error:  # the hub client raises many kinds; all mean: not to be had now
        raise AuthorError(
            f"{name}: cannot fetch {entry.hub}: {type(error).__name__}: {error}", path=CATALOGUE, hint=way_out
        ) from error
