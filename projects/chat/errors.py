"""What can go wrong between a question and a model's words, each kind with what to do about it."""

from __future__ import annotations


class ChatError(Exception):
    """Something that the caller or the user can mend; its text says what, where and how.

    ChatError
    ├── ModelFileError   the GGUF is missing, cut off or no GGUF
    ├── ServerError      the embedded server did not start, or a server does not answer
    ├── PromptTooLong    the prompt does not fit the model's context
    └── SettingsError    OPENAI_… variables that contradict each other
    """


class ModelFileError(ChatError):
    """The model's file cannot be used."""


class ServerError(ChatError):
    """No server, or one that failed."""


class PromptTooLong(ChatError):
    """More tokens than the context holds."""


class SettingsError(ChatError):
    """The environment's settings make no sense together."""


def explain(error: Exception) -> ChatError:
    """Turn an error of the `openai` client into one of ours; an unknown kind is given on as it is.

    LangChain raises subclasses of the same errors, so that this serves both ways of calling.
    """
    import openai

    if isinstance(error, ChatError):
        return error
    if isinstance(error, openai.APITimeoutError):
        return ServerError("the model server did not answer in time: try again, or raise the timeout")
    if isinstance(error, openai.APIConnectionError):
        return ServerError(f"the model server cannot be reached ({_cause(error)}): is it running?")
    if isinstance(error, openai.APIStatusError):
        body = error.body if isinstance(error.body, dict) else {}
        if body.get("type") == "exceed_context_size_error" or body.get("code") == "context_length_exceeded":
            needed, room = body.get("n_prompt_tokens"), body.get("n_ctx")
            shown = (
                f"{needed} tokens, the context holds {room}" if needed and room else "see the model's limit"
            )
            return PromptTooLong(f"the prompt is too long for the model: {shown}; shorten it or raise n_ctx")
        said = body.get("message") or f"HTTP {error.status_code}"
        return ServerError(f"the model server refused (HTTP {error.status_code}): {said}")
    if isinstance(error, openai.APIError):  # an error inside a stream has no status
        return ServerError(f"the model server broke off: {error.message}")
    # A stream that ends in the middle comes as an error of the HTTP library, which openai does not wrap.
    if type(error).__module__.partition(".")[0] in ("httpx", "httpx2", "httpcore", "httpcore2"):
        return ServerError(f"the connection to the model server broke ({_cause(error)})")
    raise error


def _cause(error: Exception) -> str:
    """The innermost reason, which says more than ‘Connection error.’"""
    inner: BaseException = error
    while inner.__cause__ is not None:
        inner = inner.__cause__
    return str(inner) or type(inner).__name__
