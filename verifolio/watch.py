"""Reports changed sources, without editors' clutter."""

from __future__ import annotations

import os
import queue
from pathlib import Path
from typing import Any

SOURCES = ("blog", "site_src", "projects", "demos")  # what staging reads


def watch(root: Path, changes: queue.Queue[str]) -> Any:
    """Report changed sources to the queue."""
    from watchdog.events import FileSystemEvent, FileSystemEventHandler
    from watchdog.observers import Observer
    from watchdog.observers.polling import PollingObserver

    class Handler(FileSystemEventHandler):
        def on_any_event(self, event: FileSystemEvent) -> None:
            if event.event_type not in ("modified", "created", "deleted", "moved"):
                return  # opened and closed: staging itself reads these files
            for path in filter(None, (str(event.src_path), str(event.dest_path))):
                if not event.is_directory and not _is_clutter(path):
                    changes.put(path)

    def start(observer: Any) -> Any:
        for name in SOURCES:
            if (root / name).is_dir():
                observer.schedule(Handler(), str(root / name), recursive=True)
        observer.schedule(Handler(), str(root), recursive=False)  # mkdocs*.yml
        observer.start()
        return observer

    try:
        return start(Observer())
    except OSError:  # the system's limit of watches
        return start(PollingObserver(timeout=0.3))


def _is_clutter(path: str) -> bool:
    """Editors' temporary files, compiled Python, and what isn't a source at the top level."""
    name = os.path.basename(path)
    return "__pycache__" in path or name.startswith((".", "#", "~")) or name.endswith(("~", ".tmp", ".swp"))
