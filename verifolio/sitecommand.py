"""`verifolio site`: runs what is stale, derives what is not in git, stages and builds."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import click

from verifolio.browser import ways_to
from verifolio.demos import demos_of
from verifolio.errors import AuthorError
from verifolio.evidence import gather_evidence
from verifolio.freshness import Freshness, check_freshness
from verifolio.portfolio import read_portfolio
from verifolio.runtimes import install_runtimes
from verifolio.units import format_value


def make_site(root: Path, *, run: bool = True, drafts: bool = False) -> None:
    """Everything from stale experiments to build/site (with drafts: build/preview), doing only what is needed."""
    started = time.perf_counter()
    if run:
        run_stale(root)
        derive_missing(root)
        install_runtimes(root)
    from verifolio.build import build_site

    report = build_site(root, strict=True, drafts=drafts)
    place = "preview" if drafts else "site"
    for warning in report.warnings:
        click.echo(f"  {warning}", err=True)
    if not run:
        tell_left_out(root)
    seconds = time.perf_counter() - started
    pages = sum(1 for _ in (root / "build" / place).rglob("*.html"))
    if report.changed:
        click.echo(f"site: {pages} pages built in {seconds:.1f} s (staging {report.staging_seconds:.2f} s)")
    else:
        click.echo(f"site: nothing changed, {pages} pages stand ({seconds:.1f} s)")
    click.echo(f"  中文     build/{place}/index.html")
    click.echo(f"  English  build/{place}/en/index.html")
    click.echo(f"  look at it:  python3 -m http.server -d build/{place} 8000   → http://127.0.0.1:8000/")
    click.echo("  write:       make serve   (live reload, faults in the page, local demos)")


def run_stale(root: Path) -> None:
    """Say what has to run and how long it took last time, then run it."""
    from verifolio.pipeline import run_pipeline

    waiting = [one for one in check_freshness(read_portfolio(root)).values() if one.state != "fresh"]
    if not waiting:
        return
    click.echo(f"{len(waiting)} experiments to run:", err=True)
    for one in waiting:
        click.echo(f"  {one.experiment.name}: {_why(one)}", err=True)
    run_pipeline(root, profile="laptop", names=[one.experiment.name for one in waiting], force=False)


def derive_missing(root: Path) -> None:
    """Make derived files that this machine lacks, each in a process of its own."""
    from verifolio.freshness import lacks_derived

    for one in check_freshness(read_portfolio(root)).values():
        if one.result and one.experiment.entry.derived and lacks_derived(one.experiment, one.result):
            click.echo(
                f"deriving {', '.join(one.experiment.entry.derived)} from committed products …", err=True
            )
            command = [sys.executable, "-m", "verifolio", "--root", str(root), "derive", one.experiment.name]
            if subprocess.run(command, check=False).returncode:
                raise AuthorError(
                    f"{one.experiment.name}: deriving failed (see above)", path=one.experiment.declared_in
                )


def tell_left_out(root: Path) -> None:
    """Name the demos that do not run in the page as built here, and the commands that change it."""
    evidence = gather_evidence(root)
    browsers = {slug: one.browser for slug, one in demos_of(evidence).items() if one.recorded and one.browser}
    ways = {slug: needed for slug, one in browsers.items() if (needed := ways_to(evidence, one))}
    if ways:
        commands = dict.fromkeys(command for each in ways.values() for command in each)
        click.echo(
            f"browser rungs left out, whose files are not here: {', '.join(ways)} "
            f"({', '.join(commands)}, then build again)",
            err=True,
        )


def _why(one: Freshness) -> str:
    reason = one.reasons[0].message.removeprefix(f"{one.experiment.name} is stale: ")
    if one.result:
        reason += f"; last took {format_value(one.result.receipt.duration_s, 'seconds', 'en')}"
    return reason
