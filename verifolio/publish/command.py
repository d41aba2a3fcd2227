"""`verifolio publish`: builds what goes out, shows what would change, and on `--yes` sends and verifies it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click

from verifolio.address import HERE
from verifolio.demos import Demo, read_demos
from verifolio.errors import AuthorError, Fault, did_you_mean
from verifolio.expressions import find_table
from verifolio.freshness import check_freshness
from verifolio.portfolio import Portfolio, read_portfolio
from verifolio.publish.bundle import Bundle, build_gradio, check_name, publish_of, weight_files
from verifolio.publish.declare import Ask, Publish, Settings, Target, read_settings
from verifolio.publish.folder import MARKER, plan_folder, publish_folder, tree_digest
from verifolio.publish.limits import check_pages
from verifolio.publish.modelcard import build_model
from verifolio.publish.pins import check_pins
from verifolio.publish.plan import Plan, diff, read_local
from verifolio.publish.static import build_static
from verifolio.publish.verify import Expected, check_answer, check_static, expected_of, wait
from verifolio.results import read_result
from verifolio.sitecommand import derive_missing

PAGES = "build/pages"


@dataclass(frozen=True)
class Options:
    """How to publish: for real or dry, and how long to wait for what was published."""

    yes: bool = False
    wait_s: float = 900.0
    pause_s: float = 5.0
    only: str = ""  # huggingface, modelscope or model: one kind of place
    rehearse: bool = False  # run the bundles here instead


def publish_site(root: Path, to: str, path: Path | None, *, yes: bool, live: str = "") -> None:
    """The built site to a folder: build/pages for GitHub's workflow, or any folder for any host."""
    site = root / "build" / "site"
    if not (site / "index.html").is_file():
        raise AuthorError("is not built yet", path="build/site", hint="build it: verifolio site")
    if to == "folder" and path is None:
        raise AuthorError(
            "--to folder needs the folder's path", hint="verifolio publish site --to folder PATH"
        )
    if to == "pages" and path is not None:
        raise AuthorError("--to pages takes no path", hint=f"it writes {PAGES}, which the workflow deploys")
    local = read_local(site)
    target = path if path is not None else root / PAGES
    shown = (
        str(path)
        if path is not None
        else f"{PAGES} (a local copy: .github/workflows/publish.yml builds and deploys its own)"
    )
    plan = plan_folder(site, target, shown)
    plan.notes += check_pages(local) if to == "pages" else []
    _check_address(site, yes=yes, plan=plan)
    if live:
        same = _live_digest(live) == tree_digest({name: one.sha256 for name, one in local.items()})
        plan.notes.append(f"{live} {'already shows this site' if same else 'shows another site'}")
        _say_to_workflow("changed", "false" if same else "true")
    _show(plan)
    if yes and (plan.changes or not (target / MARKER).is_file()):
        publish_folder(site, target)
        click.echo(f"✓ {target} holds the site")
    elif not yes:
        _dry()


def _check_address(site: Path, *, yes: bool, plan: Plan) -> None:
    """A site that was built without its address gives search engines, feeds and cards one of this machine."""
    heads = [
        path.read_text("utf-8").partition("</head>")[0]
        for path in (site / "index.html", site / "en/index.html")
        if path.is_file()
    ]
    if not any(HERE in head for head in heads):
        return
    message = f"it was built without its address: canonical links and feeds lead to {HERE[7:]}"
    if yes:
        hint = "write it into publish.yml (site: https://…) or set SITE_URL, then build again: verifolio site"
        raise AuthorError(message, path="build/site", hint=hint)
    plan.notes.append(message)


