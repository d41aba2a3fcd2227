"""What hosts take: checked before anything is sent."""

from __future__ import annotations

from verifolio.errors import AuthorError, Fault
from verifolio.publish.plan import Local, megabytes

PAGES_SITE = 1_000_000_000
FILE_MAX = 100_000_000  # GitHub refuses larger files
FILE_WARN = 50_000_000  # and warns above this


def check_pages(files: dict[str, Local]) -> list[str]:
    """Notes on a site for GitHub Pages; raises for what Pages would refuse."""
    total = sum(one.size for one in files.values())
    faults = []
    if "index.html" not in files:
        faults.append(Fault("build/site", 0, "has no index.html", "build it: verifolio site"))
    if total > PAGES_SITE:
        hint = "leave large weights to a model repository, or publish to a folder on another host"
        faults.append(Fault("build/site", 0, f"{megabytes(total)}: GitHub Pages takes 1 GB", hint))
    for name, one in files.items():
        if one.size > FILE_MAX:
            hint = "split it in parts of at most 50 MB"
            message = f"{megabytes(one.size)}: GitHub takes 100 MB a file"
            faults.append(Fault(f"build/site/{name}", 0, message, hint))
    if faults:
        raise AuthorError(faults=faults)
    large = [
        f"{name} is {megabytes(one.size)}: GitHub warns above 50 MB"
        for name, one in files.items()
        if one.size > FILE_WARN
    ]
    return [f"{len(files)} files, {megabytes(total)} of 1 GB", *large]
