"""llama.cpp's C interface, straight from the library inside xllamacpp: logits of every position, and its own speed.

For what needs logits: measuring, and verdicts with their margin (reasons.py); chat goes through llama.cpp's server
(chat.py). A handful of functions of `llama.h` are bound; the structures' first fields are checked against their known
defaults, so another layout is refused.
"""

from __future__ import annotations

import ctypes
import functools
import time
from pathlib import Path
from typing import Any

import numpy as np


class _Opaque(ctypes.Structure):
    """A structure of llama.h passed by value; only the three fields that we set are named."""

    _fields_ = [("n_ctx", ctypes.c_uint32), ("n_batch", ctypes.c_uint32), ("n_ubatch", ctypes.c_uint32),
                ("rest", ctypes.c_uint8 * 1012)]  # fmt: skip


class _Batch(ctypes.Structure):
    """`llama_batch`."""

    _fields_ = [
        ("n_tokens", ctypes.c_int32),
        ("token", ctypes.POINTER(ctypes.c_int32)),
        ("embd", ctypes.c_void_p),
        ("pos", ctypes.POINTER(ctypes.c_int32)),
        ("n_seq_id", ctypes.POINTER(ctypes.c_int32)),
        ("seq_id", ctypes.POINTER(ctypes.POINTER(ctypes.c_int32))),
        ("logits", ctypes.POINTER(ctypes.c_int8)),
    ]


class NativeModel:
    """A GGUF loaded by llama.cpp itself; `close` it, or use it in a `with`."""

    def __init__(self, path: Path, *, context: int = 2048, threads: int = 1) -> None:
        lib = _library()
        self._model = lib.llama_model_load_from_file(str(path).encode(), lib.llama_model_default_params())
        if not self._model:
            raise ValueError(
                f"llama.cpp cannot load {path}: is there memory for it, is it a model of a known kind?"
            )
        params = lib.llama_context_default_params()
        if (params.n_ctx, params.n_batch, params.n_ubatch) != (512, 2048, 512):
            raise RuntimeError(
                "this xllamacpp has another llama_context_params than llamacpp.py was written for"
            )
        params.n_ctx, params.n_batch = context, context
        self._context = lib.llama_init_from_model(self._model, params)
        if not self._context:
            raise MemoryError(f"llama.cpp cannot make a context of {context} tokens for {path}")
        lib.llama_set_n_threads(self._context, threads, threads)
        self._lib, self.context = lib, context
        self.vocabulary = lib.llama_vocab_n_tokens(lib.llama_model_get_vocab(self._model))

    def __enter__(self) -> NativeModel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the model's memory."""
        self._lib.llama_free(self._context)
        self._lib.llama_model_free(self._model)

    def tokenise(self, text: str, *, special: bool = True) -> list[int]:
        """Token ids, without any start token; `special` reads <|im_start|> and its like as one token."""
        data = text.encode()
        room = (ctypes.c_int32 * (len(data) + 8))()
        vocabulary = self._lib.llama_model_get_vocab(self._model)
        count = self._lib.llama_tokenize(vocabulary, data, len(data), room, len(room), False, special)  # noqa: FBT003
        return list(room[:count])

    def text(self, ids: list[int]) -> str:
        """The text of token ids; bytes that are no whole character yet become U+FFFD."""
        vocabulary, room, parts = (
            self._lib.llama_model_get_vocab(self._model),
            ctypes.create_string_buffer(256),
            b"",
        )
        for one in ids:
            size = self._lib.llama_token_to_piece(vocabulary, one, room, len(room), 0, True)  # noqa: FBT003
            parts += room.raw[: max(0, size)]
        return parts.decode("utf-8", errors="replace")

    def logits(self, ids: list[int]) -> np.ndarray:
        """(len(ids), vocabulary) float32: what follows each token, from an empty context."""
        self.forget()
        self._decode(ids, start=0, every=True)
        pointer = self._lib.llama_get_logits(self._context)
        return np.ctypeslib.as_array(pointer, (len(ids), self.vocabulary)).copy()

    def greedy(self, ids: list[int], count: int, stop: int = -1) -> list[int]:
        """The `count` likeliest next tokens, one after the other; ends before `stop`."""
        self.forget()
        self._decode(ids, start=0)
        found: list[int] = []
        for at in range(len(ids), len(ids) + count):
            best = int(np.argmax(self._last_logits()))
            if best == stop:
                break
            found.append(best)
            self._decode([best], start=at)
        return found

    def forget(self) -> None:
        """Empty the context."""
        self._lib.llama_memory_clear(self._lib.llama_get_memory(self._context), True)  # noqa: FBT003

    def last_logits(self, ids: list[int]) -> np.ndarray:
        """(vocabulary,) float32: what follows the last token, from an empty context."""
        self.forget()
        self._decode(ids, start=0)
        return self._last_logits().copy()

    def timed(self, ids: list[int], count: int) -> list[float]:
        """Greedy decoding of `count` tokens past any end of text: the seconds at which each was there."""
        self.forget()
        times, started = [], time.perf_counter()
        self._decode(ids, start=0)
        for at in range(len(ids), len(ids) + count):
            best = int(np.argmax(self._last_logits()))
            times.append(time.perf_counter() - started)
            if at + 1 < len(ids) + count:
                self._decode([best], start=at)
        return times

    def _last_logits(self) -> np.ndarray:
        pointer = self._lib.llama_get_logits_ith(self._context, -1)  # waits for the computation
        return np.ctypeslib.as_array(pointer, (self.vocabulary,))

    def _decode(self, ids: list[int], *, start: int, every: bool = False) -> None:
        if start + len(ids) > self.context:
            raise ValueError(f"{start + len(ids)} tokens do not fit into a context of {self.context}")
        batch = self._lib.llama_batch_init(len(ids), 0, 1)
        batch.n_tokens = len(ids)
        for i, one in enumerate(ids):
            batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.seq_id[i][0] = one, start + i, 1, 0
            batch.logits[i] = every or i == len(ids) - 1
        failed = self._lib.llama_decode(self._context, batch)
        self._lib.llama_batch_free(batch)
        if failed:
            raise RuntimeError(f"llama_decode ended with {failed}")


