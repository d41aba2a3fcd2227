"""Is the portfolio true? Every result fresh, every binding good, every claim holding, every link alive."""

from __future__ import annotations

from pathlib import Path

from verifolio.errors import Fault
from verifolio.evidence import gather_evidence
from verifolio.links import find_broken_links
from verifolio.posts import appears_before
from verifolio.stage import Draft, judge


def check(root: Path) -> list[Fault]:
    """All faults, sorted by file; an empty list means that the site may be built and believed."""
    evidence = gather_evidence(root)
    stale = {reason for one in evidence.states.values() for reason in one.reasons}
    return sorted(stale.union(judge(root, evidence, _dead_links)))


def _dead_links(draft: Draft) -> list[Fault]:
    """Links of one language that lead nowhere; a post not out yet may link to what is out by then."""
    faults = find_broken_links(draft.lang, draft.pages, draft.copies, later=draft.hidden)
    for name, (post, text) in draft.hidden.items():
        later = [path for path, (other, _) in draft.hidden.items() if not appears_before(post, other)]
        own = f"notebooks/{post.meta.notebook.rpartition('/')[2]}"
        known = {*draft.pages, *draft.copies, *draft.hidden, own} - {*later}
        faults += find_broken_links(draft.lang, {name: text}, known, later=later)
    return faults
