"""A portfolio for somebody else: the engine, the look and one small example, none of our content.

The engine travels as source (the packages below `verifolio/`, `site_src/overrides`, `hooks` and `assets`), so
that the new folder needs nothing but Python and its pinned packages, and may change any of it.
"""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import tempfile
from pathlib import Path

from verifolio.authoring.fill import filled
from verifolio.authoring.new import Binding, new_demo, new_post, new_project
from verifolio.errors import AuthorError
from verifolio.files import write_atomic, write_error

SOURCE = Path(__file__).resolve().parents[2]
FOLDERS = ("verifolio", "site_src/overrides", "site_src/hooks", "site_src/assets")
FILES = (
    "scripts/setup_env.py",
    "scripts/lock.py",
    ".github/workflows/publish.yml",
    "CONTRIBUTING.md",
    "LICENSE",
    ".gitattributes",
)
_SKIP = shutil.ignore_patterns("__pycache__", "*.pyc", "readme-*.png")
_FIRST = {"zh": "第一个数字", "en": "First number"}
_SHARED = {"zh": "有人同一天生日的屋子", "en": "rooms with a shared birthday"}


def new_portfolio(target: Path, source: Path = SOURCE) -> None:
    """Write the whole folder beside `target`, then rename it: a kill leaves no half portfolio."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise AuthorError(
            "is there already and not empty; nothing was written", path=target, hint="name a new folder"
        )
    for name in (*FOLDERS, *FILES, "mkdocs.yml", "mkdocs.en.yml", "pyproject.toml", "requirements.lock"):
        if not (source / name).exists():
            raise AuthorError(
                f"the engine’s {name} is missing: it was installed without its sources",
                path=source,
                hint="run this in a clone of Verifolio, or in any portfolio made from one",
            )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise write_error(target, error) from error
    try:
        _fill_folder(temporary, source)
        temporary.chmod(0o755)
        if target.exists():
            target.rmdir()
        temporary.rename(target)
    except OSError as error:
        raise write_error(target, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _fill_folder(folder: Path, source: Path) -> None:
    for name in FOLDERS:
        shutil.copytree(source / name, folder / name, ignore=_SKIP)
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, folder / name)
    pyproject = (source / "pyproject.toml").read_text(encoding="utf-8")
    engine = re.search(r"^dependencies = \[\n(.*?)\n\]", pyproject, re.MULTILINE | re.DOTALL)
    assert engine, "pyproject.toml has no dependencies"
    texts = filled("portfolio", {"ENGINE": engine.group(1)})
    for lang, config in (("zh", "mkdocs.yml"), ("en", "mkdocs.en.yml")):
        identity = texts.pop(f"identity.{lang}.yml")
        write_atomic(folder / config, as_nobodys((source / config).read_text(encoding="utf-8"), identity))
    texts[".gitignore"], texts["pyproject.toml"] = texts.pop("gitignore"), texts.pop("pyproject.txt")
    places = (source / "publish.yml").read_text(encoding="utf-8") if (source / "publish.yml").exists() else ""
    texts["publish.yml"] = re.sub(r'^(\w+): *("[^"]*"|[^#\s]*)', r'\1: ""', places, flags=re.MULTILINE)
    for name, text in texts.items():
        write_atomic(folder / name, text)
    lock = (source / "requirements.lock").read_text(encoding="utf-8")
    write_atomic(folder / "requirements.lock", only_needed(lock, direct_needs(texts["pyproject.toml"])))
    new_project(folder, "birthday")
    new_demo(folder, "birthday")
    binding = Binding("birthday.birthdays.shared", _SHARED, "birthday.birthdays.curve")
    new_post(folder, "first-number", week=1, draft=False, binding=binding, title=_FIRST)


def as_nobodys(config: str, identity: str) -> str:
    """A configuration with its top-level blocks replaced by those of `identity`, and no names left in `extra`."""
    for key, block in _blocks(identity).items():
        known = _blocks(config)
        config = config.replace(known[key], block) if key in known else config + "\n" + block
    return re.sub(
        r'^(  (?:author|source_url|comments):)[ \t]*(?:"[^"]*"|\{[^}]*\}|[^#\n]*?)([ \t]*(?:#.*)?)$',
        r'\1 ""\2',
        config,
        flags=re.MULTILINE,
    )


def direct_needs(pyproject: str) -> set[str]:
    """The names of all packages that a pyproject.toml lists."""
    return {_normal(name) for name in re.findall(r'^    "([A-Za-z0-9_.-]+)', pyproject, re.MULTILINE)} | {
        "setuptools"
    }


def only_needed(lock: str, names: set[str]) -> str:
    """The entries of a lock that these packages need, by what is installed here; other systems' are kept."""
    entries = re.split(r"\n(?=\S)", lock.strip("\n"))
    by_name = {
        _normal(re.split(r"[ =;\[]", entry)[0]): entry for entry in entries if not entry.startswith("#")
    }
    wanted, pending = set[str](), set(names)
    while pending:
        name = pending.pop()
        wanted.add(name)
        try:
            needs = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue  # another system's: it stands in the lock by itself
        pending |= {
            _normal(found.group())
            for need in needs
            if "extra ==" not in need and (found := re.match(r"[A-Za-z0-9_.-]+", need))
        } - wanted
    kept = [entry for name, entry in by_name.items() if name in wanted]
    return (
        "# Made by verifolio new portfolio from the engine’s own lock; scripts/lock.py makes it anew.\n"
        + "\n".join(kept)
        + "\n"
    )


def _blocks(config: str) -> dict[str, str]:
    """Top-level key → its text, up to the next thing that begins a line."""
    found = re.finditer(r"^([A-Za-z_]+):.*\n(?:[ \t]+.*\n|\n(?=[ \t]))*", config, re.MULTILINE)
    return {one.group(1): one.group() for one in found}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