@functools.cache
def _library() -> Any:
    import xllamacpp

    lib = ctypes.CDLL(xllamacpp.xllamacpp.__file__)
    pointer, integer, flag = ctypes.c_void_p, ctypes.c_int32, ctypes.c_bool
    signatures: dict[str, tuple[Any, list[Any]]] = {
        "llama_model_default_params": (_Opaque, []),
        "llama_context_default_params": (_Opaque, []),
        "llama_model_load_from_file": (pointer, [ctypes.c_char_p, _Opaque]),
        "llama_init_from_model": (pointer, [pointer, _Opaque]),
        "llama_set_n_threads": (None, [pointer, integer, integer]),
        "llama_model_get_vocab": (pointer, [pointer]),
        "llama_vocab_n_tokens": (integer, [pointer]),
        "llama_tokenize": (integer, [pointer, ctypes.c_char_p, integer, pointer, integer, flag, flag]),
        "llama_token_to_piece": (integer, [pointer, integer, pointer, integer, integer, flag]),
        "llama_batch_init": (_Batch, [integer, integer, integer]),
        "llama_batch_free": (None, [_Batch]),
        "llama_decode": (integer, [pointer, _Batch]),
        "llama_get_logits": (ctypes.POINTER(ctypes.c_float), [pointer]),
        "llama_get_logits_ith": (ctypes.POINTER(ctypes.c_float), [pointer, integer]),
        "llama_get_memory": (pointer, [pointer]),
        "llama_memory_clear": (None, [pointer, flag]),
        "llama_free": (None, [pointer]),
        "llama_model_free": (None, [pointer]),
        "llama_log_set": (None, [pointer, pointer]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    lib.llama_log_set(_silence, None)
    return lib


@ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
def _silence(_level: int, _text: bytes, _data: Any) -> None:
    """llama.cpp's log goes nowhere; faults come back as return values."""
