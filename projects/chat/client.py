"""Which server answers, under which model name, and clients for it: one interface for GPT-4 and for 135 M parameters.

`OPENAI_API_KEY`, `OPENAI_BASE_URL` and `OPENAI_MODEL` name a server; without the first two the embedded
model is served in this process. The code that asks is the same for both.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from projects.chat.embedded import ALIAS, N_CTX, default_gguf, serve_gguf
from projects.chat.errors import SettingsError

if TYPE_CHECKING:
    import openai
    from langchain_openai import ChatOpenAI

OPENAI_URL = "https://api.openai.com/v1"
DEFAULT_MODEL = "gpt-4"
TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Endpoint:
    """A server of the one interface; `embedded` says that the model is the small one in this process."""

    base_url: str
    model: str
    api_key: str = field(default="none", repr=False)
    embedded: bool = False
    timeout_s: float = TIMEOUT_S

    def openai(self) -> openai.OpenAI:
        """A client of the `openai` package."""
        import openai

        return openai.OpenAI(
            base_url=self.base_url,
            api_key=self.api_key,
            timeout=self.timeout_s,
            max_retries=0 if self.embedded else 2,
        )

    def langchain(self, **options: Any) -> ChatOpenAI:
        """LangChain's chat model over the same server; `options` are its own (temperature, max_tokens…)."""
        from langchain_openai import ChatOpenAI

        return ChatOpenAI(
            base_url=self.base_url,
            api_key=self.api_key,
            model=self.model,
            timeout=self.timeout_s,
            max_retries=0 if self.embedded else 2,
            **options,
        )


def configured(env: Mapping[str, str] = os.environ) -> Endpoint | None:
    """The server that the environment names; none if it names neither key nor address."""
    key, url = env.get("OPENAI_API_KEY", "").strip(), env.get("OPENAI_BASE_URL", "").strip()
    model = env.get("OPENAI_MODEL", "").strip()
    if not key and not url:
        if model:
            raise SettingsError(
                f"OPENAI_MODEL is {model!r}, but neither OPENAI_API_KEY nor OPENAI_BASE_URL says where it runs"
            )
        return None
    parts = urlsplit(url or OPENAI_URL)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingsError(f"OPENAI_BASE_URL: expected an address such as {OPENAI_URL}, found {url!r}")
    return Endpoint((url or OPENAI_URL).rstrip("/"), model or DEFAULT_MODEL, key or "none")


@contextmanager
def open_chat(
    *, gguf: Path | None = None, n_ctx: int = N_CTX, slots: int = 1, threads: int = 0
) -> Iterator[Endpoint]:
    """The configured server, else the embedded one for as long as the context lasts.

    A `gguf` given by the caller (an experiment's declared input) is served whatever the environment says.
    """
    if gguf is None and (named := configured()) is not None:
        yield named
        return
    path = gguf or default_gguf()
    name = ALIAS if path.stem.startswith(ALIAS) else path.stem
    with serve_gguf(path, n_ctx=n_ctx, slots=slots, threads=threads, model=name) as serving:
        yield Endpoint(serving.base_url, serving.model, embedded=True)