def publish_demos(root: Path, names: list[str], options: Options) -> None:
    """Every target of the demos named (none: all that declare one); faults of several are told together."""
    demos = read_demos(root)
    for name in names:
        if name not in demos:
            raise AuthorError(f"no demo ‘{name}’", hint=did_you_mean(name, list(demos)))
    chosen = names or [slug for slug, demo in demos.items() if demo.publish]
    if not names:
        for slug in sorted(demos.keys() - set(chosen)):
            click.echo(f"{slug}: declares no publish: yet, left out")
    for slug in chosen:
        publish_of(demos[slug], slug)
    settings = read_settings(root)
    if chosen:
        derive_missing(root)
    portfolio = read_portfolio(root)
    faults: list[Fault] = []
    for slug in chosen:
        faults += _publish_demo(portfolio, slug, demos[slug], settings, options)
    if faults:
        raise AuthorError(faults=faults)
    if not (options.yes or options.rehearse):
        _dry()


def _publish_demo(
    portfolio: Portfolio, slug: str, demo: Demo, settings: Settings, options: Options
) -> list[Fault]:
    """All places of one demo; a fault at one place does not keep the others from their turn."""
    publish = publish_of(demo, slug)
    _check_fresh(portfolio, slug, demo, publish)
    steps: list[tuple[str, Callable[[], None]]] = []
    if publish.model_repo and not options.rehearse:
        steps.append(("model", partial(_model, portfolio, slug, demo, settings, options)))
    for hub, targets in (("huggingface", publish.huggingface), ("modelscope", publish.modelscope)):
        for target in targets:
            check_name(target.name or slug.replace("_", "-"), f"demos/{slug}/demo.yml")
            steps.append((hub, partial(_target, portfolio, slug, demo, hub, target, settings, options)))
    faults: list[Fault] = []
    for kind, step in steps:
        if options.only in ("", kind):
            try:
                step()
            except AuthorError as error:
                faults += error.faults
    return faults


def _model(portfolio: Portfolio, slug: str, demo: Demo, settings: Settings, options: Options) -> None:
    repo = publish_of(demo, slug).model_repo
    assert repo is not None
    folder = build_model(portfolio, slug, demo, settings)
    if not _owned(settings, "huggingface", f"{slug}: model {repo.name}", folder, options):
        return
    from verifolio.publish import huggingface

    place = huggingface.Repository(f"{settings.owner('huggingface')}/{repo.name}", "model")
    plan = place.plan(folder, signed_in=huggingface.signed_in())
    _show(plan)
    if options.yes and plan.changes:
        place.push(folder, plan)
        click.echo(f"✓ {place.url}")


def _target(
    portfolio: Portfolio,
    slug: str,
    demo: Demo,
    hub: str,
    target: Target,
    settings: Settings,
    options: Options,
) -> None:
    root = portfolio.root
    if target.sdk == "static":
        bundle = build_static(root, slug, hub, target, settings.site)
    else:
        bundle = build_gradio(portfolio, slug, demo, hub, target, settings)
    if options.rehearse:
        _rehearse(portfolio, demo, bundle)
        return
    if not _owned(settings, hub, f"{slug}: {hub} ({target.sdk})", bundle.folder, options):
        return
    from verifolio.publish import huggingface, modelscope

    repo_id = f"{settings.owner(hub)}/{bundle.name}"
    place: huggingface.Repository | modelscope.Studio
    if hub == "huggingface":
        place = huggingface.Repository(repo_id, "space", target.sdk, target.hardware)
        plan = place.plan(bundle.folder, signed_in=huggingface.signed_in())
    else:
        place = modelscope.Studio(
            repo_id,
            target.sdk,
            _gradio(root, slug) if target.sdk == "gradio" else "",
            demo.title["zh"],
            root / "build" / "publish" / f"{slug}.{target.sdk}.modelscope",
        )
        plan = place.plan(bundle.folder, signed_in=modelscope.signed_in())
    if target.hardware:
        plan.notes.append(f"hardware {target.hardware}")
    _show(plan)
    if options.yes:
        if plan.changes:
            place.push(bundle.folder, plan)
            click.echo(f"✓ sent to {place.url}")
        _verify(portfolio, demo, bundle, place, options)


