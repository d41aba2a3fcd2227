"""A demo's requirements against the lock: the host installs what was tested here, or nothing."""

from __future__ import annotations

import re
from pathlib import Path

from verifolio.errors import AuthorError, Fault

_PIN = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==(?P<version>[A-Za-z0-9.!+_-]+)")
_LOCKED = re.compile(r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[A-Za-z0-9.!+_-]+)")


def read_lock(root: Path) -> dict[str, set[str]]:
    """Package → the versions that requirements.lock pins (several where they depend on Python's)."""
    path = root / "requirements.lock"
    if not path.exists():
        raise AuthorError("file not found", path="requirements.lock", hint="python scripts/lock.py writes it")
    found: dict[str, set[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if match := _LOCKED.match(line):
            found.setdefault(plain(match["name"]), set()).add(match["version"])
    return found


def check_pins(root: Path, requirements: Path, shown: str) -> dict[str, str]:
    """Package → version of a demo's requirements.txt; every line must be a pin that the lock holds."""
    if not requirements.exists():
        raise AuthorError(
            "file not found", path=shown, hint="list what the app imports, one name==version a line"
        )
    locked = read_lock(root)
    faults, pins = [], {}
    for number, raw in enumerate(requirements.read_text(encoding="utf-8").splitlines(), 1):
        line = raw.partition("#")[0].strip()
        if not line:
            continue
        match = _PIN.fullmatch(line)
        name = plain(match["name"]) if match else plain(re.split(r"[<>=!~;\[ ]", line)[0])
        want = " or ".join(f"{name}=={one}" for one in sorted(locked.get(name, ())))
        if not match:
            faults.append(Fault(shown, number, f"‘{line}’ is not pinned", f"write {want or 'name==version'}"))
        elif name not in locked:
            hint = "add it to pyproject.toml and run python scripts/lock.py, or leave it out here"
            faults.append(Fault(shown, number, f"{name} is not in requirements.lock", hint))
        elif match["version"] not in locked[name]:
            faults.append(Fault(shown, number, f"‘{line}’ differs from requirements.lock", f"write {want}"))
        else:
            pins[name] = match["version"]
    if faults:
        raise AuthorError(faults=faults)
    return pins


def plain(name: str) -> str:
    """A package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()
