"""Is the portfolio true? Every result fresh, every binding good, every claim holding, every link alive."""

from __future__ import annotations

from pathlib import Path

from verifolio.errors import Fault
from verifolio.evidence import gather_evidence
from verifolio.links import find_broken_links
from verifolio.stage import compose


def check(root: Path) -> list[Fault]:
    """All faults, sorted by file; an empty list means that the site may be built and believed."""
    faults = [reason for one in gather_evidence(root).states.values() for reason in one.reasons]
    drafts, content = compose(root)
    faults += content
    for draft in drafts:
        faults += find_broken_links(draft.lang, draft.pages, draft.copies)
    return sorted(set(faults))
