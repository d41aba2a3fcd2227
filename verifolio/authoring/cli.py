"""`verifolio new …`: parse, call, and say what to do next."""

from __future__ import annotations

from pathlib import Path

import click


@click.group()
def new() -> None:
    """Start a post, a project, a demo or a whole portfolio that passes `check` at once.

    \b
      verifolio new project weather        a tiny experiment that really runs, to be replaced by yours
      verifolio new post my-first-week     both languages, a draft, bound to a real result
      verifolio new demo weather           a Gradio app with recorded outputs
      verifolio new portfolio ../mine      the engine and one small example, none of this content

    Nothing that exists is ever overwritten.
    """


def _root(ctx: click.Context) -> Path:
    from verifolio.portfolio import find_root

    root: Path = ctx.obj or find_root()
    return root


def _say(root: Path, paths: list[Path], *then: str) -> None:
    for path in paths:
        click.echo(f"  {path.relative_to(root).as_posix()}")
    click.echo("next:")
    for line in then:
        click.echo(f"  {line}")


@new.command("project")
@click.argument("name")
@click.option(
    "--no-run", is_flag=True, help="Do not run the experiment; check then tells that its result is missing."
)
@click.pass_context
def project_command(ctx: click.Context, name: str, no_run: bool) -> None:
    """A project below projects/NAME with one tiny experiment, which is run at once (about two seconds).

    NAME is a Python package: lower case letters, digits and underscores.
    """
    from verifolio.authoring.new import new_project
    from verifolio.pipeline import run_pipeline

    root = _root(ctx)
    paths = new_project(root, name)
    if not no_run:
        run_pipeline(root, profile="laptop", names=[f"{name}.birthdays"], force=False)
    _say(
        root,
        paths,
        f"look:     projects/{name}/results/birthdays.json is the result, with its receipt",
        f"replace:  the function in projects/{name}/birthdays.py and what experiments.yml declares",
        f"measure:  commit, then verifolio run {name} --force: the receipt names the commit",
        f"write:    verifolio new post NAME --about {name}",
    )


@new.command("post")
@click.argument("name")
@click.option(
    "--about",
    default="",
    metavar="PROJECT[.EXPERIMENT]",
    help="What it binds (default: the first fresh result).",
)
@click.option("--week", type=click.IntRange(min=1), help="Its week in the road map (blog/weeks.yml).")
@click.pass_context
def post_command(ctx: click.Context, name: str, about: str, week: int | None) -> None:
    """A post in both languages below blog/NAME: a draft that binds a real result.

    NAME is the post's address: lower case letters, digits and hyphens. Without any fresh result it binds nothing.
    """
    from verifolio.authoring.new import new_post

    root = _root(ctx)
    _say(
        root,
        new_post(root, name, about=about, week=week),
        "write:    verifolio serve shows it, marked as a draft; faults appear where they happen",
        "publish:  take `draft: true` out of both languages; a later `date` waits for its day",
    )


@new.command("demo")
@click.argument("name")
@click.option("--project", default="", help="The project that it shows (default: the one of the same name).")
@click.pass_context
def demo_command(ctx: click.Context, name: str, project: str) -> None:
    """A Gradio demo below demos/NAME that runs at once.

    Of a project made by `new project` it shows recorded outputs; of another it looks its results up and counts as
    planned, until you put the project's model in and record what it says.
    """
    from verifolio.authoring.new import new_demo

    root = _root(ctx)
    _say(
        root,
        new_demo(root, name, project),
        f"run:      python demos/{name}/app.py, or verifolio serve, which puts it into its page",
        f"show:     ::: demo {name} ::: in a post, once it has recorded outputs",
        f"publish:  a publish: in demo.yml, then verifolio publish demo {name}",
    )


@new.command("portfolio")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def portfolio_command(folder: Path) -> None:
    """Somebody else's portfolio in FOLDER: the engine, its look, one small example, none of our content.

    It stands alone: its own mkdocs.yml, theme, Makefile, environment, lock, tests and workflow.
    """
    from verifolio.authoring.portfolio import new_portfolio

    folder = folder.absolute()  # `.` would mean the empty folder that the new one replaces
    new_portfolio(folder)
    count = sum(1 for path in folder.rglob("*") if path.is_file())
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    click.echo(f"{folder}: {count} files, {size / 1e6:.1f} MB")
    click.echo("next:")
    click.echo(f"  cd {folder}")
    click.echo(
        "  git init -b main && git add -A && git commit -m 'A new portfolio'   so that receipts name a commit"
    )
    click.echo(
        "  make site && make test        (Windows: python scripts\\setup_env.py test, then .venv\\Scripts\\verifolio site)"
    )
    click.echo("  README.md says how to make it yours")
