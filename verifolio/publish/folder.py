"""A folder that is replaced whole: written beside, then renamed; what it did not write it never clears."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import tempfile
from pathlib import Path

from verifolio.errors import AuthorError
from verifolio.files import exchange, write_error
from verifolio.publish.plan import Plan, diff, git_sha1, read_local

MARKER = "verifolio-site.json"  # path → SHA-256 of all that was written
_DATED = re.compile(r"(?:en/)?(?:feed_\w+\.(?:xml|json)|sitemap\.xml(?:\.gz)?)")
Content = bytes | Path


def replace_folder(target: Path, files: dict[str, Content]) -> None:
    """Make `target` hold exactly `files`; a kill leaves the old folder or the new one."""
    _recover(target)
    temporary = Path(_beside(target))
    try:
        for name, content in sorted(files.items()):
            path = temporary / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, bytes):
                path.write_bytes(content)
            else:
                shutil.copyfile(content, path)
        _swap(temporary, target)
    except BaseException as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if isinstance(error, OSError):
            raise write_error(target, error) from error
        raise


def tree_digest(hashes: dict[str, str]) -> str:
    """One SHA-256 over all paths and contents, but for the files that tell the day of the build."""
    timeless = {name: one for name, one in hashes.items() if not _DATED.fullmatch(name)}
    return hashlib.sha256(json.dumps(timeless, sort_keys=True).encode()).hexdigest()


def marker_text(files: dict[str, str]) -> str:
    """The marker's JSON, for a folder that holds these files (path → SHA-256)."""
    return json.dumps({"digest": tree_digest(files), "files": files}, indent=0, sort_keys=True) + "\n"


def plan_folder(source: Path, target: Path, shown: str) -> Plan:
    """What publishing `source` to a folder would change; raises if the folder is not ours to change."""
    check_ours(target, source)
    local = read_local(source)
    remote = {
        name: (path.stat().st_size, git_sha1(path))
        for path in sorted(target.rglob("*"))
        if path.is_file() and (name := path.relative_to(target).as_posix())
    }
    return diff(Plan("site", shown), local, remote, keep={MARKER})


def publish_folder(source: Path, target: Path) -> None:
    """Copy `source` to `target` with its marker, atomically; files that the site lost are gone after."""
    check_ours(target, source)
    local = read_local(source)
    files: dict[str, Content] = {name: one.path for name, one in local.items()}
    files[MARKER] = marker_text({name: one.sha256 for name, one in local.items()}).encode()
    replace_folder(target, files)


def check_ours(target: Path, source: Path) -> None:
    """Raise unless `target` is new, empty, or what this command wrote and nobody added to."""
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise AuthorError("is not a folder", path=target, hint="name a folder; a link would be replaced")
    here, there = source.resolve(), target.resolve()
    if here == there or here in there.parents or there in here.parents:
        raise AuthorError(
            "the folder and the built site lie in each other", path=target, hint="name another place"
        )
    if not target.exists() or not any(target.iterdir()):
        return
    marker = target / MARKER
    hint = "name a new or empty folder, or clear this one yourself"
    if not marker.is_file():
        raise AuthorError("holds files that verifolio did not write: left as it is", path=target, hint=hint)
    try:
        known = set(json.loads(marker.read_text(encoding="utf-8"))["files"]) | {MARKER}
    except (OSError, ValueError, KeyError, TypeError):
        raise AuthorError("its marker cannot be read: left as it is", path=marker, hint=hint) from None
    foreign = sorted(
        name
        for path in target.rglob("*")
        if path.is_file() and (name := path.relative_to(target).as_posix()) not in known
    )
    if foreign:
        named = ", ".join(foreign[:3]) + ("…" if len(foreign) > 3 else "")
        message = f"holds {len(foreign)} files that verifolio did not write ({named}): left as it is"
        raise AuthorError(message, path=target, hint=f"move them elsewhere, or {hint}")


def _beside(target: Path) -> str:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        return tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp")
    except OSError as error:
        raise write_error(target, error) from error


def _swap(temporary: Path, target: Path) -> None:
    os.chmod(temporary, 0o755)
    old = None
    if target.exists():
        if exchange(temporary, target):
            shutil.rmtree(temporary, ignore_errors=True)
            return
        old = temporary.with_suffix(".old")
        os.rename(target, old)
    try:
        os.rename(temporary, target)
    except OSError:
        if old:
            os.rename(old, target)
        raise
    if old:
        with contextlib.suppress(OSError):
            shutil.rmtree(old)


def _recover(target: Path) -> None:
    """Bring back the old folder if a kill came between two renames; sweep what is left over."""
    for old in sorted(target.parent.glob(f".{target.name}.*.old")):
        if target.exists():
            shutil.rmtree(old, ignore_errors=True)
        else:
            old.rename(target)
    for draft in target.parent.glob(f".{target.name}.*.tmp"):
        shutil.rmtree(draft, ignore_errors=True)
