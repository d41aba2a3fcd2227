"""Build the site in one language with MkDocs, in a process of its own.

`python -m verifolio.render CONFIG SITE_DIR CACHE [--strict]` prints one line of JSON: how long it
took, what MkDocs warned of, and how it failed if it did. `verifolio.build` starts one for each
language; this module knows nothing of the other.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

from verifolio import kept, speedups
from verifolio.cache import Cache

_one_at_a_time = threading.Lock()  # MkDocs keeps state of a configuration's reading in its classes


class Messages(logging.Handler):
    """Keeps the warnings and errors of MkDocs, each once."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage().strip()
        if text not in self.texts:
            self.texts.append(text)


def load(config_file: Path, site_dir: Path, cache_file: Path, *, strict: bool, **more: Any) -> Any:
    """MkDocs' configuration, with the speed-ups in place."""
    os.environ["NO_MKDOCS_2_WARNING"] = "1"  # Material's banner
    speedups.import_notebooks_late()
    from mkdocs.config import load_config
    from mkdocs.config.defaults import MkDocsConfig

    with _one_at_a_time:
        # MkDocs would give plugins that know `on_startup` from one configuration to the next.
        MkDocsConfig.plugins.plugin_cache.clear()  # type: ignore[attr-defined]
        config = load_config(str(config_file), site_dir=str(site_dir), strict=strict, **more)
    speedups.install(Cache(cache_file, speedups.tools()))
    quiet_jieba(cache_file.parent)
    return config


def quiet_jieba(folder: Path) -> None:
    """Chinese search: keep its dictionary with our caches, and its chatter to itself."""
    jieba = sys.modules.get("jieba")
    if jieba is not None:
        jieba.setLogLevel(logging.ERROR)
        jieba.dt.tmp_dir = str(folder)


def render(config_file: Path, site_dir: Path, cache_file: Path, *, strict: bool) -> dict[str, Any]:
    """Build, and say how it went; never raises."""
    started = time.perf_counter()
    messages = Messages()
    logging.getLogger("mkdocs").addHandler(messages)
    outcome: dict[str, Any] = {"failed": "", "errno": 0}
    try:
        config = load(config_file, site_dir, cache_file, strict=strict)
        from mkdocs.commands.build import build

        config.plugins.on_startup(command="build", dirty=False)
        try:
            build(config)
        finally:
            config.plugins.on_shutdown()
        kept.save()
    except (SystemExit, KeyboardInterrupt) as error:  # MkDocs' own way to stop; messages say why
        outcome["failed"] = str(error) or "stopped"
    except OSError as error:
        outcome.update(failed=str(error), errno=error.errno or 0, path=str(error.filename or ""))
    except Exception as error:
        outcome["failed"] = traceback.format_exc() if not messages.texts else str(error)
    outcome["messages"] = messages.texts
    outcome["seconds"] = time.perf_counter() - started
    return outcome


def _end_with_parent() -> None:
    """Without this, a killed `make site` would leave two builders writing behind its back."""
    sys.stdin.buffer.read()
    os._exit(1)


def main(arguments: list[str]) -> None:
    """The command line of this process."""
    config_file, site_dir, cache_file = map(Path, arguments[:3])
    threading.Thread(target=_end_with_parent, daemon=True).start()
    outcome = render(config_file, site_dir, cache_file, strict="--strict" in arguments)
    print(json.dumps(outcome), flush=True)
    os._exit(0)  # nothing left to do: freeing every page object one by one costs 0.1 s


if __name__ == "__main__":
    main(sys.argv[1:])
