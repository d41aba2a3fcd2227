"""Fills contributions.json from GitHub: pull requests, issues and reviews in other people's repositories.

  GITHUB_TOKEN=… python -m projects.open_source.collect [--login NAME]

The token needs no more than read access to public data. Without one nothing is collected and the page says
so. GITHUB_API_URL names another server. A failure leaves the old file as it was.
"""

from __future__ import annotations

import argparse
import datetime
import os
import sys
from pathlib import Path
from typing import Any, Literal

import msgspec

from projects.open_source.github import API, GitHub, GitHubError
from verifolio.files import write_atomic

FILE = Path(__file__).parent / "contributions.json"


class Contribution(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One contribution: what, where, how it stands, when it was opened."""

    kind: Literal["pull_request", "issue", "review"]
    repository: str
    number: int
    title: str
    state: Literal["open", "draft", "merged", "closed"]
    date: datetime.date
    url: str


class Contributions(msgspec.Struct, forbid_unknown_fields=True):
    """contributions.json: whose, when collected (None: never), and what."""

    login: str = ""
    collected: datetime.date | None = None
    items: list[Contribution] = []


def read_contributions(path: Path = FILE) -> Contributions:
    """The file as it stands; ValueError says what is wrong with it."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Contributions)
    except msgspec.DecodeError as error:
        raise ValueError(f"{path.name}: {error}: collect it again") from None


def collect(github: GitHub, login: str = "") -> Contributions:
    """Everything public of `login` (else of the token's owner) outside their own repositories, oldest first."""
    login = login or github.login()
    searches: dict[Literal["pull_request", "issue", "review"], str] = {
        "pull_request": f"type:pr author:{login} -user:{login} is:public",
        "issue": f"type:issue author:{login} -user:{login} is:public",
        "review": f"type:pr reviewed-by:{login} -author:{login} -user:{login} is:public",
    }
    items = [_contribution(kind, one) for kind, query in searches.items() for one in github.search(query)]
    items.sort(key=lambda one: (one.date, one.repository, one.number, one.kind))
    return Contributions(login, datetime.datetime.now(datetime.UTC).date(), items)


def write_contributions(found: Contributions, path: Path = FILE) -> None:
    """One line an item, so that a diff shows what is new."""
    write_atomic(path, msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")


def _contribution(kind: Literal["pull_request", "issue", "review"], found: dict[str, Any]) -> Contribution:
    merged = (found.get("pull_request") or {}).get("merged_at")
    state = (
        "merged" if merged else "draft" if found.get("draft") and found["state"] == "open" else found["state"]
    )
    return Contribution(
        kind=kind,
        repository="/".join(found["repository_url"].rsplit("/", 2)[-2:]),
        number=found["number"],
        title=found["title"],
        state=state,
        date=datetime.date.fromisoformat(found["created_at"][:10]),
        url=found["html_url"],
    )


def main(arguments: list[str] | None = None) -> int:
    """0 when collected, 2 when not."""
    parser = argparse.ArgumentParser(prog="python -m projects.open_source.collect", description=__doc__)
    parser.add_argument("--login", default="", help="whose contributions; default: the token's owner")
    parser.add_argument("--to", type=Path, default=FILE, help="where to write")
    chosen = parser.parse_args(arguments)
    token = os.environ.get("GITHUB_TOKEN", "")
    if not token:
        print(
            "✗ GITHUB_TOKEN is not set: nothing collected, contributions.json stays as it is", file=sys.stderr
        )
        return 2
    try:
        found = collect(GitHub(token, os.environ.get("GITHUB_API_URL", API)), chosen.login)
    except GitHubError as error:
        print(f"✗ {error}", file=sys.stderr)
        return 2
    write_contributions(found, chosen.to)
    print(f"{len(found.items)} contributions of {found.login}; now: verifolio run open_source.contributions")
    return 0


if __name__ == "__main__":
    sys.exit(main())
