"""A generated folder: written only where something changed, and rid of what no source makes any more."""

from __future__ import annotations

import shutil
from pathlib import Path

from verifolio.files import write_error, write_if_changed


def write_tree(folder: Path, pages: dict[str, str], copies: dict[str, Path]) -> list[Path]:
    """Bring the folder in step with these pages and copies of files, nothing else; what changed."""
    changed = [folder / name for name, text in pages.items() if write_if_changed(folder / name, text)]
    for name, source in copies.items():
        if _copy_if_changed(source, folder / name):
            changed.append(folder / name)
    known = pages.keys() | copies.keys()
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_file() and path.relative_to(folder).as_posix() not in known:
            path.unlink()
            changed.append(path)
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    return changed


def _copy_if_changed(source: Path, target: Path) -> bool:
    have, want = (target.stat() if target.exists() else None), source.stat()
    if have and (have.st_size, have.st_mtime_ns) == (want.st_size, want.st_mtime_ns):
        return False
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.tmp")
        shutil.copy2(source, temporary)
        temporary.replace(target)
    except OSError as error:
        raise write_error(target, error) from error
    return True
