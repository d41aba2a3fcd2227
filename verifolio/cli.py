"""The command line: `verifolio --help`. Commands only parse, call and report."""

from __future__ import annotations

import io
import os
import sys
import time
from pathlib import Path

import click

from verifolio.authoring.cli import new
from verifolio.errors import AuthorError
from verifolio.export.cli import export
from verifolio.files import WRITE_ERRORS, write_error

PROFILE = click.option(
    "--profile",
    type=click.Choice(["smoke", "laptop", "gpu"]),
    default="laptop",
    show_default=True,
    help="smoke: seconds, for tests. laptop: what is published. gpu: full-size models from the hub.",
)


# As a day goes: begin, measure, write, check, publish, share; what is rarely typed comes last.
ORDER = ("new", "run", "status", "serve", "check", "site", "publish", "export", "derive", "stage")


class _Group(click.Group):
    """Shows the author's faults without a traceback, and the commands in the order of a day."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self.commands, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))

    def invoke(self, ctx: click.Context) -> object:
        try:
            try:
                return super().invoke(ctx)
            except OSError as error:  # an experiment's own writing, too, may meet a full disk
                if error.errno not in WRITE_ERRORS:
                    raise
                raise write_error(error.filename or "", error) from None
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
    if os.name == "nt":
        # A pipe has the country's code page, which may lack ✓ or 中文.
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")


def _root(ctx: click.Context) -> Path:
    from verifolio.address import set_address
    from verifolio.portfolio import find_root

    root: Path = ctx.obj or find_root()
    set_address(root)
    return root


@main.command()
@click.argument("names", nargs=-1, metavar="[PROJECT[.EXPERIMENT]]...")
@PROFILE
@click.option("--force", is_flag=True, help="Run even what is fresh (with names: only those).")
@click.option(
    "--workers", default=1, type=click.IntRange(1), help="So many experiments at one time, by Dask."
)
@click.option(
    "--cluster", default="", metavar="ADDRESS", help="A Dask scheduler whose workers see this folder."
)
@click.pass_context
def run(
    ctx: click.Context, names: tuple[str, ...], profile: str, force: bool, workers: int, cluster: str
) -> None:
    """Run experiments that are stale, or those named and what they need; a project's name stands for all of its own.

    An interrupted run loses nothing that finished: give the same command again.
    """
    from verifolio.pipeline import run_pipeline

    run_pipeline(
        _root(ctx), profile=profile, names=list(names), force=force, workers=workers, cluster=cluster
    )


@main.command(hidden=True)
@click.argument("name")
@PROFILE
@click.option("--with-parent", is_flag=True, help="End when standard input closes.")
@click.pass_context
def execute(ctx: click.Context, name: str, profile: str, with_parent: bool) -> None:
    """Run one experiment in this process (pytask's tasks call this)."""
    from verifolio.machine import end_with_parent
    from verifolio.portfolio import read_portfolio
    from verifolio.record import execute as execute_experiment

    if with_parent:
        end_with_parent()
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


@main.command()
@click.argument("names", nargs=-1, metavar="[PROJECT.EXPERIMENT]...")
@click.pass_context
def derive(ctx: click.Context, names: tuple[str, ...]) -> None:
    """Make files that are not in git (exported models) from committed products.

    Says of each whether its bytes equal those of the receipt: another machine may round otherwise.
    """
    from verifolio.portfolio import read_portfolio
    from verifolio.record import derive as derive_experiment

    portfolio = read_portfolio(_root(ctx))
    chosen = [portfolio.experiment(name) for name in names] or list(portfolio.experiments())
    for experiment in chosen:
        if experiment.entry.derived:
            for name, same in derive_experiment(portfolio, experiment).items():
                path = portfolio.shown(experiment.derived_dir() / name)
                click.echo(
                    f"{path}: "
                    + ("bytes as in the receipt" if same else "made here; bytes differ from the receipt's")
                )


@main.command()
@click.option(
    "--no-run", is_flag=True, help="Do not run or derive anything: fail if a bound result is stale."
)
@click.option(
    "--drafts",
    is_flag=True,
    help="With drafts and scheduled posts, marked; into build/preview, never published.",
)
@click.pass_context
def site(ctx: click.Context, no_run: bool, drafts: bool) -> None:
    """Run what is stale, derive what is not in git, stage and build build/site."""
    from verifolio.sitecommand import make_site

    make_site(_root(ctx), run=not no_run, drafts=drafts)


@main.command()
@click.pass_context
def stage(ctx: click.Context) -> None:
    """Stage plain Markdown below build/docs, for MkDocs or Zensical."""
    from verifolio.stage import stage as stage_all

    report = stage_all(_root(ctx))
    click.echo(f"staged in {report.seconds:.2f} s, {len(report.changed)} files changed")


@main.command()
@click.pass_context
def check(ctx: click.Context) -> None:
    """Check freshness, bindings, claims, language pairs and links; builds nothing.

    Exit code 1 and one line a fault, with file and line, when something is to be mended.
    """
    import gc

    gc.disable()  # looking for rubbish costs a process of half a second a sixth of its time
    from verifolio.check import check as check_all

    started = time.perf_counter()
    faults = check_all(_root(ctx))
    gc.freeze()  # nor at the end, when the system takes everything back at once
    if faults:
        raise AuthorError(faults=faults)
    click.secho("✓ ", fg="green", nl=False)
    click.echo(f"every result fresh, every binding and claim good ({time.perf_counter() - started:.2f} s)")


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--no-demos", is_flag=True, help="Do not start the local Gradio demos.")
@click.pass_context
def serve(ctx: click.Context, host: str, port: int, no_demos: bool) -> None:
    """Serve the site with live reload, and the local demos behind it.

    Faults appear in the page where they happen; a change is visible within a second.
    """
    from verifolio.livedemos import local_demos
    from verifolio.serve import serve as serve_site

    root = _root(ctx)
    live, background = ({}, []) if no_demos else local_demos(root)
    serve_site(root, host=host, port=port, background=background, live=live)


main.add_command(new)
main.add_command(export)


@main.group()
def publish() -> None:
    """Publish the site and the demos; without --yes only shows what would change.

    \b
      verifolio publish all                        what would change, everywhere
      verifolio publish demo classifier --yes      build, send, wait until it answers as recorded
      verifolio publish site --to folder PATH      the site for any static host

    Whose places these are stands in publish.yml. Tokens come from HF_TOKEN, MODELSCOPE_API_TOKEN or the
    clients' own logins (hf auth login, modelscope login); HF_ENDPOINT names a mirror. Only fresh results go
    out; unchanged files are not sent; an upload that was cut goes on with the same command.
    """


_YES = click.option("--yes", is_flag=True, help="Do it. Without this nothing is changed anywhere.")
_WAIT = click.option(
    "--wait", "wait_s", default=900.0, show_default=True, help="Seconds to wait until a demo runs."
)
_ONLY = click.option(
    "--only",
    type=click.Choice(["huggingface", "modelscope", "model"]),
    default=None,
    help="One kind of place (model: the model repository).",
)
_TRY = click.option(
    "--try",
    "rehearse",
    is_flag=True,
    help="Start every Gradio bundle here, alone in a new environment, and ask it; sends nothing.",
)


@publish.command("site")
@click.option(
    "--to",
    type=click.Choice(["pages", "folder"]),
    default="pages",
    show_default=True,
    help="pages: checked against GitHub's limits, into build/pages. folder: any folder, replaced whole.",
)
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option("--live", default="", metavar="URL", help="Say whether this address already shows the site.")
@_YES
@click.pass_context
def publish_site_command(ctx: click.Context, to: str, path: Path | None, live: str, yes: bool) -> None:
    """Publish build/site, as `verifolio site` built it.

    A folder is written beside and renamed, so that a kill leaves the old site or the new one; files that
    the site lost are gone after. A folder that holds anything else is left as it is.
    """
    from verifolio.publish.command import publish_site

    publish_site(_root(ctx), to, path, yes=yes, live=live)


@publish.command("demo")
@click.argument("name")
@_YES
@_WAIT
@_ONLY
@_TRY
@click.pass_context
def publish_demo_command(
    ctx: click.Context, name: str, yes: bool, wait_s: float, only: str | None, rehearse: bool
) -> None:
    """Publish one demo to every place that its demo.yml names.

    Builds bundles that stand alone below build/demos/, compares them with what the hubs hold, sends what
    differs in one commit, waits until the demo runs, sends it a recorded input and compares the answer.
    """
    from verifolio.publish.command import Options, publish_demos

    if yes and rehearse:
        raise click.UsageError("--try runs the bundles here and --yes sends them: give one of the two")
    publish_demos(_root(ctx), [name], Options(yes=yes, wait_s=wait_s, only=only or "", rehearse=rehearse))


@publish.command("all")
@_YES
@_WAIT
@_ONLY
@click.pass_context
def publish_all_command(ctx: click.Context, yes: bool, wait_s: float, only: str | None) -> None:
    """Publish the site (to build/pages) and every demo that declares a place; builds the site first.

    Never trains: where a result is stale it says so and publishes nothing.
    """
    from verifolio.publish.command import Options, publish_demos, publish_site
    from verifolio.runtimes import install_runtimes
    from verifolio.sitecommand import derive_missing, make_site

    root = _root(ctx)
    derive_missing(root)
    install_runtimes(root)  # or a fresh clone would publish demos that do not run in the page
    make_site(root, run=False)
    publish_site(root, "pages", None, yes=yes)
    publish_demos(root, [], Options(yes=yes, wait_s=wait_s, only=only or ""))
