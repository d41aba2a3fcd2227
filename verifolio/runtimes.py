"""The browser runtimes that package-lock.json pins: npm fetches and checks them, the site serves them itself."""

from __future__ import annotations

import functools
import json
import shutil
from pathlib import Path
from typing import Any

import click

LOCK, FOLDER, STAMP = "package-lock.json", "node_modules", ".package-lock.json"


def runtime_file(root: Path, name: str) -> Path | None:
    """`onnxruntime-web/dist/ort.wasm.bundle.min.mjs` on this machine; none unless the pinned version is installed."""
    path = root / FOLDER / name
    parts = name.split("/")
    package = "/".join(parts[:2] if name.startswith("@") else parts[:1])
    pinned = _versions(root / LOCK).get(package)
    return (
        path
        if pinned and pinned == _versions(root / FOLDER / STAMP).get(package) and path.is_file()
        else None
    )


def runtime_version(root: Path, name: str) -> str:
    """The pinned version of the package that a file belongs to, or ""."""
    versions = _versions(root / LOCK)
    return next((version for package, version in versions.items() if name.startswith(f"{package}/")), "")


def install_runtimes(root: Path) -> bool:
    """Bring node_modules in step with the lock; without npm, say what is missing and how to get it."""
    if not (root / LOCK).is_file() or _versions(root / LOCK) == _versions(root / FOLDER / STAMP):
        return True
    npm = shutil.which("npm")
    if npm is None:
        click.echo(
            "browser runtimes: npm is not installed, so demos will not run inside the page "
            "(install Node.js 20 or newer, then: verifolio site)",
            err=True,
        )
        return False
    click.echo("browser runtimes: npm ci …", err=True)
    import subprocess  # not when a check merely looks for a file

    # No script of any package runs: some would download further files.
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    if subprocess.run(command, cwd=root, check=False, stdout=subprocess.DEVNULL).returncode:
        click.echo(
            "browser runtimes: npm ci failed (see above), so demos will not run inside the page; "
            "check the network and give the same command again",
            err=True,
        )
        return False
    return True


def _versions(lock: Path) -> dict[str, str]:
    """Package → version, of a lock or of what npm noted that it installed."""
    try:
        stat = lock.stat()
    except OSError:
        return {}
    return _read_versions(lock, stat.st_mtime_ns, stat.st_size)


@functools.lru_cache(maxsize=16)
def _read_versions(lock: Path, _mtime: int, _size: int) -> dict[str, str]:
    try:
        packages: dict[str, Any] = json.loads(lock.read_text("utf-8"))["packages"]
    except (OSError, ValueError, KeyError):
        return {}
    prefix = f"{FOLDER}/"
    return {
        name.removeprefix(prefix): str(one.get("version", ""))
        for name, one in packages.items()
        if name.startswith(prefix) and not one.get("optional") and not one.get("dev")
    }
