"""Which tests stay together on one of pytest-xdist's workers, and in which order they are given out."""

from __future__ import annotations

import re

# What stays together on one worker: the tests of a file, but for these (the first that fits a test's id).
GROUPS = {
    r"/test_every_page\.py::.*\[([01])\]$": r"every page, \1",
    r"/test_ladder(_llm)?\.py::": "ladder",
    # These projects rest on no result of another one.
    r"/test_smoke\.py::.*\[(foundations|open_source|rag)\]$": "smoke, others",
    r"/test_smoke\.py::": "smoke, classifier",
}
# What takes minutes goes first: at the end, no core waits for the other. The first two begin together,
# one of them by building the site that the other e2e tests find ready.
LONGEST = [
    "every page, 0",
    "smoke, classifier",
    "every page, 1",
    "smoke, others",
    "ladder",
    "test_ladder_rag.py",
    "test_build.py",
    "test_rag_service.py",
    "test_new.py",
    "test_publish_local.py",
    "test_serve.py",
    "test_every_page.py",
    "test_rag_demo.py",
    "test_ladder_live.py",
    "test_kill.py",
    "test_pipeline.py",
    "test_search.py",
    "test_quantized_demo.py",
    "test_zensical.py",
    "test_post.py",
    "test_rag_tuned.py",
    "test_chat.py",
    "test_small_llm_reasons.py",
    "test_small_llm_model.py",
    "test_workers.py",
    "test_wordpiece.py",
]


def group_of(nodeid: str) -> str:
    """The group of a test; without one of its own, its file."""
    for pattern, group in GROUPS.items():
        if found := re.search(pattern, nodeid):
            return found.expand(group)
    return nodeid.partition("::")[0].rpartition("/")[2]
