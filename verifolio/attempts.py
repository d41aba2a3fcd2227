"""What an interrupted run left behind: whose checkpoints they are, and how long they took."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import msgspec

from verifolio.files import write_atomic
from verifolio.fingerprint import Fingerprint


class Attempts:
    """The attempts at one run in its work folder, this one included.

    A folder that was begun with other code, parameters, data or needs is emptied: its checkpoints would end in a
    result that says it is of today's. `seconds_before` is what earlier attempts took, up to their last file.
    """

    def __init__(self, folder: Path, fingerprint: Fingerprint) -> None:
        note, now = folder / "attempt.json", json.loads(msgspec.json.encode(fingerprint))
        self.seconds_before = 0.0
        if folder.exists():
            kept = _read(note)
            if kept.get("fingerprint") == now:
                began = float(kept["began"])
                last = max((one.stat().st_mtime for one in folder.rglob("*") if one.is_file()), default=began)
                self.seconds_before = float(kept["seconds_before"]) + max(0.0, last - began)
            else:
                shutil.rmtree(folder)
        kept = {"fingerprint": now, "began": time.time(), "seconds_before": self.seconds_before}
        write_atomic(note, json.dumps(kept))


def _read(note: Path) -> dict[str, Any]:
    try:
        found = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
