"""What the receipt says of the machine, the code's commit and the installed packages."""

from __future__ import annotations

import contextlib
import functools
import os
import platform
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path


def describe_machine() -> dict[str, str | int]:
    """Processor, cores, memory in bytes, system and Python: no names of hosts or people."""
    return {
        "cpu": _cpu_name(),
        "cores": os.cpu_count() or 1,
        "memory_bytes": _memory_bytes(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "accelerator": _accelerator(),
    }


def versions_of_imported() -> dict[str, str]:
    """Versions of the distributions whose modules this process has imported."""
    by_module = _distributions()
    names = {
        name for module in {key.split(".")[0] for key in sys.modules} for name in by_module.get(module, [])
    }
    return {name: _version(name) for name in sorted(names, key=str.lower) if name != "verifolio"}


@functools.cache
def _distributions() -> Mapping[str, list[str]]:
    """Distributions by top-level module: `importlib.metadata.packages_distributions`, without an object for every file."""
    import importlib.metadata  # not when a check merely names this module

    found: dict[str, list[str]] = {}
    for one in importlib.metadata.distributions():
        declared = (one.read_text("top_level.txt") or "").split()
        name = one.name
        for module in declared or _top_level(one.read_text("RECORD") or ""):
            found.setdefault(module, []).append(name)
    return found


def _top_level(record: str) -> set[str]:
    """The modules and packages in the list of files that an installed wheel carries (a path stands first in each line)."""
    paths = (line.partition(",")[0].strip('"') for line in record.splitlines())
    return {
        path.partition("/")[0] if "/" in path else path.removesuffix(".py")
        for path in paths
        if path.endswith(".py")
    }


@functools.cache
def _version(name: str) -> str:
    import importlib.metadata

    return importlib.metadata.version(name)


def describe_commit(root: Path, *, of: list[str]) -> tuple[str, bool]:
    """The commit, and whether any of the files that count differs from it."""
    try:
        commit = _git(root, "rev-parse", "HEAD").strip()
        dirty = bool(_git(root, "status", "--porcelain", "--", *of).strip())
    except (OSError, subprocess.CalledProcessError):
        return "", True
    return commit, dirty


def end_with_parent() -> None:
    """End this process and all that it started when its standard input closes: a killed run leaves none behind."""

    def watch() -> None:
        while os.read(0, 1):  # not sys.stdin, whose lock would be held at exit
            pass
        for child in _started_by(os.getpid()):
            with contextlib.suppress(OSError):
                os.kill(child, signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _started_by(pid: int) -> list[int]:
    """The processes below one, the nearest first; on Linux only, elsewhere none is known."""
    found: list[int] = []
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += map(int, file.read_text().split())
    return found + [below for child in found for below in _started_by(child)]


def _git(root: Path, *args: str) -> str:
    done = subprocess.run(["git", *args], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout


def _cpu_name() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    found = re.search(r"model name\s*:\s*(.+)", text)
    name = found.group(1).strip() if found else platform.machine()
    flags = [
        flag for flag in ("amx_bf16", "avx512_bf16", "avx512f", "avx2") if re.search(rf"\b{flag}\b", text)
    ]
    return f"{name} ({flags[0]})" if flags else name


def _memory_bytes() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return 0


def _accelerator() -> str:
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return str(torch.cuda.get_device_name(0))
    return "none"
