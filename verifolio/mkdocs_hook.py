"""MkDocs hook: plain `mkdocs build` and `mkdocs serve` stage by themselves, and build faster.

    hooks: [verifolio/mkdocs_hook.py]

A build with faults fails and lists them all; in serve they stand in the pages where they happen.
Our own builder (`verifolio.build`) stages first, once for both languages, and says so by
VERIFOLIO_STAGED: then nothing is done here.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Any

from mkdocs.exceptions import Abort
from mkdocs.plugins import event_priority

from verifolio.watch import SOURCES

log = logging.getLogger("mkdocs.verifolio")


_serving = False


def on_startup(command: str, **_: Any) -> None:
    """Remember whether this is a preview."""
    global _serving
    _serving = command == "serve"


@event_priority(100)  # before the plugins look into docs_dir
def on_config(config: Any) -> Any:
    """Stage this configuration's language; called before every build, in serve too."""
    if os.environ.get("VERIFOLIO_STAGED"):
        return config
    root, lang = Path(config.config_file_path).parent, Path(config.docs_dir).name
    if str(root) not in sys.path:
        sys.path.append(str(root))  # MkDocs runs hooks by path, even if the engine isn't installed
    from verifolio import speedups
    from verifolio.cache import Cache
    from verifolio.errors import AuthorError
    from verifolio.stage import stage

    speedups.install(Cache(root / "build" / "cache" / lang / "pages.sqlite", speedups.tools()))
    try:
        report = stage(root, langs=[lang], strict=not _serving, drafts=_serving)
    except AuthorError as error:
        for fault in error.faults:
            log.error(str(fault))
        raise Abort(f"Staging found {len(error.faults)} fault(s), see above; nothing was built") from None
    for fault in report.faults:
        log.warning(str(fault))
    return config


def on_post_build(config: Any) -> None:
    """Put the weights of the browser rungs beside the first language's pages; keep what was converted."""
    from verifolio.browser import link_served
    from verifolio.portfolio import LANGS

    if Path(config.docs_dir).name == LANGS[0]:
        link_served(Path(config.config_file_path).parent, Path(config.site_dir))
    if not os.environ.get("VERIFOLIO_STAGED"):
        from verifolio import kept

        kept.save()


def on_serve(server: Any, config: Any, **_: Any) -> Any:
    """Watch what is written by hand, not what staging makes of it (that would build twice)."""
    server.unwatch(config.docs_dir)
    root = Path(config.config_file_path).parent
    for name in SOURCES:
        if (root / name).is_dir():
            server.watch(str(root / name))
    return server
