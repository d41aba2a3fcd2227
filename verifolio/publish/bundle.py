"""The Gradio bundle of a demo: a folder that runs alone, as the host would run it.

The app and the modules that it imports are copied as they are, under their own package paths; only the
card and, where a host needs one, a start file are generated. The same inputs give the same bytes.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

from verifolio.demos import Demo
from verifolio.errors import AuthorError, Fault, did_you_mean
from verifolio.files import sha256_of
from verifolio.fingerprint import Code
from verifolio.portfolio import Portfolio
from verifolio.publish.card import check_card, read_card, write_card
from verifolio.publish.declare import Publish, Settings, Target
from verifolio.publish.folder import Content, replace_folder
from verifolio.publish.pins import check_pins
from verifolio.publish.start import NAME as START
from verifolio.publish.start import start_file
from verifolio.results import read_result

_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")


@dataclass(frozen=True)
class Bundle:
    """A folder ready to publish and the target that it is for."""

    slug: str
    hub: str
    target: Target
    folder: Path

    @property
    def name(self) -> str:
        return self.target.name or self.slug.replace("_", "-")


def build_gradio(
    portfolio: Portfolio, slug: str, demo: Demo, hub: str, target: Target, settings: Settings
) -> Bundle:
    """Write build/demos/<slug>/<hub>-gradio…/ and return it."""
    publish = publish_of(demo, slug)
    folder = bundle_folder(portfolio.root, slug, hub, target)
    replace_folder(folder, gradio_files(portfolio, slug, demo, publish, hub, target, settings))
    return Bundle(slug, hub, target, folder)


def bundle_folder(root: Path, slug: str, hub: str, target: Target) -> Path:
    """Where a bundle is built: one folder a target."""
    parts = [hub, target.sdk, target.hardware, target.name]
    return root / "build" / "demos" / slug / "-".join(part for part in parts if part)


def publish_of(demo: Demo, slug: str) -> Publish:
    """The demo's `publish:`; raises when there is none."""
    if demo.publish is None:
        hint = "see ‘Publishing’ in CONTRIBUTING.md for its keys"
        raise AuthorError(
            "declares no publish:, so it goes nowhere", path=f"demos/{slug}/demo.yml", hint=hint
        )
    return demo.publish


def gradio_files(
    portfolio: Portfolio,
    slug: str,
    demo: Demo,
    publish: Publish,
    hub: str,
    target: Target,
    settings: Settings,
) -> dict[str, Content]:
    """Path in the bundle → its bytes or the file to copy."""
    root = portfolio.root
    here = root / "demos" / slug
    app = here / demo.app
    if not app.is_file():
        raise AuthorError("file not found", path=f"demos/{slug}/{demo.app}", hint="the app of a demo is app:")
    shown = f"demos/{slug}/README.md"
    pins = check_pins(root, here / "requirements.txt", f"demos/{slug}/requirements.txt")
    card, body = read_card(here / "README.md", shown)
    check_card(card, shown, app=demo.app, pins=pins)
    files: dict[str, Content] = {demo.app: app, "requirements.txt": here / "requirements.txt"}
    files |= imported_modules(root, slug, demo.app)
    files |= declared_files(root, slug, publish)
    weights = weight_files(portfolio, slug, publish)
    reference = None
    if publish.reference:
        if publish.model_repo is None:
            hint = "name model_repo:, or leave reference: out and the bundle carries the weights"
            raise AuthorError(
                "reference: without a model repository", path=f"demos/{slug}/demo.yml", hint=hint
            )
        owner = settings.huggingface or "OWNER"
        reference = (
            f"{owner}/{publish.model_repo.name}",
            {name: sha256_of(path) for name, path in weights.items()},
        )
        card = card | {"models": [reference[0]]}
    else:
        files |= {f"model/{name}": path for name, path in weights.items()}
    zero = hub == "huggingface" and target.hardware.startswith("zero")
    if text := start_file(demo.app, zero=zero, gpu=target.gpu, reference=reference):
        files[START] = text.encode()
        card = card | {"app_file": START}
    files["README.md"] = write_card(card, body).encode()
    return files


