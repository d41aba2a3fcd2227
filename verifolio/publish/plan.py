"""What publishing would change at one place: files added, changed, removed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from verifolio.files import sha256_of


@dataclass(frozen=True)
class Local:
    """A file to publish: its size and both hashes by which hubs know content."""

    path: Path
    size: int
    sha256: str
    git_sha1: str


@dataclass(frozen=True)
class Change:
    """One file that would change."""

    kind: Literal["add", "change", "remove"]
    path: str
    size: int


@dataclass
class Plan:
    """All that would change at one place."""

    what: str
    where: str
    changes: list[Change] = field(default_factory=list)
    same: int = 0
    notes: list[str] = field(default_factory=list)

    def paths(self, *kinds: str) -> list[str]:
        """Paths of the changes of some kinds."""
        return [one.path for one in self.changes if one.kind in kinds]

    @property
    def upload_bytes(self) -> int:
        return sum(one.size for one in self.changes if one.kind != "remove")

    def lines(self, limit: int = 40) -> list[str]:
        """The plan for a terminal; a long list is cut, its sum is not."""
        signs = {"add": "+", "change": "~", "remove": "-"}
        out = [f"{self.what}  →  {self.where}", *(f"  · {note}" for note in self.notes)]
        shown = self.changes[:limit]
        out += [f"  {signs[one.kind]} {one.path}  {megabytes(one.size)}" for one in shown]
        if rest := len(self.changes) - len(shown):
            out.append(f"  … and {rest} more")
        counts = {kind: len(self.paths(kind)) for kind in signs}
        if self.changes:
            out.append(
                f"  {counts['add']} added, {counts['change']} changed, {counts['remove']} removed, "
                f"{self.same} as they are; {megabytes(self.upload_bytes)} to send"
            )
        else:
            out.append(f"  nothing to change: {self.same} files are there as they are here")
        return out


def megabytes(size: int) -> str:
    """Bytes in the unit that fits."""
    if size < 1000:
        return f"{size} B"
    return f"{size / 1000:.1f} kB" if size < 1_000_000 else f"{size / 1_000_000:.1f} MB"


def read_local(folder: Path) -> dict[str, Local]:
    """Every file below a folder by its path there."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name = path.relative_to(folder).as_posix()
            found[name] = Local(path, path.stat().st_size, sha256_of(path), git_sha1(path))
    return found


def git_sha1(path: Path) -> str:
    """The name that git gives a file's content."""
    digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def diff(plan: Plan, local: dict[str, Local], remote: dict[str, tuple[int, str]], keep: set[str]) -> Plan:
    """Fill the plan; `remote` is path → (size, SHA-256 or git's SHA-1), `keep` names what the host owns."""
    for name, one in local.items():
        if name not in remote:
            plan.changes.append(Change("add", name, one.size))
        elif remote[name][1] in (one.sha256, one.git_sha1):
            plan.same += 1
        else:
            plan.changes.append(Change("change", name, one.size))
    for name in sorted(remote.keys() - local.keys() - keep):
        plan.changes.append(Change("remove", name, remote[name][0]))
    return plan