def _verify(portfolio: Portfolio, demo: Demo, bundle: Bundle, place: object, options: Options) -> None:
    """Wait for what was published, ask it, and say what agreed."""
    from verifolio.publish import huggingface, modelscope

    assert isinstance(place, huggingface.Repository | modelscope.Studio)
    wait(place, click.echo, limit_s=options.wait_s, pause_s=options.pause_s)
    url = place.app_url()
    if bundle.target.sdk == "static":
        digests = {name: one.sha256 for name, one in read_local(bundle.folder).items() if name != "README.md"}
        click.echo(f"✓ {url}: {check_static(url, digests)}")
        return
    ask, expected = _question(portfolio, demo, bundle)
    click.echo(f"✓ {url} answers as recorded: {check_answer(url, ask, expected)}")


def _rehearse(portfolio: Portfolio, demo: Demo, bundle: Bundle) -> None:
    """Run a bundle alone on this machine; a static one has nothing to start."""
    from verifolio.publish.rehearsal import rehearse

    if bundle.target.sdk == "static":
        click.echo(f"build/demos/{bundle.slug}/{bundle.folder.name}: pages only, nothing to start")
        return
    ask, expected = _question(portfolio, demo, bundle)
    publish = publish_of(demo, bundle.slug)
    weights = weight_files(portfolio, bundle.slug, publish) if publish.reference else {}
    rehearse(bundle, ask, expected, click.echo, weights=weights)


def _question(portfolio: Portfolio, demo: Demo, bundle: Bundle) -> tuple[Ask, Expected]:
    """How the app is asked, and the recorded answer."""
    ask = publish_of(demo, bundle.slug).ask
    if ask is None or demo.recorded is None:
        raise AuthorError(
            f"nothing says how to ask {bundle.name}: not verified",
            path=f"demos/{bundle.slug}/demo.yml",
            hint="write publish: {ask: {api: ENDPOINT}} and recorded:",
        )
    experiment, _, key = demo.recorded.table.rpartition(".")
    result = read_result(portfolio.experiment(experiment).result_path())
    return ask, expected_of(demo.recorded, find_table(result, key))


def _check_fresh(portfolio: Portfolio, slug: str, demo: Demo, publish: Publish) -> None:
    """Only what was measured with this very code goes out."""
    states = check_freshness(portfolio)
    wanted = [publish.weights, publish.model_repo.experiment if publish.model_repo else ""]
    wanted.append(demo.recorded.table.rpartition(".")[0] if demo.recorded else "")
    faults: list[Fault] = []
    for name in dict.fromkeys(one for one in wanted if one):
        portfolio.experiment(name)
        if states[name].state != "fresh":
            faults += states[name].reasons or [Fault(f"demos/{slug}/demo.yml", 0, f"{name} is not fresh")]
    if faults:
        raise AuthorError(faults=faults)


def _owned(settings: Settings, hub: str, what: str, folder: Path, options: Options) -> bool:
    """Whether an owner is set; a dry run without one still shows the bundle."""
    if getattr(settings, hub) or options.yes:
        settings.owner(hub)
        return True
    plan = diff(Plan(what, "nowhere yet"), read_local(folder), {}, set())
    plan.notes.append(f"no owner: set ‘{hub}: NAME’ in publish.yml, then this would be sent there")
    _show(plan)
    return False


def _gradio(root: Path, slug: str) -> str:
    here = root / "demos" / slug / "requirements.txt"
    return check_pins(root, here, f"demos/{slug}/requirements.txt")["gradio"]


def _show(plan: Plan) -> None:
    for line in plan.lines():
        click.echo(line)


def _dry() -> None:
    click.echo("dry run: nothing was changed; --yes does it")


def _live_digest(url: str) -> str:
    """The digest that a published site serves of itself; none when it cannot be read."""
    import json

    from verifolio.publish.verify import fetch

    try:
        body, _ = fetch(f"{url.rstrip('/')}/{MARKER}", timeout_s=20)
        return str(json.loads(body)["digest"])
    except (AuthorError, ValueError, KeyError, TypeError):
        return ""


def _say_to_workflow(name: str, value: str) -> None:
    """An output of the GitHub step that runs this, if one does."""
    if path := os.environ.get("GITHUB_OUTPUT"):
        with open(path, "a", encoding="utf-8") as stream:
            stream.write(f"{name}={value}\n")