def imported_modules(root: Path, slug: str, app: str) -> dict[str, Content]:
    """The modules below projects/ that an app imports, also inside functions, with their packages."""
    module = f"demos.{slug}.{app.removesuffix('.py')}"
    found = [
        name for name in Code(root).hashes(module, f"demos/{slug}/demo.yml") if name.startswith("projects/")
    ]
    faults: list[Fault] = []
    files: dict[str, Content] = {}
    for name in found:
        files[name] = root / name
        for parent in Path(name).parents:
            package = parent / "__init__.py"
            if (root / package).is_file():
                files[package.as_posix()] = root / package
        faults += _engine_imports(root / name, name)
    if faults:
        raise AuthorError(faults=faults)
    return files


def _engine_imports(path: Path, shown: str) -> list[Fault]:
    """Imports of the engine that would run: a bundle has no engine."""
    faults: list[Fault] = []
    pending: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            pending += node.orelse
            continue
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        if any(name.partition(".")[0] == "verifolio" for name in names):
            hint = (
                "a bundle runs without the engine: import it under TYPE_CHECKING, or move the pure part out"
            )
            faults.append(Fault(shown, getattr(node, "lineno", 0), "imports the engine when it runs", hint))
        pending += ast.iter_child_nodes(node)
    return faults


def declared_files(root: Path, slug: str, publish: Publish) -> dict[str, Content]:
    """What `files:` names, under its own path."""
    files: dict[str, Content] = {}
    for pattern in publish.files:
        if pattern.startswith("/") or ".." in Path(pattern).parts:
            raise AuthorError(f"files: ‘{pattern}’ leaves the portfolio", path=f"demos/{slug}/demo.yml")
        matched = [path for path in sorted(root.glob(pattern)) if path.is_file()]
        matched = [path for path in matched if "__pycache__" not in path.parts]
        if not matched:
            hint = "a glob from the portfolio's root, such as projects/NAME/knowledge/**/*"
            raise AuthorError(f"files: nothing fits ‘{pattern}’", path=f"demos/{slug}/demo.yml", hint=hint)
        files |= {path.relative_to(root).as_posix(): path for path in matched}
    return files


def weight_files(portfolio: Portfolio, slug: str, publish: Publish) -> dict[str, Path]:
    """Name → file of the weights, each the very bytes of the experiment's receipt."""
    if not publish.weights:
        return {}
    experiment = portfolio.experiment(publish.weights)
    derived = read_result(experiment.result_path()).receipt.derived
    files, faults, declared = {}, [], f"demos/{slug}/demo.yml"
    for name in publish.take:
        if name not in experiment.entry.derived:
            hint = did_you_mean(name, experiment.entry.derived)
            faults.append(Fault(declared, 0, f"take: {experiment.name} derives no ‘{name}’", hint))
    for name in experiment.entry.derived:
        if publish.take and name not in publish.take:
            continue
        path = experiment.derived_dir() / name
        shown = portfolio.shown(path)
        if not path.is_file():
            faults.append(Fault(shown, 0, "not made yet", f"verifolio derive {experiment.name}"))
        elif sha256_of(path) != derived.get(name):
            hint = (
                f"verifolio derive {experiment.name}; if this machine rounds otherwise, "
                f"verifolio run {experiment.name} --force writes a receipt of its own bytes"
            )
            faults.append(Fault(shown, 0, "its bytes are not those of the receipt", hint))
        files[name] = path
    if faults:
        raise AuthorError(faults=faults)
    return files


def check_name(name: str, shown: str) -> None:
    """Raise for a name that no hub takes."""
    if not _SLUG.match(name):
        raise AuthorError(
            f"‘{name}’ is no name for a Space or Studio", path=shown, hint="letters, digits, . _ -"
        )
