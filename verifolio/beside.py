"""A second process for half of the work, where that is safe; it takes what is in memory along, so nothing is sent there.

    other = Beside(talk)      # talk(receive, send) runs there; both ends talk by pickled values
    other.send(…); other.receive(); other.end()

An error there is raised here by `receive`. If this process is killed, the other one's next `receive` ends it.
"""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from verifolio.errors import AuthorError

Talk = Callable[[Callable[[], Any], Callable[[Any], None]], None]


def is_safe() -> bool:
    """Whether the process may fork: on Linux, with a second processor, and with no thread that the copy would lack."""
    if sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2:
        return False
    # vl_convert starts threads that Python does not count.
    return threading.active_count() == 1 and "vl_convert" not in sys.modules


@contextlib.contextmanager
def no_sweeping() -> Iterator[None]:
    """No search for circular rubbish meanwhile: there is none, and with 500 posts it takes a sixth of the time."""
    swept = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if swept:
            gc.enable()


class Beside:
    """The other process, as seen from this one."""

    def __init__(self, talk: Talk) -> None:
        (read_there, write_here), (read_here, write_there) = os.pipe(), os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        self._pid = os.fork()
        if not self._pid:
            os.close(write_here)
            os.close(read_here)
            _run(talk, read_there, write_there)
        os.close(read_there)
        os.close(write_there)
        self._to, self._from = os.fdopen(write_here, "wb"), os.fdopen(read_here, "rb")

    def send(self, value: Any) -> None:
        """Give it a value; one that has ended is found out by `receive`."""
        with contextlib.suppress(BrokenPipeError):
            pickle.dump(value, self._to)
            self._to.flush()

    def receive(self) -> Any:
        """Its next value, or its error."""
        try:
            value = pickle.load(self._from)
        except EOFError:
            raise RuntimeError("the process of the second language was ended from outside") from None
        if isinstance(value, BaseException):
            raise value
        return value

    def end(self) -> None:
        """Wait until it is gone; one that still waits for a value gives up."""
        for stream in (self._to, self._from):
            with contextlib.suppress(BrokenPipeError):
                stream.close()
        os.waitpid(self._pid, 0)


def _run(talk: Talk, read: int, write: int) -> None:
    """All that the other process does; it never returns, for what follows is the first one's work."""
    try:
        with os.fdopen(read, "rb") as source, os.fdopen(write, "wb") as target:

            def send(value: Any) -> None:
                pickle.dump(value, target)
                target.flush()

            try:
                talk(lambda: pickle.load(source), send)
            except EOFError:
                pass  # the first process has gone, or does not want more
            except AuthorError as error:
                send(error)
            except Exception:
                send(RuntimeError(f"the second language failed:\n{traceback.format_exc()}"))
    finally:
        os._exit(0)
