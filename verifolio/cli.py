"""The command line: `verifolio --help`. Commands only parse, call and report."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from verifolio.errors import AuthorError

PROFILE = click.option(
    "--profile",
    type=click.Choice(["smoke", "laptop", "gpu"]),
    default="laptop",
    show_default=True,
    help="smoke: seconds, for tests. laptop: what is published. gpu: full-size models from the hub.",
)


class _Group(click.Group):
    """Shows the author's faults without a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except AuthorError as error:
            for fault in error.faults:
                click.secho("✗ ", fg="red", nl=False, err=True)
                click.echo(str(fault), err=True)
            count = len(error.faults)
            if count > 1:
                click.echo(f"{count} faults", err=True)
            ctx.exit(1)
        except KeyboardInterrupt:
            click.echo("\nInterrupted; what was finished is kept. Give the same command to go on.", err=True)
            ctx.exit(130)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    help="The portfolio's folder (default: found upwards from here).",
)
@click.version_option(package_name="verifolio")
@click.pass_context
def main(ctx: click.Context, root: Path | None) -> None:
    """A portfolio and blog whose numbers prove themselves.

    \b
    Projects run experiments and write results; posts bind those results; the site shows each
    number with its receipt. The usual day:
      verifolio run      run the experiments that are stale
      verifolio serve    write with live reload; faults appear in the page where they happen
      verifolio check    is everything fresh, bound and in both languages?
      verifolio site     all of it, into build/site
    """
    ctx.obj = root.resolve() if root else None


def _root(ctx: click.Context) -> Path:
    from verifolio.portfolio import find_root

    root: Path = ctx.obj or find_root()
    return root


@main.command()
@click.argument("names", nargs=-1, metavar="[PROJECT.EXPERIMENT]...")
@PROFILE
@click.option("--force", is_flag=True, help="Run even what is fresh (with names: only those).")
@click.pass_context
def run(ctx: click.Context, names: tuple[str, ...], profile: str, force: bool) -> None:
    """Run experiments that are stale, or those named and what they need.

    An interrupted run loses nothing that finished: give the same command again.
    """
    from verifolio.pipeline import run_pipeline

    run_pipeline(_root(ctx), profile=profile, names=list(names), force=force)


@main.command(hidden=True)
@click.argument("name")
@PROFILE
@click.pass_context
def execute(ctx: click.Context, name: str, profile: str) -> None:
    """Run one experiment in this process (pytask's tasks call this)."""
    from verifolio.portfolio import read_portfolio
    from verifolio.record import execute as execute_experiment

    portfolio = read_portfolio(_root(ctx))
    execute_experiment(portfolio, portfolio.experiment(name), profile)


@main.command()
@PROFILE
@click.pass_context
def status(ctx: click.Context, profile: str) -> None:
    """The state of every result, and why a stale one is stale."""
    from verifolio.freshness import check_freshness
    from verifolio.portfolio import read_portfolio

    states = check_freshness(read_portfolio(_root(ctx)), profile)
    width = max((len(name) for name in states), default=0)
    for name, one in states.items():
        click.echo(f"{name:<{width}}  {one.state}")
        for reason in one.reasons:
            click.echo(f"{'':<{width}}    {reason}")
